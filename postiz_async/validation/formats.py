"""The texts that the server has a format for: URLs, dates, file names. PURE."""

from __future__ import annotations

import ipaddress
import re

__all__ = ["is_iso_format", "is_loose_url", "is_postable", "is_url"]

_LONGEST_URL = 2_084

_LOOSE_URL = re.compile(
    r"(?:https?://(?:www\.|(?!www))|www\.)"
    r"(?:[A-Za-z0-9]+|[A-Za-z0-9][A-Za-z0-9-]+[A-Za-z0-9])\.\S{2,}"
)
_NOT_IN_URL = re.compile(r"[\s<>]")
_LABEL = re.compile(r"[a-z0-9\u00a1-\uffff-]{1,63}", re.IGNORECASE)
_TOP = re.compile(r"[a-z\u00a1-\ud7ff\uf900-\uffef]{2,}|xn[a-z0-9-]{2,}", re.IGNORECASE)
_WIDE = re.compile(r"[\uff01-\uff5e]")

_DATE = r"""
    [+-]? \d{4} (?! \d\d \b)
    (?:
        (?P<dash>-?) (?: (?:0[1-9]|1[0-2]) (?: (?P=dash) (?:0[1-9]|[12]\d|3[01]) )? )
      | -? W (?:[0-4]\d|5[0-3]) (?: -? [1-7] )?
      | -? (?: 00[1-9] | 0[1-9]\d | [12]\d\d | 3[0-5]\d | 36[0-6] )
    )?
"""
_TIME = r"""
    (?: (?:[01]\d|2[0-3]) (?: (?P<colon>:?) [0-5]\d )? | 24:?00 )
    (?: [.,]\d+ (?!:) )?
    (?: (?(colon)(?P=colon)) [0-5]\d (?: [.,]\d+ )? )?
"""
_ZONE = r"(?: [zZ] | [+-] (?:[01]\d|2[0-3]) :? (?:[0-5]\d)? )"
_ISO = re.compile(rf"{_DATE} (?: [T\s] (?:{_TIME})? {_ZONE}? )?", re.VERBOSE | re.ASCII)

_POSTABLE = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".mp4")


def is_iso_format(text: str) -> bool:
    """Whether a text has one of the forms of ISO 8601, whatever date that would be."""
    return _ISO.fullmatch(text) is not None


def is_postable(path: str) -> bool:
    """Whether a path ends, before any `?`, as the server wants the media of posts to."""
    return path.partition("?")[0].endswith(_POSTABLE)


def is_loose_url(text: str) -> bool:
    """Whether a text passes the server's plain pattern for URLs: empty, or with scheme or www."""
    return not text or _LOOSE_URL.fullmatch(text) is not None


def is_url(text: str) -> bool:
    """Whether a text passes the server's strict test for URLs; the scheme may be missing."""
    if not text or len(text) > _LONGEST_URL or _NOT_IN_URL.search(text):
        return False
    rest = re.split(r"[#?]", text, maxsplit=1)[0]
    scheme, mark, after = rest.partition("://")
    if mark:
        rest = after
    if (mark and scheme.lower() not in {"http", "https", "ftp"}) or rest.startswith(
        ("//", "mailto:")
    ):
        return False
    user, at, host = rest.partition("/")[0].rpartition("@")
    return (not at or _is_user(user)) and _is_address(host)


def _is_user(user: str) -> bool:
    return user not in {"", ":"} and user.count(":") <= 1


def _is_address(address: str) -> bool:
    if address.startswith("["):
        host, bracket, port = address[1:].partition("]")
        return bool(bracket) and _is_ip(host, 6) and (not port or _is_port(port[1:]))
    host, colon, port = address.partition(":")
    return (not colon or not port or _is_port(port)) and (_is_ip(host, 4) or _is_domain(host))


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10 and 0 < int(text) <= 65_535


def _is_ip(host: str, version: int) -> bool:
    try:
        return ipaddress.ip_address(host).version == version
    except ValueError:
        return False


def _is_domain(host: str) -> bool:
    labels = host.split(".")
    return (
        len(labels) > 1
        and _TOP.fullmatch(labels[-1]) is not None
        and all(_is_label(label) for label in labels)
    )


def _is_label(label: str) -> bool:
    return (
        _LABEL.fullmatch(label) is not None
        and not _WIDE.search(label)
        and not label.startswith("-")
        and not label.endswith("-")
    )
