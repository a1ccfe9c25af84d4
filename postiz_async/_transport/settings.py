"""Settings of connections to the server: trusted certificates and proxy.

Checked when a client or a pool is made; the transport is made from them when it is opened.
"""

from __future__ import annotations

import os
import ssl as tls
from dataclasses import dataclass
from typing import TYPE_CHECKING

from postiz_async._wire.headers import headers_in, hidden_values
from postiz_async._wire.proxies import Proxies, Proxy
from postiz_async._wire.secrets import Secret
from postiz_async.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

CONNECTIONS = 100
"""The largest number of connections, by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionSettings:
    """The settings of connections. `speed` is that of the clock by which time-outs are measured.

    If `ssl` is None, the system's certificates are trusted; if `proxies` is None, those of the
    environment at the time when the transport is made are used.
    """

    ssl: tls.SSLContext | None = None
    proxies: Proxies | None = None
    connections: int = CONNECTIONS
    speed: float = 1.0

    def proxy_to(self, url: str) -> Proxy | None:
        """The proxy for requests to a URL."""
        return (Proxies() if self.proxies is None else self.proxies).on_the_way_to(url)

    @classmethod
    def checked(
        cls,
        *,
        ssl: tls.SSLContext | None = None,
        proxy: str | Secret | None = None,
        connections: int = CONNECTIONS,
        has_transport: bool = False,
    ) -> ConnectionSettings:
        """Check the settings that a user gave; None means: as in the environment.

        Args:
            ssl: the certificates to trust, and the client's own.
            proxy: the URL of the only proxy; empty: none.
            connections: the largest number of connections.
            has_transport: whether another transport was given, which ignores these settings.

        Raises:
            UsageError: a setting has the wrong type, or cannot be combined with another.
            ConfigurationError: the address of the proxy cannot be used.
        """
        if has_transport:
            _refuse_beside_transport({"ssl": ssl, "proxy": proxy})
            return cls(connections=connections)
        _refuse_wrong_types(ssl, proxy)
        source = "proxy="
        if proxy is None:
            proxy, source = Secret(os.environ.get("POSTIZ_PROXY", "")) or None, "POSTIZ_PROXY"
        proxies = None if proxy is None else Proxies(Secret.of(proxy), source)
        return cls(ssl=ssl, proxies=proxies, connections=connections)


def _refuse_wrong_types(ssl: object, proxy: object) -> None:
    if not isinstance(ssl, tls.SSLContext | None):
        raise UsageError(
            f"ssl must be an ssl.SSLContext, not {ssl!r}. For a CA of your own: "
            "ssl=ssl.create_default_context(cafile='ca.pem')."
        )
    if not isinstance(proxy, str | Secret | None):
        raise UsageError(
            f"proxy must be the URL of a proxy, or '' for none, not {type(proxy).__name__}."
        )


def _refuse_beside_transport(settings: Mapping[str, object]) -> None:
    names = " and ".join(f"{name}=" for name, value in settings.items() if value is not None)
    if names:
        raise UsageError(
            f"{names} cannot be given beside transport=, which makes its connections by itself."
        )


def headers_of_environment(
    headers: Mapping[str, str | Secret] | None,
) -> Mapping[str, str | Secret]:
    """The headers that were given, else those of POSTIZ_HEADERS.

    Raises:
        ConfigurationError: POSTIZ_HEADERS cannot be read.
    """
    if headers is not None:
        return hidden_values(headers)
    text = Secret(os.environ.get("POSTIZ_HEADERS", ""))
    return headers_in(text, "POSTIZ_HEADERS") if text.reveal().strip() else {}
