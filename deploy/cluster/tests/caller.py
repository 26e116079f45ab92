"""Runs in a pod, beside the services: whoever calls them. `caller.py job | load | insist | check CONTACTS`.

`load` asks once and counts what is refused; `insist` repeats with the same key until it is answered, as a caller should.
Both go on until a file says that it is enough.
Each request has a connection of its own, as new callers have. What was accepted is printed as the last line, JSON.
"""

import asyncio
import json
import os
import sys
import time
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import httpx

BASE = "http://{release}-{service}".format(release=os.environ["RELEASE"], service="{service}")
STOP = Path("/tmp/stop")
GUIDE, HANDLER = os.environ["GUIDE"], os.environ["HANDLER"]
CONTACT = {
    "municipality": "0581",
    "channel": "email",
    "topic": "city.building-permit",
    "citizen": {"kind": "person", "name": "Maja Lind", "phone": "+46 70 174 06 12"},
    "subject": "En fråga",
}


async def ask(token: str, method: str, service: str, path: str, **more: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}", **more.pop("headers", {})}
    async with httpx.AsyncClient(timeout=60, trust_env=False, verify=False) as client:
        return await client.request(method, BASE.format(service=service) + path, headers=headers, **more)


async def until(seconds: float, question: Any) -> Any:
    end = time.monotonic() + seconds
    while True:
        found = await question()
        if found or time.monotonic() > end:
            return found
        await asyncio.sleep(0.3)


async def job() -> dict[str, Any]:
    """A contact is posted, routed, promised, in its owner's list and in the figures."""
    posted = await ask(
        GUIDE, "POST", "intake", "/contacts", json=CONTACT, headers={"Idempotency-Key": uuid.uuid4().hex}
    )
    posted.raise_for_status()
    case = posted.json()["case_id"]
    began = time.monotonic()

    async def row() -> Any:
        answer = await ask(HANDLER, "GET", "casework", "/owners/department.building/cases?limit=200")
        rows = answer.json()["items"] if answer.status_code == 200 else []
        return next((r for r in rows if r["case_id"] == case and r["promise_due_at"]), None)

    async def promise() -> Any:
        answer = await ask(GUIDE, "GET", "callback", f"/promises/{case}")
        return answer.json()["promises"] if answer.status_code == 200 else None

    async def one_of_each() -> Any:
        found = await counted()
        return found if min(found) else None

    seen, promised = await until(60, row), await until(60, promise)
    return {
        "case": case,
        "owner": seen and seen["owner"],
        "due_at": seen and seen["promise_due_at"],
        "promise": promised and promised[0]["state"],
        "counted": await until(60, one_of_each),
        "seconds": round(time.monotonic() - began, 2),
    }


async def counted() -> tuple[int, int]:
    """Contacts and promises that the figures count: for a message that opens a case, one of each."""
    answer = await ask(GUIDE, "GET", "metrics", "/summary?from=2020-01-01&to=2099-01-01")
    rows = answer.json()["rows"] if answer.status_code == 200 else []
    return sum(row["contacts"] for row in rows), sum(row["promises_made"] for row in rows)


async def traffic(*, insist: bool, callers: int = 4) -> dict[str, Any]:
    """Contacts from several callers at once, until STOP is there, and no longer than twenty minutes."""
    told: Counter[str] = Counter()
    accepted: list[str] = []
    slowest = 0.0
    end = time.monotonic() + 1200

    def enough() -> bool:
        return STOP.exists() or time.monotonic() > end

    async def caller() -> None:
        nonlocal slowest
        while not enough():
            key = uuid.uuid4().hex
            while True:
                began = time.monotonic()
                try:
                    answer = await ask(
                        GUIDE, "POST", "intake", "/contacts", json=CONTACT, headers={"Idempotency-Key": key}
                    )
                except httpx.HTTPError as error:
                    outcome = type(error).__name__
                else:
                    outcome = str(answer.status_code)
                    if answer.status_code == 201:
                        accepted.append(answer.json()["case_id"])
                told[outcome] += 1
                slowest = max(slowest, time.monotonic() - began)
                if outcome == "201" or not insist:
                    break
                await asyncio.sleep(0.1)
            await asyncio.sleep(0.1)

    await asyncio.gather(*(caller() for _ in range(callers)))
    return {
        "told": told,
        "accepted": len(accepted),
        "distinct": len(set(accepted)),
        "slowest": round(slowest, 2),
    }


async def check(expected: int) -> dict[str, Any]:
    """The figures count every accepted contact and its promise, soon, and each one once."""

    async def all_there() -> Any:
        return min(await counted()) >= expected

    began = time.monotonic()
    await until(90, all_there)
    seconds = round(time.monotonic() - began, 1)
    await asyncio.sleep(3)  # one too many would come now
    return {"counted": await counted(), "seconds": seconds}


async def main() -> None:
    match sys.argv[1:]:
        case ["job"]:
            found = await job()
        case [("load" | "insist") as how]:
            found = await traffic(insist=how == "insist")
        case ["check", expected]:
            found = await check(int(expected))
    print(json.dumps(found))


asyncio.run(main())
