"""A tiny real issuer: serves its configuration and its keys on a port of its own, and signs tokens."""

import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet


class TinyIssuer:
    """`with TinyIssuer() as issuer:` serves at `issuer.url`; `asked` counts what was asked of it, by path."""

    def __init__(self, audience: str = "lofte") -> None:
        self.audience = audience
        self.keys: list[ECKey] = []
        self.asked: Counter[str] = Counter()
        self.new_key()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> "TinyIssuer":
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def new_key(self) -> None:
        """From now on tokens are signed with a new key; the old ones stay published."""
        kid = f"key-{len(self.keys) + 1}"
        self.keys.append(ECKey.generate_key("P-256", parameters={"kid": kid, "use": "sig", "alg": "ES256"}))

    def token(
        self,
        role: str = "guide",
        municipality: str = "0581",
        *,
        department: str | None = None,
        subject: str | None = None,
        **claims: Any,
    ) -> str:
        """A signed token; `claims` replace what it would say, None leaves a claim out."""
        now = int(time.time())
        said = {
            "iss": self.url,
            "aud": self.audience,
            "sub": subject or f"test-{role}",
            "iat": now,
            "nbf": now - 5,
            "exp": now + 3600,
            "role": role,
            "municipality": municipality,
            "department": department,
        } | claims
        key = self.keys[-1]
        return jwt.encode(
            {"alg": "ES256", "kid": key.kid},
            {name: value for name, value in said.items() if value is not None},
            key,
        )

    def bearer(self, role: str = "guide", municipality: str = "0581", **claims: Any) -> dict[str, str]:
        """The Authorization header of such a token."""
        return {"Authorization": f"Bearer {self.token(role, municipality, **claims)}"}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked[self.path] += 1
                published: Any = {"issuer": issuer.url, "jwks_uri": f"{issuer.url}/jwks.json"}
                if self.path == "/jwks.json":
                    published = KeySet(list(issuer.keys)).as_dict(private=False)
                body = json.dumps(published).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                return

        return Handler
