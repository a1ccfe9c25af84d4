"""Settings of connections to the server: trusted certificates, proxy, connector.

Checked when a client or a pool is made; the transport is made from them when it is opened.
"""

from __future__ import annotations

import os
import ssl as tls
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from postiz_async._wire.headers import headers_in, hidden_values
from postiz_async._wire.proxies import Proxies, Proxy
from postiz_async._wire.secrets import Secret
from postiz_async.errors import ConfigurationError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import BaseConnector

    Connector: TypeAlias = BaseConnector


Trust: TypeAlias = "tls.SSLContext | Path | str"

USUAL_CONNECTIONS = 100
"""The largest number of connections, by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionSettings:
    """The settings of connections. `speed` is that of the clock by which time-outs are measured.

    If `ssl` or `connector` is None, aiohttp's own is used; if `proxies` is None, those of the
    environment at the time when the transport is made.
    """

    ssl: tls.SSLContext | None = None
    proxies: Proxies | None = None
    connector: Connector | None = None
    connections: int = USUAL_CONNECTIONS
    speed: float = 1.0

    def proxy_to(self, url: str) -> Proxy | None:
        """The proxy for requests to a URL."""
        return (Proxies() if self.proxies is None else self.proxies).on_the_way_to(url)

    @classmethod
    def checked(
        cls,
        *,
        ssl: Trust | None = None,
        proxy: str | Secret | None = None,
        connector: Connector | None = None,
        connections: int | None = None,
        has_transport: bool = False,
        source: str = "proxy=",
    ) -> ConnectionSettings:
        """Check the settings that a user gave; None means: as in the environment.

        Args:
            ssl: the certificates to trust: a context, or a file or folder of them.
            proxy: the URL of the only proxy; empty: none.
            connector: the user's own connector.
            connections: the largest number of connections.
            source: the place where the proxy was given, for messages.
            has_transport: whether another transport was given, which ignores these settings.

        Raises:
            UsageError: a setting has the wrong type, or cannot be combined with another.
            ConfigurationError: certificates or the address of the proxy cannot be used.
        """
        given = {"ssl": ssl, "proxy": proxy, "connector": connector}
        if has_transport:
            _refuse_beside_transport([name for name, value in given.items() if value is not None])
            return cls(connections=USUAL_CONNECTIONS if connections is None else connections)
        if connector is not None:
            _check_connector(connector, ssl, connections)
        elif ssl is None:
            ssl = os.environ.get("POSTIZ_CA_FILE") or None
        _check_proxy(proxy)
        if proxy is None:
            proxy, source = Secret(os.environ.get("POSTIZ_PROXY", "")) or None, "POSTIZ_PROXY"
        return cls(
            ssl=None if ssl is None else _context(ssl),
            proxies=None if proxy is None else Proxies(Secret.of(proxy), source),
            connector=connector,
            connections=_places(connector) if connections is None else connections,
        )


def _refuse_beside_transport(given: list[str]) -> None:
    if given:
        names = " and ".join(f"{name}=" for name in given)
        raise UsageError(
            f"{names} cannot be given beside transport=, which makes its connections by itself."
        )


def _check_proxy(proxy: object) -> None:
    if proxy is not None and not isinstance(proxy, str | Secret):
        raise UsageError(
            f"proxy must be the URL of a proxy, or '' for none, not {type(proxy).__name__}."
        )


def _check_connector(connector: object, ssl: Trust | None, connections: int | None) -> None:
    from aiohttp import BaseConnector  # noqa: PLC0415  (slow, and imported where there is a connector)

    if not isinstance(connector, BaseConnector):
        raise UsageError(
            f"connector must be an aiohttp.BaseConnector such as aiohttp.TCPConnector(), not "
            f"{type(connector).__name__}."
        )
    if ssl is not None:
        raise UsageError(
            "ssl= cannot be given beside connector=, whose own context would be used. Give it to "
            "the connector: aiohttp.TCPConnector(ssl=...)."
        )
    if connections is not None:
        raise UsageError(
            "connections= cannot be given beside connector=, which has its own bound. Give it to "
            "the connector: aiohttp.TCPConnector(limit=...)."
        )


_MANY = 1_000_000
"""The number of connections that is assumed for a connector without a limit."""


def _places(connector: Connector | None) -> int:
    if connector is None:
        return USUAL_CONNECTIONS
    return min(connector.limit or _MANY, connector.limit_per_host or _MANY)


# ------------------------------------------------------------------ TLS


def _context(ssl: object) -> tls.SSLContext:
    if isinstance(ssl, tls.SSLContext):
        return ssl
    if isinstance(ssl, str | Path):
        return tls_context(ssl)
    if ssl is False:
        raise UsageError(
            "ssl=False would let anybody on the way read the API key. To trust a certificate of "
            "your own, give the file of the authority that issued it: ssl='ca.pem'."
        )
    raise UsageError(
        f"ssl must be an ssl.SSLContext, or a file or folder of trusted certificates, not {ssl!r}."
    )


def tls_context(
    ca: Path | str | None = None,
    *,
    certificate: Path | str | None = None,
    key: Path | str | None = None,
) -> tls.SSLContext:
    """A TLS context that verifies the server.

    Args:
        ca: a file or folder of the only authorities to trust; None: those of the system.
        certificate: a file with our own certificate and its chain, and its key if `key` is None.
        key: a file with the key of the certificate.

    Raises:
        ConfigurationError: one of them cannot be used.
    """
    context = _trusting(Path(ca)) if ca is not None else tls.create_default_context()
    if certificate is None:
        if key is not None:
            raise ConfigurationError(
                "A client's key alone identifies nobody: give its certificate too (--client-cert)."
            )
        return context
    named = f"The client certificate {certificate}"
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except tls.SSLError as error:
        reason = error.reason or ""
        if "MISMATCH" in reason:
            why = "its key is of another certificate"
        else:
            beside = "and" if key is None else "beside"
            why = f"that is not a PEM file with a certificate {beside} a key"
        raise ConfigurationError(f"{named} cannot be used: {why}.") from None
    except OSError as error:
        lacking = key if key is not None and not Path(key).is_file() else certificate
        raise ConfigurationError(f"{lacking} cannot be read: {error.strerror}.") from None
    return context


def _no_password() -> str:
    raise ConfigurationError(
        "The key of the client certificate is encrypted. Decrypt it (openssl pkey -in key.pem -out "
        "plain.pem), or load it in a program, into the context that ssl= takes."
    )


def _trusting(ca: Path) -> tls.SSLContext:
    try:
        if ca.is_dir():
            _check_folder(ca)
            return tls.create_default_context(capath=str(ca))
        return tls.create_default_context(cafile=str(ca))
    except tls.SSLError:
        raise ConfigurationError(
            f"{ca} has no certificates in PEM form (-----BEGIN CERTIFICATE-----)."
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"The certificates {ca} cannot be read: {error.strerror}."
        ) from None


def _check_folder(folder: Path) -> None:
    """Refuse a folder without certificates whose names are hashes, as OpenSSL requires."""
    if not any(folder.glob("[0-9a-f]" * 8 + ".[0-9]*")):
        raise ConfigurationError(
            f"The folder {folder} has no certificates that OpenSSL finds. Prepare it with: openssl "
            "rehash FOLDER; or give one file with all of them."
        )


# ------------------------------------------------------------------ headers


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
