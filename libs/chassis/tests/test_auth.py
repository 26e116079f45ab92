"""Tokens of a real issuer that is served here."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from chassis.auth import Principal, TokenVerifier
from chassis.errors import Unauthenticated, Unavailable
from chassis.testing.issuer import TinyIssuer
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey


class Time:
    """Real time that a test can move on."""

    def __init__(self) -> None:
        self.passed = 0.0

    def now(self) -> float:
        return time.time() + self.passed

    def monotonic(self) -> float:
        return self.passed


@pytest.fixture
def issuer() -> Iterator[TinyIssuer]:
    with TinyIssuer() as issuer:
        yield issuer


@pytest.fixture
def passing() -> Time:
    return Time()


@pytest.fixture
async def verifier(issuer: TinyIssuer, passing: Time) -> AsyncIterator[TokenVerifier]:
    verifier = make(issuer.url, passing)
    yield verifier
    await verifier.close()


def make(url: str, passing: Time) -> TokenVerifier:
    client = httpx.AsyncClient(timeout=2.0, trust_env=False)
    return TokenVerifier(url, "lofte", client=client, now=passing.now, monotonic=passing.monotonic)


async def test_a_token_names_its_principal(issuer: TinyIssuer, verifier: TokenVerifier) -> None:
    token = issuer.token("handler", "0581", department="building", subject="h1")
    assert await verifier.verify(token) == Principal("h1", "handler", "0581", "building")
    assert (await verifier.verify(token)).client == "0581/h1"


async def test_an_audience_may_be_one_of_several(issuer: TinyIssuer, verifier: TokenVerifier) -> None:
    assert (await verifier.verify(issuer.token(aud=["other", "lofte"]))).role == "guide"


@pytest.mark.parametrize(
    ("claims", "sentence"),
    [
        ({"exp": 1}, "has expired"),
        ({"exp": None}, "lacks a claim: exp"),
        ({"exp": "soon"}, "claim exp is not right"),
        ({"nbf": 9_999_999_999}, "claim nbf is not right"),
        ({"iss": "http://elsewhere"}, "claim iss is not right"),
        ({"iss": None}, "lacks a claim: iss"),
        ({"aud": "other"}, "claim aud is not right"),
        ({"aud": None}, "lacks a claim: aud"),
        ({"sub": None}, "lacks a claim: sub"),
        ({"role": None}, "lacks a usable claim: role"),
        ({"role": ["admin"]}, "lacks a usable claim: role"),
        ({"municipality": None}, "lacks a usable claim: municipality"),
        ({"municipality": "0581\n"}, "lacks a usable claim: municipality"),
        ({"department": 7}, "claim department is not a text"),
    ],
)
async def test_a_claim_that_is_missing_or_wrong_is_named(
    issuer: TinyIssuer, verifier: TokenVerifier, claims: dict[str, Any], sentence: str
) -> None:
    for _ in range(2):
        with pytest.raises(Unauthenticated, match=sentence):
            await verifier.verify(issuer.token(**claims))


async def test_another_key_another_algorithm_or_none_do_not_hold(
    issuer: TinyIssuer, verifier: TokenVerifier
) -> None:
    said = jwt.decode(issuer.token(), issuer.keys[0]).claims
    kid = issuer.keys[0].kid or ""
    forged = ECKey.generate_key("P-256", parameters={"kid": kid})
    with pytest.raises(Unauthenticated, match="signature does not hold"):
        await verifier.verify(jwt.encode({"alg": "ES256", "kid": kid}, said, forged))
    shared = OctKey.import_key("the public key as a secret, an old trick")
    for token in (
        jwt.encode({"alg": "HS256", "kid": kid}, said, shared),
        issuer.token().replace(".", "..", 1),
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.",
        "å.ä.ö",
    ):
        with pytest.raises(Unauthenticated, match="not a JWT signed with"):
            await verifier.verify(token)


async def test_a_verified_token_costs_nothing_until_it_expires(
    issuer: TinyIssuer, verifier: TokenVerifier, passing: Time
) -> None:
    token = issuer.token(exp=int(time.time()) + 60)
    for _ in range(100):
        await verifier.verify(token)
    assert issuer.asked["/jwks.json"] == 1
    passing.passed = 70.0
    with pytest.raises(Unauthenticated, match="has expired"):
        await verifier.verify(token)


async def test_a_new_key_is_fetched_once_not_for_every_forgery(
    issuer: TinyIssuer, verifier: TokenVerifier, passing: Time
) -> None:
    await verifier.verify(issuer.token())
    issuer.new_key()
    with pytest.raises(Unauthenticated, match="does not publish"):
        await verifier.verify(issuer.token())
    assert issuer.asked["/jwks.json"] == 1
    passing.passed = 11.0
    tokens = [issuer.token(subject=f"s{n}") for n in range(20)]
    principals = await asyncio.gather(*(verifier.verify(token) for token in tokens))
    assert len({principal.subject for principal in principals}) == 20
    assert issuer.asked["/jwks.json"] == 2


async def test_a_token_of_a_key_that_is_published_no_more_is_refused_within_ten_minutes(
    issuer: TinyIssuer, verifier: TokenVerifier, passing: Time
) -> None:
    token = issuer.token(exp=int(time.time()) + 7200)
    await verifier.verify(token)
    issuer.new_key()
    del issuer.keys[0]
    passing.passed = 500.0
    assert (await verifier.verify(token)).role == "guide"
    passing.passed = 601.0
    with pytest.raises(Unauthenticated, match="does not publish"):
        await verifier.verify(token)


async def test_a_known_key_holds_while_the_issuer_is_away(passing: Time) -> None:
    with TinyIssuer() as issuer:
        verifier = make(issuer.url, passing)
        await verifier.verify(issuer.token())
    passing.passed = 3000.0
    assert (await verifier.verify(issuer.token(subject="later"))).subject == "later"
    await verifier.close()


async def test_without_any_key_the_service_is_unavailable_until_the_issuer_answers(passing: Time) -> None:
    with TinyIssuer() as issuer:
        token, url = issuer.token(), issuer.url
    verifier = make(url, passing)
    for _ in range(2):
        with pytest.raises(Unavailable, match="issuer of tokens does not answer"):
            await verifier.verify(token)
    await verifier.close()


async def test_a_configuration_of_another_issuer_is_not_believed(issuer: TinyIssuer, passing: Time) -> None:
    verifier = make(issuer.url.replace("127.0.0.1", "localhost"), passing)
    with pytest.raises(Unavailable):
        await verifier.verify(issuer.token())
    await verifier.close()
