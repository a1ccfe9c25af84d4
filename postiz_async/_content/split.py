"""Split a long text into parts that fit. PURE.

A part ends at the last end of a sentence (or line) that fits, else at the last blank, else
between two characters; never inside of a link, a mention, a hashtag, or Markdown's marks.
Blanks where parts meet are dropped, everything else is kept. Characters are kept whole by the rules
for grapheme clusters of Unicode (UAX 29), with what the standard library knows: in doubt they are
kept together, for a cut too few does no harm.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice, pairwise
from typing import NamedTuple, TypeVar

import msgspec

from postiz_async._content.html import MAX_HTML
from postiz_async._content.length import Counts, length
from postiz_async._content.render import Editor, render
from postiz_async.errors import InvalidInputError, Problem
from postiz_async.models.posts import Markdown, Text

_ZWJ = "\u200d"
_VIRAMA = 9
_EXTENDING = frozenset("\u200c\u200d\u0e33\u0eb3\uff9e\uff9f") | {
    *map(chr, range(0x1F3FB, 0x1F400)),
    *map(chr, range(0xE0020, 0xE0080)),
}
"""Characters besides marks that continue a cluster: joiners, skin tones, tags and some vowels."""
_PREPENDED = frozenset(
    "\u0d4e\U000111c2\U000111c3\U00011941\U0001193f\U00011a3a\U00011a84\U00011a85\U00011a86"
    "\U00011a87\U00011a88\U00011a89\U00011d46\U00011f02\U000113d1"
)


def joins_before(character: str) -> bool:
    """Whether a character belongs to the one before it."""
    return not character.isascii() and (
        unicodedata.category(character).startswith("M") or character in _EXTENDING
    )


def safe_cuts(text: str) -> list[int]:
    """The positions inside a text before which it may be cut, in order."""
    if text.isascii() and "\r" not in text:
        return list(range(1, len(text)))
    cuts: list[int] = []
    indicators, is_linked = 0, False
    for place, (before, after) in enumerate(pairwise(text), start=1):
        indicators = indicators + 1 if _is_indicator(before) else 0
        # a virama links letters, whatever marks follow it
        is_linked = unicodedata.combining(before) == _VIRAMA or (is_linked and joins_before(before))
        is_half_a_flag = indicators % 2 == 1 and _is_indicator(after)
        if not (is_half_a_flag or is_linked or _are_one(before, after)):
            cuts.append(place)
    return cuts


def _are_one(before: str, after: str) -> bool:
    if before.isascii() and after.isascii():
        return before == "\r" and after == "\n"
    return (
        joins_before(after)
        or before == _ZWJ
        or (before not in _EXTENDING and unicodedata.category(before) == "Cf")
        or before in _PREPENDED
        or (_is_hangul(before) and _is_following_jamo(after))
        or (_is_leading_jamo(before) and _is_hangul(after))
        or ("\ud800" <= before <= "\udbff" and "\udc00" <= after <= "\udfff")
    )


def _is_indicator(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _is_leading_jamo(character: str) -> bool:
    return "\u1100" <= character <= "\u115f" or "\ua960" <= character <= "\ua97f"


def _is_following_jamo(character: str) -> bool:
    return "\u1160" <= character <= "\u11ff" or "\ud7b0" <= character <= "\ud7ff"


def _is_hangul(character: str) -> bool:
    is_syllable = "\uac00" <= character <= "\ud7a3"
    return is_syllable or _is_following_jamo(character) or _is_leading_jamo(character)


Parts = TypeVar("Parts", Text, Markdown)

_BLANK = r"[^\S\xa0\u2007\u202f]"
_BLANKS = re.compile(f"{_BLANK}+")
_BORDER = re.compile(
    f"{_BLANK}+|(?<=[\u3002\uff01\uff1f])(?![\u3002\uff01\uff1f\u300d\u300f\uff09\u3011)\u2019\u201d])"
)
_SENTENCE_END = re.compile(r"[.!?\u2026\u3002\uff01\uff1f][\"'\u2019\u201d)\]\u00bb*_]*\Z")
_LONGEST_END = 8
"""Characters that are examined to find the end of a sentence."""

_KEPT = (
    r"https?://\S+"
    r"|(?<![\w.+-])[\w.+-]++@[\w-]++(?:\.[\w-]++)+"
    r"|[@#]\w++(?:[.-]\w++)*"
)
_KEPT_IN_MARKDOWN = (
    r"!?\[(?:\\.|[^\[\]\\\n])*+\]\([^()\[\n]*+(?:\([^()\[\n]*+\)[^()\[\n]*+)*+\)"
    r"|<[^<>\s]++>|(?s:^```.*?^```)|`[^`\n]*+`|\*\*[^*\n]++\*\*|__[^_\n]++__|\*[^*\s][^*\n]*+\*"
)
_BLOCK_MARK = re.compile(r"(?:#{1,6}|[-+*=]+|\d+[.)])(?:\s|$)|>|```|~~~")


_HEADING = re.compile(r"#{1,6}[ \t].*")


class _Border(NamedTuple):
    end: int
    """The place where a part may end."""
    begin: int
    """The place where the next part begins."""
    is_sentence: bool
    """Whether a sentence or line ends here."""


def split(
    content: Parts,
    *,
    limit: int,
    counts: Counts = "plain",
    editor: Editor = "normal",
    numbering: bool = False,
) -> list[Parts]:
    """The parts of a text, each within `limit` as the server counts; none for blank text.

    With `numbering` each ends with its place, ` (2/5)`, unless there is only one.

    Raises:
        InvalidInputError: a link, a mention or styled text is too long and cannot be cut; the
            text has more characters than a request, in which a thread goes, has bytes.
    """

    def fits(source: str) -> bool:
        if len(source) > MAX_HTML:
            return False
        sent = render(_alike(content, source), limit=limit, counts=counts, editor=editor)
        return len(sent) <= MAX_HTML and length(sent, counts) <= limit

    whole = _strip(content.source)
    _refuse_more_than_a_request(whole)
    if not whole or fits(whole):
        return [_alike(content, whole)] if whole else []
    cutter = _Cutter(whole, content, limit)
    if not numbering:
        return [_alike(content, source) for source in cutter.cut(fits)]
    before = "\n\n" if isinstance(content, Markdown) else " "
    return [_alike(content, source) for source in _numbered(cutter, fits, before)]


def _refuse_more_than_a_request(whole: str) -> None:
    """Refuse a text longer than a request, in which all parts go; blanks may be dropped."""
    size = len(whole)
    if size > MAX_HTML and len("".join(whole.split())) > MAX_HTML:
        message = (
            f"has {size:,} characters; all parts of a thread go in one request, "
            f"of which the server reads {MAX_HTML:,} bytes"
        )
        raise InvalidInputError([Problem("content", message, hint="make several posts of it")])


def _alike(content: Parts, source: str) -> Parts:
    return msgspec.structs.replace(content, source=source)


def _numbered(cutter: _Cutter, fits: Callable[[str], bool], before: str) -> list[str]:
    """Numbered parts, with room for numbers as long as the number of parts."""
    digits = 1
    while True:
        room = f"{before}({'9' * digits}/{'9' * digits})"
        sources = list(islice(cutter.cut(partial(_fits_with, room, fits)), 10**digits))
        total = len(sources)
        if total < 10**digits:
            return [f"{source}{before}({n}/{total})" for n, source in enumerate(sources, start=1)]
        digits += 1


def _fits_with(room: str, fits: Callable[[str], bool], source: str) -> bool:
    return fits(source + room)


def _strip(source: str) -> str:
    first, last = _skip_blanks(source, 0), len(source)
    while last > first and _BLANKS.match(source[last - 1]):
        last -= 1
    return source[first:last]


def _skip_blanks(source: str, start: int) -> int:
    """The place after blanks; a blank that carries a mark does not count as one."""
    blanks = _BLANKS.match(source, start)
    if blanks is None:
        return start
    end = blanks.end()
    return end - 1 if end < len(source) and joins_before(source[end]) else end


class _Cutter:
    """Cuts one text."""

    def __init__(self, source: str, content: Text | Markdown, limit: int) -> None:
        self._source = source
        self._is_markdown = isinstance(content, Markdown)
        self._reach = max(limit * (4 if self._is_markdown else 1), 1)
        """Most characters of a part to try; more for Markdown, whose marks are not all counted."""
        self._limit = limit
        self._reached = 0
        """Characters of the last part before it was cut back to a sentence; 0 if unknown."""
        from postiz_async._content.links import find_links  # noqa: PLC0415 - slow, seldom needed

        links = [(start, end) for start, end, _ in find_links(source)]
        self._kept = _merged([*_found(_kept_in(content), source), *links])
        self._kept_starts = [start for start, _ in self._kept]

    def cut(self, fits: Callable[[str], bool]) -> Iterator[str]:
        """The parts, for a test that says whether a source fits."""
        start = 0
        while start < len(self._source):
            border = self._next(start, fits)
            yield self._source[start : border.end]
            start = border.begin

    def _next(self, start: int, fits: Callable[[str], bool]) -> _Border:
        """Where the part that starts at this place ends."""
        source, stop = self._source, min(start + self._reach, len(self._source))
        if stop == len(source) and fits(source[start:]):
            return _Border(stop, stop, is_sentence=True)

        borders = list(self._borders(start, stop))
        fitting = self._fitting(start, [border.end for border in borders], fits)
        if fitting:
            candidates = borders[:fitting]
            return next((b for b in reversed(candidates) if b.is_sentence), candidates[-1])
        cuts = self._cuts(start, borders[0].end if borders else stop + 1)
        fitting = self._fitting(start, cuts, fits)
        if not fitting:
            raise InvalidInputError([self._cannot_be_cut(start, stop)])
        return _Border(cuts[fitting - 1], cuts[fitting - 1], is_sentence=False)

    def _fitting(self, start: int, ends: Sequence[int], fits: Callable[[str], bool]) -> int:
        """The number of places, in order, that a part can reach.

        Tries the length of the previous part first, then growing steps up or down from there,
        because the time of a test grows with the length of the text.
        """
        low, high = 0, len(ends)
        step = 1 if self._reached else high
        place = max(bisect_right(ends, start + (self._reached or self._limit)) - 1, 0)
        while low < high:
            if fits(self._source[start : ends[place]]):
                low = place + 1
                place = low + step - 1
            else:
                high = place
                place = high - step
            if not low <= place < high or (low and high < len(ends)):
                place = (low + high) // 2
            step *= 2
        if low:
            self._reached = ends[low - 1] - start
        return low

    def _borders(self, start: int, stop: int) -> Iterator[_Border]:
        source = self._source
        for match in _BORDER.finditer(source, start, stop + 1):
            end, begin = match.start(), _skip_blanks(source, match.start())
            is_line = "\n" in source[end:begin] and not self._is_heading(start, end)
            if end <= start or self._is_kept(end) or (match[0] and begin == end):
                continue
            if self._is_markdown and not is_line and _BLOCK_MARK.match(source, begin):
                continue
            is_end = _SENTENCE_END.search(source[max(start, end - _LONGEST_END) : end]) is not None
            is_sentence = is_line or (is_end and not source[begin : begin + 1].islower())
            yield _Border(end, begin, is_sentence)

    def _is_heading(self, start: int, end: int) -> bool:
        """Whether the part so far is a heading, which does not stand alone."""
        heading = _HEADING.match(self._source, start, end)
        return self._is_markdown and heading is not None and heading.end() == end

    def _cuts(self, start: int, stop: int) -> list[int]:
        """The places where a word may be cut."""
        places = (start + place for place in safe_cuts(self._source[start:stop]))
        return [place for place in places if not self._is_kept(place)]

    def _is_kept(self, place: int) -> bool:
        """Whether a place is inside of a text that must stay whole."""
        before = bisect_left(self._kept_starts, place) - 1
        return before >= 0 and place < self._kept[before][1]

    def _cannot_be_cut(self, start: int, stop: int) -> Problem:
        piece = self._source[start : min(stop, start + 40)]
        return Problem(
            "content",
            f"{piece!a} at {start} is too long for a part and cannot be cut",
            hint="shorten the link, the mention or the styled text",
        )


def _kept_in(content: Text | Markdown) -> re.Pattern[str]:
    if isinstance(content, Markdown):
        return re.compile(f"{_KEPT_IN_MARKDOWN}|{_KEPT}", re.MULTILINE)
    shown = sorted((mention.shown for mention in content.mentions), key=len, reverse=True)
    names = [rf"(?<!\w){re.escape(name)}(?!\w)" for name in shown]
    return re.compile("|".join([*names, _KEPT]))


def _found(pattern: re.Pattern[str], source: str) -> Iterator[tuple[int, int]]:
    return (match.span() for match in pattern.finditer(source))


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sort spans, and merge those that overlap."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged
