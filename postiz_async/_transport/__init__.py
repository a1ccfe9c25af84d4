"""Send requests and read responses. The only package of the client that imports aiohttp."""

# pyright: reportUnusedImport=false

from __future__ import annotations

from typing import Protocol

from postiz_async._transport.settings import ConnectionSettings, headers_of_environment
from postiz_async._wire import WireRequest, WireResponse


class Transport(Protocol):
    """Sends one request and returns one response. Never retries, never follows a redirect."""

    async def send(self, request: WireRequest) -> WireResponse:
        """Send the request; its `leaves` is called before the first byte.

        Raises:
            APIConnectionError: no usable answer; `delivery` says whether bytes went out.
            APITimeoutError: the answer did not come in time.
        """
        ...

    async def aclose(self) -> None:
        """Close all connections."""
        ...


def make_transport(settings: ConnectionSettings = ConnectionSettings()) -> Transport:  # noqa: B008
    """The real transport to the server."""
    from postiz_async._transport.http import AiohttpTransport  # noqa: PLC0415  (aiohttp is slow)

    return AiohttpTransport(settings)
