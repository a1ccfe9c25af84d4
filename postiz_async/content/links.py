"""Where links are in a text, as X finds them. PURE.

With `http://` or `https://`, or without when the domain is one: `example.com/a`, and so
`README.md` as well. A domain needs a known top-level domain and must not be glued to letters,
`@`, `#`, `$`, nor, without a scheme, to `-`, `_`, `.` or `/`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from postiz_async.content.domains import TOP_LEVEL_DOMAINS, TOP_LEVEL_DOMAINS_IN_OTHER_SCRIPTS

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["find_links"]

_DOTTED = re.compile(r"\w\.\w")
_CANDIDATE = re.compile(
    r"(?<![A-Za-z0-9@\uff20$#\uff03\ufffe\ufeff\uffff])"
    r"(https?://)?([\w-]{1,63}(?:\.[\w-]{1,63})+)",
    re.IGNORECASE,
)
_GLUE = "-_./"
_LATIN = "\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff"
_LATIN_BACKWARDS = re.compile(rf"[a-z0-9.{_LATIN}-]+", re.IGNORECASE)
_TOP = re.compile(r"(?:[a-z]{2,63}|xn--[a-z0-9-]+)(?![a-z0-9@+-])", re.IGNORECASE)

_SHORT_PATH = re.compile(r"/[a-z0-9]+", re.IGNORECASE)
_IN_PATH = rf"[a-z0-9!*';:=+,.$/%#\[\]\-\u2013_~@|&\u0400-\u04ff{_LATIN}]"
_TAIL = re.compile(
    rf"(?::[0-9]+)?(/(?:{_IN_PATH}|\({_IN_PATH}*(?:\({_IN_PATH}*\){_IN_PATH}*)*\))*)?"
    r"(\?[a-z0-9!?*'@();:&=+$/%#\[\]\-_.,~|]*[a-z0-9\-_&=#/])?",
    re.IGNORECASE,
)
_NO_END = "!*';:,.$%[]\u2013~@|&"
"""What may be in a path, but does not end it."""


def find_links(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each link, in order."""
    if "." not in text or not _DOTTED.search(text):
        return
    for match in _CANDIDATE.finditer(text):
        found = _domain(text, match)
        if found is not None:
            start, end = found
            yield start, _tail(text, start, end, has_scheme=bool(match[1]))


def _domain(text: str, match: re.Match[str]) -> tuple[int, int] | None:
    """Where a link starts and where its domain ends; None if it is no link."""
    scheme, host = match[1], match[2]
    end = _domain_end(text, match.start(2), host)
    if end is None:
        return None
    if scheme:
        return match.start(), end
    if match.start() and text[match.start() - 1] in _GLUE:
        return None
    latin = _LATIN_BACKWARDS.match(text[match.start() : end][::-1])
    domain = latin[0][::-1].lstrip(".") if latin else ""
    # at the very start a letter like ü is taken for what stands before the link
    skipped = len(domain) == end and domain[0] > "\x7f" and domain[1] != "."
    return (end - len(domain) + skipped, end) if "." in domain else None


def _domain_end(text: str, start: int, host: str) -> int | None:
    """Where the longest domain in a dotted name ends."""
    labels = host.split(".")
    end = start + len(host)
    for label, before in zip(reversed(labels), reversed(labels[:-1]), strict=False):
        top = _TOP.match(text, end - len(label))
        is_name = "_" not in before and before.strip("-") == before
        if is_name and top and _is_top_level(top[0].lower()):
            return top.end()
        if is_name and label in TOP_LEVEL_DOMAINS_IN_OTHER_SCRIPTS:
            return end
        end -= len(label) + 1
    return None


def _is_top_level(label: str) -> bool:
    return label.startswith("xn--") or label in TOP_LEVEL_DOMAINS


def _tail(text: str, start: int, end: int, *, has_scheme: bool) -> int:
    """Where the link ends whose domain ends here."""
    if has_scheme and text[start:end].lower().endswith("//t.co"):
        short = _SHORT_PATH.match(text, end)
        if short:
            return short.end()
    tail = _TAIL.match(text, end)
    if tail is None or not (has_scheme or tail[1]):
        return end
    path = "" if tail[2] else tail[1] or ""
    return tail.end() - (len(path) - len(path.rstrip(_NO_END)))
