"""Two servers that store nothing, given the contacts that intake is given: FastAPI's, and the bare protocol's.

`python -m bench.peers.endpoints fastapi|bare PORT`: one uvicorn worker, with the loop and the HTTP parser of our services.
"""

import sys
from typing import Any, Literal

import uvicorn
import uvloop
from pydantic import BaseModel


class Citizen(BaseModel):
    kind: Literal["person", "business", "anonymous"]
    name: str | None = None
    phone: str | None = None
    email: str | None = None


class NewContact(BaseModel):
    """The same body; without our check of numbers and addresses."""

    municipality: str
    channel: str
    citizen: Citizen
    subject: str
    text: str | None = None
    topic: str | None = None
    menu_choice: int | None = None
    asked_for: str | None = None
    occurred_at: str | None = None
    live: bool | None = None
    case_id: str | None = None


class Accepted(BaseModel):
    contact_id: str
    case_id: str
    case_reference: str


def fastapi() -> Any:
    """Reads the body, answers one of ours; neither token nor key nor store."""
    from fastapi import FastAPI

    app = FastAPI()

    @app.post("/contacts", status_code=201)
    async def post_contact(contact: NewContact) -> Accepted:
        return Accepted(contact_id=contact.municipality, case_id="-", case_reference="-")

    return app


async def bare(scope: Any, receive: Any, send: Any) -> None:
    """Reads the body, answers."""
    more = True
    while more:
        more = (await receive()).get("more_body", False)
    await send({"type": "http.response.start", "status": 201, "headers": [(b"content-length", b"15")]})
    await send({"type": "http.response.body", "body": b'{"case_id":"-"}'})


async def serve(kind: str, port: int) -> None:
    """Until terminated."""
    app = fastapi() if kind == "fastapi" else bare
    config = uvicorn.Config(
        app, port=port, http="httptools", ws="none", lifespan="off", log_config=None, access_log=False
    )
    await uvicorn.Server(config).serve()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], int(sys.argv[2])))
