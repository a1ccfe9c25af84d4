"""Proxies: the one that a user gives, or those of HTTP_PROXY, HTTPS_PROXY and NO_PROXY."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from postiz_async._wire.secrets import Secret
from postiz_async.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy: its URL without user and password, and the header that identifies the client.

    `source` is where it was given, `secrets` are the credentials in the forms in which it may
    repeat them.
    """

    url: str
    source: str
    authorization: Secret | None = None
    secrets: tuple[Secret, ...] = ()

    @property
    def obeys_no_proxy(self) -> bool:
        """Whether NO_PROXY applies to the proxy."""
        return _obeys_no_proxy(self.source)

    def headers(self) -> dict[str, str]:
        """The header that identifies the client to the proxy, if any."""
        if self.authorization is None:
            return {}
        return {"Proxy-Authorization": self.authorization.reveal()}


class Proxies:
    """Chooses the proxy for each request: the one that is given, or those of the environment.

    Args:
        given: the URL of the only proxy, whatever NO_PROXY says; empty: there is none; None: those
            of the environment.
        source: where it was given.

    Raises:
        ConfigurationError: one of them cannot be used.
    """

    def __init__(self, given: Secret | None = None, source: str = "") -> None:
        self._by_scheme: Mapping[str, Proxy]
        self._obeys_no_proxy = given is None
        if given is None:
            self._by_scheme = _of_environment()
        elif not given.reveal().strip():
            self._by_scheme = {}
        else:
            only = _read(source, given)
            self._by_scheme = {"http": only, "https": only}
        self.any: bool = bool(self._by_scheme)
        self._routes: dict[tuple[str, str], Proxy | None] = {}

    def on_the_way_to(self, url: str) -> Proxy | None:
        """The proxy for requests to the host of `url`; NO_PROXY is checked once for each host."""
        if not self._by_scheme:
            return None
        parts = urlsplit(url)
        server = (parts.scheme, parts.netloc)
        if server not in self._routes:
            direct = self._obeys_no_proxy and proxy_bypass(parts.netloc)
            self._routes[server] = None if direct else self._by_scheme.get(parts.scheme)
        return self._routes[server]


def _obeys_no_proxy(source: str) -> bool:
    return source in {"HTTP_PROXY", "HTTPS_PROXY"}


def _of_environment() -> Mapping[str, Proxy]:
    found = {scheme: Secret(url) for scheme, url in getproxies().items() if url}
    return {
        scheme: _read(f"{scheme.upper()}_PROXY", found[scheme])
        for scheme in ("http", "https")
        if scheme in found
    }


def _read(name: str, given: Secret) -> Proxy:
    url = given if "://" in given.reveal() else Secret(f"http://{given.reveal()}")
    kind = url.reveal().partition("://")[0].lower()
    if kind not in {"http", "https"}:
        raise ConfigurationError(
            f"The proxy in {name} is a {kind} proxy; only http proxies can be used."
            + (" Change it, or add the server to NO_PROXY." if _obeys_no_proxy(name) else "")
        )
    with suppress(ValueError):
        return _parsed(url, name)
    raise ConfigurationError(
        f"The proxy in {name} is not a web address. Write it like "
        "http://user:password@proxy.example.com:3128; in user and password all but letters, "
        "digits and -._~ is written as %XX."
    )


def _parsed(url: Secret, source: str) -> Proxy:
    """Parse the URL of a proxy; may raise a ValueError that contains a part of the password."""
    parts = urlsplit(url.reveal())
    if not parts.hostname or "@" in parts.path + parts.query + parts.fragment:
        raise ValueError("no host, or a / ? or # in the password")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = "" if parts.port is None else f":{parts.port}"
    address = f"{parts.scheme}://{host}{port}"
    if parts.username is None:
        return Proxy(address, source)
    user, password = unquote(parts.username), unquote(parts.password or "")
    pair = f"{user}:{password}"
    token = b64encode(pair.encode("utf-8", "surrogatepass")).decode()
    told = (pair, token, password or user)
    return Proxy(address, source, Secret(f"Basic {token}"), tuple(Secret(text) for text in told))
