"""The process on the base port: the development issuer and the pages. `python -m lofte_local.frontdoor FOLDER`."""

import base64
import os
import sys
from pathlib import Path
from typing import Any

import uvicorn
from litestar import Litestar, Request, Response, get, post
from litestar.config.allowed_hosts import AllowedHostsConfig

from lofte_local.errors import LocalError
from lofte_local.issuer import Issuer, refuse_beside_real_issuer
from lofte_local.pages import Pages, page_headers
from lofte_local.stack import Stack

__all__ = ["build", "main"]


def build(stack: Stack) -> Litestar:
    """The application; it keeps no state of its own."""
    issuer: Issuer = stack.issuer()
    port = stack.settings.base_port

    @get("/health", sync_to_thread=False)
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @get("/.well-known/openid-configuration", sync_to_thread=False)
    def configuration() -> dict[str, Any]:
        return issuer.configuration()

    @get("/jwks.json", sync_to_thread=False)
    def jwks() -> dict[str, Any]:
        return issuer.jwks()

    @post("/token", status_code=200, sync_to_thread=False)
    def token(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
        kind, _, told = request.headers.get("authorization", "").partition(" ")
        try:
            client_id, _, secret = base64.b64decode(told, validate=True).decode().partition(":")
        except ValueError:
            client_id = secret = ""
        granted = issuer.grant(client_id, secret) if kind.lower() == "basic" else None
        if granted is None:
            return Response({"error": "invalid_client"}, status_code=401)
        return Response(granted, headers={"Cache-Control": "no-store"})

    return Litestar(
        [health, configuration, jwks, token, *Pages(stack).routes()],
        # The pages show cases without a log-in: no other site may reach them under a name of its own.
        allowed_hosts=AllowedHostsConfig(
            allowed_hosts=[f"{host}:{port}" for host in ("127.0.0.1", "localhost")]
        ),
        response_headers=page_headers(),
        openapi_config=None,
    )


def main() -> int:
    stack = Stack.open(Path(sys.argv[1]))
    try:
        refuse_beside_real_issuer(stack.url, os.environ)
    except LocalError as error:
        print(error, file=sys.stderr)
        return 1
    uvicorn.run(
        build(stack),
        host="127.0.0.1",
        port=stack.settings.base_port,
        log_level="warning",
        timeout_graceful_shutdown=2,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
