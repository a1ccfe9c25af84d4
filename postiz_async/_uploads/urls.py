"""Recognise URLs, remove their secrets, and tell which addresses are public. PURE."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

_NAT64 = bytes.fromhex("0064ff9b0000000000000000")
"""The prefix of IPv6 addresses that a network translates to IPv4."""

_INTERNET = IPv6Network("2000::/3")
"""All public addresses of IPv6."""

_NOT_OF_HOSTS = tuple(
    IPv4Network(block)
    for block in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's own server for its machines, in no registry
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
"""IANA's special-purpose and multicast addresses. Those that it calls globally reachable serve
protocols, not files. Python's `is_global` is not asked: it differs from release to release."""

_NOT_OF_HOSTS_6 = tuple(
    IPv6Network(block) for block in ("2001::/23", "2001:db8::/32", "2620:4f:8000::/48", "3fff::/20")
)
"""Such addresses within `_INTERNET`, except 6to4, which stands for IPv4 addresses."""


def is_url(value: object) -> bool:
    """Whether a source is an http or https URL."""
    return isinstance(value, str) and value[:8].lower().startswith(("http://", "https://"))


def shown(url: str) -> str:
    """A URL without its parts that may be secret: user, password, query."""
    bare = url.partition("?")[0].partition("#")[0]
    scheme, _, rest = bare.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"[:200]


def shown_name(name: str) -> str:
    """The name of a medium in a message; of a web address without what may be secret."""
    return shown(name) if is_url(name) else name


def host_named(said: str) -> str:
    """The host that a user names, or whose URL they give, in the form of `host_of`."""
    return host_of(said) if is_url(said) else said.strip().strip("[]").lower()


def host_of(url: str) -> str:
    """The host of a URL, in lower case; empty if it has none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def own_hosts(hosts: Iterable[str]) -> frozenset[str]:
    """Those hosts whose name says that they are not public: addresses, and `localhost`.

    What another name means is known only when it is looked up, and may change.
    """
    return frozenset(host for host in hosts if host == "localhost" or _is_own(host))


def _is_own(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return not is_public(host)


def is_public(address: str) -> bool:
    """Whether an address is public, and not of this machine or its networks."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, IPv6Address):
        inner = _inner(found)
        if inner is None:
            return found in _INTERNET and not any(found in block for block in _NOT_OF_HOSTS_6)
        found = inner
    return not any(found in block for block in _NOT_OF_HOSTS)


def _inner(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address stands for."""
    if address.packed.startswith(_NAT64):
        return IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address.sixtofour
