"""The plain pages of the front door: rendered on the server, no script, nothing from outside."""

import asyncio
import json
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from aiokafka.errors import KafkaError
from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import MediaType, Response, get
from litestar.datastructures import ResponseHeader
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery

from lofte_local.papers import channels, endpoints
from lofte_local.paths import ASYNCAPI
from lofte_local.settings import SERVICES
from lofte_local.stack import Stack
from lofte_local.timeline import cases_with_reference, newest_cases, story

__all__ = ["Pages", "page_headers"]

_ZONE = ZoneInfo("Europe/Stockholm")


class Pages:
    """The start page, one page per service's API, and one per case."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._templates = Environment(
            loader=PackageLoader("lofte_local"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )
        self._templates.filters["local"] = _local

    def routes(self) -> list[HTTPRouteHandler]:
        @get("/")
        async def start() -> Response[str]:
            return await self.start()

        @get("/api/{service:str}")
        async def api(service: FromPath[str]) -> Response[str]:
            return await self.api(service)

        @get("/events", sync_to_thread=False)
        def events() -> Response[str]:
            return self.events()

        @get("/asyncapi.json", media_type=MediaType.JSON, sync_to_thread=False)
        def asyncapi() -> bytes:
            return ASYNCAPI.read_bytes()

        @get("/cases")
        async def find(reference: FromQuery[str] = "") -> Response[str]:
            return await self.find(reference)

        @get("/cases/{case_id:str}")
        async def case(case_id: FromPath[str]) -> Response[str]:
            return await self.case(case_id)

        @get("/style.css", media_type=MediaType.CSS, sync_to_thread=False)
        def style() -> str:
            return self._templates.get_template("style.css").render()

        return [start, api, events, asyncapi, find, case, style]

    async def start(self) -> Response[str]:
        """Health of all parts, links to the API documents, the newest cases."""
        async with httpx.AsyncClient(timeout=1.5, trust_env=False) as client:
            services = await asyncio.gather(
                *(self._health(client, *which) for which in self._stack.replicas())
            )
        try:
            cases = await newest_cases(self._stack.kafka_address, self._stack.topic_prefix)
        except KafkaError:
            cases = None
        return self._page("start.html", stack=self._stack, services=services, cases=cases, names=SERVICES)

    async def api(self, service: str) -> Response[str]:
        """The endpoints of a service, from its own OpenAPI document."""
        if service not in SERVICES:
            raise NotFoundException(f"No service {service}: {', '.join(SERVICES)}.")
        url = f"{self._stack.service_url(service)}/openapi.json"
        try:
            async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
                document = (await client.get(url)).raise_for_status().json()
        except (httpx.HTTPError, ValueError):
            document = None
        return self.shown(service, url, document)

    def shown(self, service: str, url: str, document: dict[str, Any] | None) -> Response[str]:
        """The page of an OpenAPI document; None: it could not be read."""
        return self._page(
            "api.html",
            service=service,
            url=url,
            document=document,
            endpoints=endpoints(document or {}),
            names=SERVICES,
        )

    def events(self) -> Response[str]:
        """What is on the topics, from the AsyncAPI document."""
        document = json.loads(ASYNCAPI.read_text(encoding="utf-8"))
        return self._page("events.html", document=document, channels=channels(document))

    async def find(self, reference: str) -> Response[str]:
        """The cases with a reference, as it is read out on the phone."""
        try:
            cases = await cases_with_reference(self._stack.kafka_address, self._stack.topic_prefix, reference)
        except KafkaError:
            cases = None
        return self._page("find.html", reference=reference, cases=cases)

    async def case(self, case_id: str) -> Response[str]:
        """One case as a timeline across services; the page loads itself again."""
        try:
            events = await story(self._stack.kafka_address, self._stack.topic_prefix, case_id)
        except KafkaError:
            events = None
        return self._page("case.html", case_id=case_id, events=events, zone=_ZONE)

    async def _health(self, client: httpx.AsyncClient, service: str, replica: int) -> dict[str, str]:
        url = self._stack.service_url(service, replica)
        try:
            answer = await client.get(f"{url}/health/ready")
            status = (
                str(answer.json().get("status", "ok"))
                if answer.status_code == httpx.codes.OK
                else "not ready"
            )
        except (httpx.HTTPError, ValueError, AttributeError):
            status = "away"
        return {
            "name": service if replica == 1 else f"{service} {replica}",
            "service": service,
            "url": url,
            "status": status,
        }

    def _page(self, template: str, **values: object) -> Response[str]:
        return Response(self._templates.get_template(template).render(**values), media_type=MediaType.HTML)


def page_headers() -> list[ResponseHeader]:
    """No script runs and nothing is fetched from elsewhere, whatever a page should come to hold."""
    policy = (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return [
        ResponseHeader(name="Content-Security-Policy", value=policy),
        ResponseHeader(name="X-Content-Type-Options", value="nosniff"),
        ResponseHeader(name="Referrer-Policy", value="no-referrer"),
        ResponseHeader(name="Cache-Control", value="no-store"),
    ]


def _local(moment: datetime) -> str:
    return moment.astimezone(_ZONE).strftime("%a %Y-%m-%d %H:%M:%S")
