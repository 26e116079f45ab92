"""The keys that others seal to."""

import json

import pytest
from intake.unsealing import SealingKeys
from pydantic import SecretStr

from .submitting import (
    jwks,
)
from .town import FOREIGN, NEW, OLD


def test_keys_are_published_in_their_order_without_their_secret() -> None:
    published = SealingKeys(SecretStr(jwks(NEW, OLD))).published()["keys"]
    assert [(key["kid"], key["use"], key["alg"]) for key in published] == [
        ("new", "enc", "ECDH-ES+A256KW"),
        ("old", "enc", "ECDH-ES+A256KW"),
    ]
    assert not any("d" in key for key in published)
    assert SealingKeys(None).published() == {"keys": []}


def test_keys_that_cannot_be_used_stop_the_start_without_being_quoted() -> None:
    public = json.dumps({"keys": [NEW.as_dict(private=False)]})
    twice = jwks(NEW, FOREIGN)
    for text in ("", "{", "[]", '{"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "x"}]}', public, twice):
        with pytest.raises(ValueError, match="LOFTE_INBOUND_KEYS: not a JWKS") as refused:
            SealingKeys(SecretStr(text))
        assert "c2VjcmV0" not in str(refused.value)
        assert refused.value.__cause__ is None
