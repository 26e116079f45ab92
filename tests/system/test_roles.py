"""Who may call what: every route with every role, as the API documents say it; and tokens that do not hold."""

import base64
import json
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
from chassis.testing.issuer import TinyIssuer
from joserfc import jwt
from joserfc.jwk import OctKey
from lofte_local.issuer import ROLES

from tests.harness.people import Person, contact, person
from tests.harness.running import SERVICES, System

pytestmark = pytest.mark.system


@dataclass(frozen=True)
class Route:
    """An operation of a service, with the roles that its document names."""

    service: str
    method: str
    path: str
    roles: frozenset[str]


async def test_every_route_takes_the_roles_that_its_document_names_and_no_other(system: System) -> None:
    people = {role: person(system, role) for role in ROLES}
    wrong = []
    for route in await _routes(system):
        for role, somebody in people.items():
            answer = await _try(somebody, route)
            # A department's own scope may still say no; the role's own refusal says what the route takes.
            refused = answer.status_code == 403 and "it takes" in answer.json()["detail"]
            if answer.status_code in (401, 500) or refused is (role in route.roles):
                wrong.append((route.service, route.method, route.path, role, answer.status_code))
    assert wrong == []


async def test_every_route_but_the_public_ones_needs_a_token_that_holds(system: System) -> None:
    with TinyIssuer() as foreign:
        tokens = dict(_bad_tokens(system, foreign))
        wrong: list[tuple[str, str, str, object]] = []
        for route in await _routes(system):
            for name, token in tokens.items():
                headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
                url = f"{system.url(route.service)}{_filled(route.path)}"
                answer = await system.http.request(route.method, url, headers=headers)
                problem = answer.json()
                if answer.status_code != 401 or problem["type"] != "urn:lofte:problem:unauthenticated":
                    wrong.append((route.service, route.path, name, answer.status_code))
                elif answer.headers["WWW-Authenticate"] != "Bearer":
                    wrong.append((route.service, route.path, name, "no WWW-Authenticate"))
        assert wrong == []


async def test_health_and_public_keys_need_no_token(system: System) -> None:
    for service in SERVICES:
        document = (await system.http.get(f"{system.url(service)}/openapi.json")).json()
        public = {
            path
            for path, those in document["paths"].items()
            for it in those.values()
            if it.get("security") == []
        }
        assert public == ({"/keys"} if service == "intake" else set())
        for path in ("/health/live", "/health/ready", "/health/metrics", "/openapi.json", *public):
            assert (await system.http.get(f"{system.url(service)}{path}")).status_code == 200


async def test_a_token_opens_its_own_municipality_alone(system: System, guide: Person) -> None:
    told = await guide.report(contact("phone", "city.planning"))
    case = await guide.see(told["case_id"])
    stranger = person(system, "guide", municipality="2380", subject="guide-anna")
    for service, path, body in (
        ("intake", "/contacts", contact("phone")),
        ("routing", "/routes/explain", {"channel": "phone", "municipality": "0581"}),
    ):
        answer = await stranger.post(service, path, body)
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:lofte:problem:not-allowed"), path
    for service, path in (
        ("intake", f"/contacts/{told['contact_id']}"),
        ("casework", f"/cases/{case.id}"),
        ("casework", f"/cases/{case.id}/history"),
        ("callback", f"/promises/{case.id}"),
    ):
        assert (await stranger.get(service, path)).status_code == 404, path
    claimed = await stranger.post("casework", f"/cases/{case.id}/claim", {}, if_match=case.etag)
    assert claimed.status_code == 404
    listed = await stranger.rows("group.city")
    assert case.id not in {row["case_id"] for row in listed}
    joined = await stranger.post(
        "intake", "/contacts", {**contact("phone"), "municipality": "2380", "case_id": case.id}
    )
    assert (joined.status_code, joined.json()["errors"][0]["field"]) == (422, "case_id")


async def test_a_token_of_a_municipality_that_is_not_served_opens_nothing(system: System) -> None:
    nobody = person(system, "guide", municipality="0180")
    for service, method, path, body in (
        ("intake", "POST", "/contacts", {**contact("phone"), "municipality": "0180"}),
        ("intake", "GET", f"/contacts/{uuid.uuid4()}", None),
        ("intake", "GET", f"/citizens/{uuid.uuid4()}/matters", None),
        ("routing", "POST", "/routes/explain", {"channel": "phone"}),
        ("casework", "GET", "/owners/group.city/cases", None),
        ("casework", "GET", f"/cases/{uuid.uuid4()}", None),
        ("casework", "POST", f"/cases/{uuid.uuid4()}/claim", {}),
        ("casework", "POST", f"/cases/{uuid.uuid4()}/forward", {"to_topic": "city.parking", "reason": "?"}),
        ("callback", "GET", "/promises", None),
        ("metrics", "GET", "/summary?from=2026-03-02&to=2026-03-03", None),
    ):
        answer = await nobody.ask(method, service, path, json=body, headers={"If-Match": '"1"'})
        assert answer.status_code in (404, 422), (path, answer.status_code, answer.text)


async def _routes(system: System) -> list[Route]:
    found = []
    for service in SERVICES:
        document = (await system.http.get(f"{system.url(service)}/openapi.json")).json()
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                if operation.get("security") == []:
                    continue
                roles = frozenset(operation["x-roles"])
                assert roles <= set(ROLES), path
                found.append(Route(service, method.upper(), path, roles))
    assert len(found) >= 18
    return found


async def _try(somebody: Person, route: Route) -> httpx.Response:
    body: Mapping[str, Any] = {"json": {}} if route.method == "POST" else {}
    return await somebody.ask(route.method, route.service, _filled(route.path), **body)


def _filled(path: str) -> str:
    """The path with ids that nothing has."""
    for name in ("case_id", "contact_id", "citizen_ref", "webhook_id", "delivery_id"):
        path = path.replace(f"{{{name}}}", str(uuid.uuid4()))
    return path.replace("{owner}", "group.general").replace("{message_id}", "0" * 24)


def _bad_tokens(system: System, foreign: TinyIssuer) -> Iterator[tuple[str, str | None]]:
    issuer = system.stack.issuer()
    good = issuer.token("guide", "0581")
    header, claims, signature = good.split(".")
    yield "none", None
    yield "garbage", "garbage"
    yield "three pieces of garbage", "a.b.c"
    yield "expired", issuer.token("guide", "0581", lifetime=timedelta(hours=-1))
    yield "another issuer's", foreign.token("guide")
    yield "another issuer's that says it is ours", foreign.token("guide", iss=issuer.url)
    yield "unsigned", f"{_part({'alg': 'none', 'typ': 'JWT'})}.{claims}."
    yield "unsigned, with a signature", f"{_part({'alg': 'none'})}.{claims}.{signature}"
    yield "another person's claims", f"{header}.{_part(_claims(claims) | {'role': 'admin'})}.{signature}"
    yield "signed with the public key as a secret", _signed_with_public_key(system, _claims(claims))


def _signed_with_public_key(system: System, claims: Mapping[str, Any]) -> str:
    (public,) = system.stack.issuer().jwks()["keys"]
    secret = OctKey.import_key(json.dumps(public).encode())
    return jwt.encode({"alg": "HS256", "kid": public["kid"]}, {**claims, "iat": int(time.time())}, secret)


def _claims(part: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def _part(content: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")
