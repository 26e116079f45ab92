"""The development issuer signs what the services can check, and knows its place."""

import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.errors import BadSignatureError
from joserfc.jwk import ECKey, KeySet
from lofte_local.errors import LocalError
from lofte_local.issuer import Issuer, refuse_beside_real_issuer

URL = "http://127.0.0.1:8100"


def keys(jwks: Mapping[str, Any]) -> KeySet:
    return KeySet([ECKey.import_key(key) for key in jwks["keys"]])


def test_a_token_is_checked_with_the_published_key(tmp_path: Path) -> None:
    issuer = Issuer.open(tmp_path, URL)
    text = issuer.token("handler", "0581", department="building", lifetime=timedelta(hours=1))
    token = jwt.decode(text, keys(issuer.jwks()), algorithms=["ES256"])
    assert token.header["kid"] == issuer.jwks()["keys"][0]["kid"]
    now = time.time()
    assert token.claims["iss"] == issuer.configuration()["issuer"] == URL
    assert token.claims["aud"] == "lofte"
    assert token.claims["nbf"] <= now <= token.claims["exp"] <= now + 3601
    assert {name: token.claims[name] for name in ("role", "municipality", "department", "sub")} == {
        "role": "handler",
        "municipality": "0581",
        "department": "building",
        "sub": "local-handler",
    }


def test_the_key_outlives_a_restart_and_another_stack_has_another(tmp_path: Path) -> None:
    first = Issuer.open(tmp_path / "a", URL)
    text = first.token("guide", "0581")
    again = keys(Issuer.open(tmp_path / "a", URL).jwks())
    assert jwt.decode(text, again, algorithms=["ES256"]).claims["role"] == "guide"
    other = Issuer.open(tmp_path / "b", URL).jwks()
    other["keys"][0]["kid"] = first.jwks()["keys"][0]["kid"]
    with pytest.raises(BadSignatureError):
        jwt.decode(text, keys(other), algorithms=["ES256"])


def test_the_private_key_stays_at_home(tmp_path: Path) -> None:
    issuer = Issuer.open(tmp_path, URL)
    assert "d" not in issuer.jwks()["keys"][0]
    assert (tmp_path / "issuer-key.json").stat().st_mode & 0o777 == 0o600


def test_an_unknown_role_gets_no_token(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="guide, handler"):
        Issuer.open(tmp_path, URL).token("king", "0581")


@pytest.mark.parametrize(
    "environment", [{"LOFTE_ISSUER": "https://login.kommun.example"}, {"LOFTE_ENVIRONMENT": "production"}]
)
def test_it_refuses_beside_a_real_issuer(environment: dict[str, str]) -> None:
    with pytest.raises(LocalError, match="unset"):
        refuse_beside_real_issuer(URL, environment)


def test_it_runs_where_nobody_or_itself_is_named() -> None:
    refuse_beside_real_issuer(URL, {})
    refuse_beside_real_issuer(URL, {"LOFTE_ISSUER": f"{URL}/", "LOFTE_ENVIRONMENT": "development"})
