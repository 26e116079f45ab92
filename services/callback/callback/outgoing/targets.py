"""Where a webhook may go: https, no redirects, and no address inside somebody's network unless it is allowed.

Addresses are looked at when a connection is made, by whom makes it: a name that answers one thing to a check and another
to the connection gains nothing.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpcore
from chassis.errors import InvalidInput

from callback.outgoing.answers import Answer

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LONGEST_URL = 2000
_MUCH = 64 * 1024
_LOOKUP = 5.0
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Forbidden(Exception):
    """The name leads to an address that no webhook may go to."""


class Targets:
    """What is allowed. `networks`: private ones that receivers may be in; `plain`: http too (development)."""

    def __init__(self, networks: Sequence[Network], *, plain: bool) -> None:
        self._networks = networks
        self._plain = plain

    def allows(self, address: Address) -> bool:
        """A public address, or one of an allowed network; an IPv4 address in IPv6 clothes is looked at as it is."""
        address = _plain_address(address)
        if any(address in network for network in self._networks):
            return True
        return address.is_global and not address.is_multicast

    async def check(self, url: str) -> None:
        """Refuse a URL that nothing would be sent to.

        Raises:
            InvalidInput: says what is wrong with it.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise InvalidInput("url", "not a URL") from None
        schemes = ("https", "http") if self._plain else ("https",)
        if parts.scheme not in schemes:
            raise InvalidInput("url", f"begin it with {' or '.join(f'{scheme}://' for scheme in schemes)}")
        if not parts.hostname or port == 0:
            raise InvalidInput("url", "has no host, or no port that can be")
        if parts.username is not None or parts.password is not None or parts.fragment:
            raise InvalidInput("url", "leave out user, password and fragment; what is sent is signed")
        if len(url) > LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url:
            raise InvalidInput("url", f"at most {LONGEST_URL} visible ASCII characters; encode others")
        try:
            await self.addresses(parts.hostname, port or 443)
        except Forbidden as error:
            raise InvalidInput("url", str(error)) from None
        except (OSError, TimeoutError):
            raise InvalidInput("url", "its host is not known; is the name right?") from None

    async def addresses(self, host: str, port: int) -> Sequence[str]:
        """The host's addresses, all of them allowed. Raises Forbidden, OSError, TimeoutError."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_LOOKUP):
                found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except UnicodeError as error:
            raise OSError("not a host name") from error
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        if not all(self.allows(ipaddress.ip_address(address)) for address in addresses):
            raise Forbidden(
                "its host is not a public one; LOFTE_WEBHOOK_NETWORKS names the private ones allowed"
            )
        return addresses


class Sender:
    """Sends by HTTP, each time on a connection of its own to an address that was looked at."""

    def __init__(self, targets: Targets, *, patience: float, now: Callable[[], float]) -> None:
        """`patience`: seconds for a whole delivery. `now`: real seconds since 1970."""
        self._patience = patience
        self._now = now
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl.create_default_context(),
            max_connections=None,
            max_keepalive_connections=0,
            network_backend=_Guarded(targets),
        )

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """The receiver's answer, or why there is none. Redirects are not followed."""
        try:
            async with (
                asyncio.timeout(self._patience),
                self._pool.stream("POST", url, headers=[*headers.items()], content=body) as response,
            ):
                much = 0
                async for piece in response.aiter_stream():
                    much += len(piece)
                    if much > _MUCH:
                        break
                return Answer(response.status, self._retry_after(response.headers))
        except Forbidden as error:
            return Answer(None, fault=str(error))
        except (TimeoutError, httpcore.TimeoutException):
            return Answer(None, fault=f"no answer within {self._patience:g} s")
        except (
            httpcore.NetworkError,
            httpcore.ProtocolError,
            httpcore.UnsupportedProtocol,
            OSError,
        ) as error:
            return Answer(None, fault=f"not reached: {type(error).__name__}")

    async def close(self) -> None:
        await self._pool.aclose()

    def _retry_after(self, headers: Iterable[tuple[bytes, bytes]]) -> timedelta | None:
        told = next((value for name, value in headers if name.lower() == b"retry-after"), None)
        if told is None:
            return None
        text = told.decode("latin-1").strip()
        try:
            if text.isdigit():
                return timedelta(seconds=min(int(text), 10**7))
            until = parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            return None
        until = until if until.tzinfo else until.replace(tzinfo=UTC)
        return max(until - datetime.fromtimestamp(self._now(), UTC), timedelta(0))


class _Guarded(httpcore.AnyIOBackend):
    """Connects to the addresses of a name only where all of them are allowed."""

    def __init__(self, targets: Targets) -> None:
        self._targets = targets

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.AsyncNetworkStream:
        failure: Exception | None = None
        for address in await self._targets.addresses(host, port):
            try:
                return await super().connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore.ConnectError("no address")


def _plain_address(address: Address) -> Address:
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(address.packed[-4:])
    embedded = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
    return embedded or address
