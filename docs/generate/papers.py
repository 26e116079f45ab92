"""Every paper that is made rather than written, as text: the API documents and the tables of the event reference."""

import asyncio
import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import callback.main
import callback.settings
import casework.main
import casework.settings
import intake.main
import intake.settings
import metrics.main
import metrics.settings
import routing.main
import routing.settings
from chassis.http.app import api_document
from chassis.runtime import Build, make_runtime
from chassis.settings import ServiceSettings

from docs.generate import asyncapi, reference

Document = dict[str, Any]

ROOT = Path(__file__).parents[2]
API = ROOT / "docs" / "api"
EVENTS = ROOT / "docs" / "events.md"

_SERVICES: Mapping[str, tuple[type[ServiceSettings], Build[Any]]] = {
    "intake": (intake.settings.IntakeSettings, intake.main.build),
    "routing": (routing.settings.RoutingSettings, routing.main.build),
    "casework": (casework.settings.CaseworkSettings, casework.main.build),
    "callback": (callback.settings.CallbackSettings, callback.main.build),
    "metrics": (metrics.settings.MetricsSettings, metrics.main.build),
}


def made() -> Mapping[Path, str]:
    """Path -> what has to stand there, the same every time."""
    events = asyncapi.document()
    return {
        API / "asyncapi.json": _as_text(events),
        **{API / f"{service}.openapi.json": _as_text(it) for service, it in openapi_documents().items()},
        EVENTS: reference.filled(EVENTS.read_text("utf-8"), events),
    }


def stale() -> Mapping[Path, str]:
    """What does not stand there as it has to."""
    return {
        path: text
        for path, text in made().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    }


def openapi_documents() -> Mapping[str, Document]:
    """The document of each service, from the service itself; nothing is connected for it."""
    return asyncio.run(_documents())


async def _documents() -> Mapping[str, Document]:
    return {service: await _document(service) for service in _SERVICES}


async def _document(service: str) -> Document:
    settings_class, build = _SERVICES[service]
    settings = settings_class(
        database="none",
        replica="none",
        municipalities=ROOT / "deploy" / "municipalities",
        master_key=base64.b64encode(bytes(32)).decode(),  # type: ignore[arg-type]  # read as from the environment
    )
    runtime = make_runtime(service, settings)
    try:
        return api_document(runtime, build(runtime))
    finally:
        await runtime.close()


def _as_text(document: Document) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
