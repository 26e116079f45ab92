"""Another system that tells Löfte something: it seals, and writes records as they lie on the topic."""

import itertools
import json
from collections.abc import Mapping
from typing import Any

from chassis.reacting import Raw
from joserfc import jwe
from joserfc.jwk import ECKey
from lofte_events import SEALED_WITH, ContactSubmitted, MatterStatusReported

CODE = "0581"
TOPIC = f"lofte.inbound.{CODE}"
SOURCE = "https://minasidor.example.se"
NAME, PHONE, TEXT = "Signe Testsson", "070-174 06 05", "Min grannes träd\nskuggar"
_offsets = itertools.count()


def a_key(kid: str) -> ECKey:
    return ECKey.generate_key("P-256", {"kid": kid})


def jwks(*keys: ECKey) -> str:
    return json.dumps({"keys": [key.as_dict(private=True) for key in keys]})


def sealed(key: ECKey, plain: Any, **header: Any) -> str:
    text = plain if isinstance(plain, bytes) else json.dumps(plain, ensure_ascii=False).encode()
    told = {"alg": SEALED_WITH[0], "enc": SEALED_WITH[1], "kid": key.kid, **header}
    return jwe.encrypt_compact(told, text, key, algorithms=[*SEALED_WITH, "DEF", "ECDH-ES", "A128GCM"])


def contact_plain(**change: Any) -> dict[str, Any]:
    told = {
        "municipality": CODE,
        "citizen": {"kind": "person", "name": NAME, "phone": PHONE},
        "subject": TEXT,
        "text": TEXT,
    }
    return told | change


def contact_data(key: ECKey, plain: Any = None, **change: Any) -> dict[str, Any]:
    told = {"channel": "web", "topic": "city.parking", "sealed": sealed(key, plain or contact_plain())}
    return without_nothing(told | change)


def matter_data(key: ECKey | None, plain: Mapping[str, Any] | None = None, **change: Any) -> dict[str, Any]:
    told: dict[str, Any] = {
        "matter": "BYGG-2026-000123",
        "owner": "department.building",
        "status": "in-progress",
        "reported_at": "2026-03-02T08:00:00+01:00",
    }
    if key is not None:
        told["sealed"] = sealed(key, {"municipality": CODE, "phone": PHONE} | dict(plain or {}))
    return without_nothing(told | change)


def without_nothing(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if value is not ...}


def attributes(event_id: str, kind: str = ContactSubmitted.TYPE, **change: Any) -> dict[str, Any]:
    told = {"specversion": "1.0", "id": event_id, "source": SOURCE, "type": kind, "municipality": CODE}
    return without_nothing(told | change)


def raw(value: bytes | None, headers: Mapping[str, str | bytes], *, offset: int | None = None) -> Raw:
    told = [(name, text.encode() if isinstance(text, str) else text) for name, text in headers.items()]
    return Raw(TOPIC, 0, next(_offsets) if offset is None else offset, None, value, told, 1772434800000)


def binary(event_id: str, data: Any, kind: str = ContactSubmitted.TYPE, **change: Any) -> Raw:
    headers = {f"ce_{name}": value for name, value in attributes(event_id, kind, **change).items()}
    value = data if isinstance(data, bytes) else json.dumps(data).encode()
    return raw(value, {**headers, "content-type": "application/json"})


def structured(event_id: str, data: Any, kind: str = ContactSubmitted.TYPE, **change: Any) -> Raw:
    event = {**attributes(event_id, kind, **change), "data": data}
    return raw(json.dumps(event).encode(), {"content-type": "application/cloudevents+json; charset=UTF-8"})


def matter(event_id: str, data: Any, **change: Any) -> Raw:
    return binary(event_id, data, MatterStatusReported.TYPE, **change)
