"""URLs and addresses: what is one, what of it may be shown, who may be asked. PURE."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

__all__ = ["is_public", "is_url", "shown"]

_NAT64 = bytes.fromhex("0064ff9b0000000000000000")
"""Begins the IPv6 addresses that a network translates to IPv4."""

_INTERNET = IPv6Network("2000::/3")
"""All of IPv6 that the internet routes; Python takes more of it for global."""


def is_url(value: object) -> bool:
    """Whether a source is an address in the web."""
    return isinstance(value, str) and value[:8].lower().startswith(("http://", "https://"))


def shown(url: str) -> str:
    """A URL without what may be secret in it: user, password, query."""
    bare = url.partition("?")[0].partition("#")[0]
    scheme, _, rest = bare.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"[:200]


def is_public(address: str) -> bool:
    """Whether an address is one of the internet, and not of this machine or its networks."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, IPv6Address):
        inner = _inner(found)
        if inner is None and found not in _INTERNET:
            return False
        found = inner or found
    return found.is_global and not found.is_multicast


def _inner(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address stands for."""
    if address.packed.startswith(_NAT64):
        return IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address.sixtofour
