"""The length of a text as X weighs it. PURE.

Computed on the NFC form: a link is 23, an emoji sequence that Emoji 11 has is 2 as a whole, of
the other code points those of a few light ranges are 1 and all others 2.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from postiz_async.content.emoji import EMOJI, SEQUENCE_SIGN
from postiz_async.content.links import find_links

if TYPE_CHECKING:
    from postiz_async.content.links import Link

__all__ = ["weighted_length"]

_HEAVY = re.compile(r"[^\0-\u10ff\u2000-\u200d\u2010-\u201f\u2032-\u2037]+")


def weighted_length(text: str) -> int:
    """The weight of a text, in X's characters."""
    if text.isascii():
        return len(text) + sum(link.weight - (link.end - link.start) for link in find_links(text))
    text = unicodedata.normalize("NFC", text)
    links = list(find_links(text))
    if not links:
        text, sequences = EMOJI.subn("", text) if SEQUENCE_SIGN.search(text) else (text, 0)
        return 2 * sequences + _weight(text)
    total, end = 0, 0
    for start, stop, weight in links:
        total += _weight(text[end:start]) + weight
        end = stop
    return total + _weight(text[end:]) - _saved_by_emoji(text, links)


def _weight(text: str) -> int:
    """Each character for itself."""
    if text.isascii():
        return len(text)
    return len(text) + sum(run.end() - run.start() for run in _HEAVY.finditer(text))


def _saved_by_emoji(text: str, links: list[Link]) -> int:
    """What sequences weigh less than their characters do; one that begins in a link is none."""
    if not SEQUENCE_SIGN.search(text):
        return 0
    saved, rest = 0, iter(links)
    link = next(rest, None)
    for emoji in EMOJI.finditer(text):
        while link and link.end <= emoji.start():
            link = next(rest, None)
        if not link or emoji.start() < link.start:
            saved += _weight(emoji[0]) - 2
    return saved
