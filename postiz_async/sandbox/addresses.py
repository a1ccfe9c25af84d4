"""Finding the web addresses that X counts in a text, with or without a scheme."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from postiz_async.sandbox.domains import TOP_LEVEL_DOMAINS

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["addresses"]

_ACCENTED = r"\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f"
_BARE_LABEL = rf"[a-z0-9{_ACCENTED}](?:[-a-z0-9{_ACCENTED}]*[a-z0-9{_ACCENTED}])?"
_LABEL = r"[^\W_](?:[-\w]*[^\W_])?"
_HOST = re.compile(
    rf"(?<![a-z0-9@\uff20$#\uff03{_ACCENTED}])"
    rf"(?:https?://(?P<host>{_LABEL}(?:\.{_LABEL})+)"
    rf"|(?<![-_./])(?P<bare>{_BARE_LABEL}(?:\.{_BARE_LABEL})+))",
    re.IGNORECASE,
)

_GENERAL = r"[a-z0-9!*';:=+,.$/%#\[\]\-_~@|&]"
_BALANCED = rf"\((?:{_GENERAL}+|{_GENERAL}*\({_GENERAL}+\){_GENERAL}*)\)"
_REST = re.compile(
    r"(?::\d+)?"
    rf"(?:/(?:{_GENERAL}*(?:{_BALANCED}{_GENERAL}*)*(?:[a-z0-9=_#/+\-]|{_BALANCED})"
    rf"|@{_GENERAL}+/)?)?"
    r"(?:\?[a-z0-9!?*'@();:&=+$/%#\[\]\-_.,~|]*[a-z0-9\-_&=#/])?",
    re.IGNORECASE | re.ASCII,
)
_ASCII_LETTERS = re.compile(r"[a-z]+", re.IGNORECASE | re.ASCII)
_GOES_ON = re.compile(r"[0-9a-zA-Z@+-]")


def addresses(text: str) -> Iterator[tuple[int, int]]:
    """Where the addresses in `text` begin and end."""
    end = 0
    for found in _HOST.finditer(text) if "." in text else ():
        if found.start() < end:
            continue
        host_end = _end_of_host(text, *found.span("host" if found["host"] else "bare"))
        if host_end is None:
            continue
        rest = _REST.match(text, host_end)
        end = rest.end() if rest is not None else host_end
        yield found.start(), end


def _end_of_host(text: str, start: int, end: int) -> int | None:
    """The longest beginning of the labels that ends in a known domain, if there is one."""
    label_start = text.rfind(".", start, end) + 1
    while label_start > start:
        for label_end in _possible_ends(text, label_start, end):
            name = text[label_start:label_end].lower()
            if name in TOP_LEVEL_DOMAINS and not _GOES_ON.match(text, label_end):
                return label_end
        end = label_start - 1
        label_start = text.rfind(".", start, end) + 1
    return None


def _possible_ends(text: str, start: int, end: int) -> Iterator[int]:
    """A label may have another script glued to it, which is not part of it."""
    yield end
    letters = _ASCII_LETTERS.match(text, start, end)
    if letters is not None:
        yield letters.end()
