"""The length of a text as X weighs it. PURE.

Computed on the NFC form: a link is 23, an emoji sequence that Emoji 11 has is 2 as a whole, of
the other code points those of a few light ranges are 1 and all others 2.
"""

from __future__ import annotations

import re
import unicodedata

from postiz_async.content.emoji import EMOJI, SEQUENCE_SIGN
from postiz_async.content.links import find_links

__all__ = ["LINK_WEIGHT", "weighted_length"]

LINK_WEIGHT = 23
"""What any link weighs, however long."""

_HEAVY = re.compile(r"[^\0-\u10ff\u2000-\u200d\u2010-\u201f\u2032-\u2037]+")


def weighted_length(text: str) -> int:
    """The weight of a text, in X's characters."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    total, end = 0, 0
    for start, stop in find_links(text):
        total += _weight(text[end:start]) + LINK_WEIGHT
        end = stop
    return total + _weight(text[end:])


def _weight(text: str) -> int:
    if text.isascii():
        return len(text)
    sequences = 0
    if SEQUENCE_SIGN.search(text):
        text, sequences = EMOJI.subn("", text)
    heavy = sum(run.end() - run.start() for run in _HEAVY.finditer(text))
    return 2 * sequences + len(text) + heavy
