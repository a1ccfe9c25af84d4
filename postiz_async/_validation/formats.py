"""The texts that the server has a format or a length for: URLs, dates, file names. PURE."""

from __future__ import annotations

import ipaddress
import re
from datetime import UTC, datetime
from functools import lru_cache

_LONGEST_URL = 2_084

_LOOSE_URL = re.compile(
    r"(?:https?://(?:www\.|(?!www))|www\.)"
    r"(?:[A-Za-z0-9]+|[A-Za-z0-9][A-Za-z0-9-]+[A-Za-z0-9])\.\S{2,}"
)
_NOT_IN_URL = re.compile(r"[\s<>]")
# Compiled when first used, for wide ranges take a millisecond or two.
_LABEL = r"[A-Za-z0-9\u00a1-\uffff-]{1,63}"
_TOP = r"[A-Za-z\u00a1-\ud7ff\uf900-\uffef]{2,}|[Xx][Nn][A-Za-z0-9-]{2,}"
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
_WITH_SELECTOR = re.compile("[^\ufe0e\ufe0f][\ufe0e\ufe0f]")


def characters(text: str) -> int:
    """The length of a text in settings: code points without variation selectors."""
    return len(text) - (0 if text.isascii() else len(_WITH_SELECTOR.findall(text)))


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
        and re.fullmatch(_TOP, labels[-1]) is not None
        and all(_is_label(label) for label in labels)
    )


def _is_label(label: str) -> bool:
    return (
        re.fullmatch(_LABEL, label) is not None
        and not _WIDE.search(label)
        and not label.startswith("-")
        and not label.endswith("-")
    )


_CLEAR = re.compile(
    r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?)?", re.ASCII
)
_CRASHES = re.compile(r"[+-]?\d{4}-?W.*|[+-]?\d{7,}.*", re.ASCII)


def is_iso_date(date: str) -> bool:
    """Whether the server takes a text for an ISO 8601 date; it is looser than it ought to be."""
    return moment(date) is not None or is_iso_format(date)


def crashes(date: str) -> bool:
    """Whether the server accepts a date and then fails on it: weeks, and days without dashes."""
    return moment(date) is None and _CRASHES.fullmatch(date) is not None


def is_clear(date: str) -> bool:
    """Whether a date has the one form that leaves nothing to guess."""
    return _CLEAR.fullmatch(date) is not None


def has_zone(date: str) -> bool:
    """Whether a clear date has a zone; the server takes it for UTC otherwise."""
    return date.endswith("Z") or ("T" in date and date[-6] in "+-")


@lru_cache(maxsize=256)
def moment(date: str) -> datetime | None:
    """The moment of a clear date; None for a day that is not in the calendar."""
    if not is_clear(date):
        return None
    try:
        at = datetime.fromisoformat(date)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
