"""A long text as a thread: each part fits, nothing is lost, nothing whole is cut."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Literal

import pytest
from hypothesis import given, strategies as st
from work import calls_of

from postiz_async._content import length, render, split
from postiz_async._content.split import safe_cuts
from postiz_async.errors import InvalidInputError, Problem
from postiz_async.models.posts import Markdown, Mention, Text

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"
LINK = "https://example.com/a_long/path?with=query"
MARKS = st.sampled_from(["a", "Word", "end.", "Why?", "\n", " ", "  ", "&", "<b>", "日本語。", "é"])
WHOLE = st.sampled_from([LINK, "@somebody", "#hashtag", FAMILY, "e\u0301", "you@example.com"])
texts = st.lists(MARKS | WHOLE | st.just(" "), max_size=60).map("".join)
ways_to_count = st.sampled_from(["plain", "x-weighted"])


def sources(parts: list[Text] | list[Markdown]) -> list[str]:
    return [part.source for part in parts]


def solid(text: str) -> str:
    return re.sub(r"\s+", "", text)


@given(text=texts, limit=st.integers(60, 90), counts=ways_to_count, numbering=st.booleans())
def test_all_parts_fit_and_nothing_is_lost(
    text: str, limit: int, counts: Literal["plain", "x-weighted"], *, numbering: bool
) -> None:
    try:
        parts = split(Text(text), limit=limit, counts=counts, numbering=numbering)
    except InvalidInputError as error:  # whole things may stand together without a blank
        whole = error.problems[0].message
        if "cannot be cut" not in whole:
            raise
        return
    for part in parts:
        sent = render(part, limit=limit, counts=counts)
        assert length(sent, counts) <= limit
    found = sources(parts)
    if numbering and len(found) > 1:
        total = len(found)
        found = [part.removesuffix(f" ({n}/{total})") for n, part in enumerate(found, start=1)]
    assert solid("".join(found)) == solid(text)
    ends: set[int] = set()
    place = 0
    for source in found:
        place += len(solid(source))
        ends.add(place)
    bare = solid(text)
    assert ends - {len(bare)} <= set(safe_cuts(bare)) | {0} | _borders(text)


def _borders(text: str) -> set[int]:
    """Where blanks were, in the text without them."""
    return {len(solid(text[: match.start()])) for match in re.finditer(r"\s+", text)}


@given(st.lists(st.sampled_from([LINK, FAMILY, "@ann", "word", "&"]), max_size=40))
def test_words_stay_whole_when_each_of_them_fits(words: list[str]) -> None:
    parts = sources(split(Text(" ".join(words)), limit=50, counts="x-weighted"))
    assert [word for part in parts for word in part.split(" ")] == words


def test_a_part_ends_with_a_sentence_then_with_a_word_then_with_a_character() -> None:
    assert sources(split(Text("One two. Three four five."), limit=18)) == [
        "One two.",
        "Three four five.",
    ]
    assert sources(split(Text("One two three four"), limit=10)) == ["One two", "three four"]
    assert sources(split(Text("abcdefghij"), limit=4)) == ["abcd", "efgh", "ij"]
    assert sources(split(Text("See e.g. this one. And"), limit=20)) == ["See e.g. this one.", "And"]
    assert sources(split(Text("first line\nsecond line"), limit=18)) == [
        "first line",
        "second line",
    ]
    assert sources(split(Text("一二。三四。五"), limit=5)) == ["一二。", "三四。五"]


def test_a_no_break_space_is_no_border() -> None:
    assert sources(split(Text("all of ten\xa0km"), limit=12)) == ["all of", "ten\xa0km"]


def test_a_part_may_be_as_long_as_the_limit() -> None:
    assert sources(split(Text("One two three"), limit=7)) == ["One two", "three"]


def test_what_fits_is_one_part_and_blank_text_is_none() -> None:
    assert split(Text("  a & b "), limit=5) == [Text("a & b")]
    assert split(Text(" \n "), limit=5) == []


def test_numbers_have_their_room_however_many_there_are() -> None:
    parts = sources(split(Text("word " * 200), limit=20, numbering=True))
    total = len(parts)
    assert total > 99
    assert parts[0] == f"word word (1/{total})"
    assert all(len(part) <= 20 for part in parts)
    assert parts[-1].endswith(f"({total}/{total})")


def test_mentions_stay_whole_and_are_mentions_in_each_part() -> None:
    ann = Mention("42", "Ann Lee")
    text = Text("Hello to @Ann Lee and again @Ann Lee", (ann,))
    parts = split(text, limit=15)
    assert sources(parts) == ["Hello to", "@Ann Lee and", "again @Ann Lee"]
    assert "data-mention-id" in render(parts[2])


def test_a_link_that_is_too_long_is_a_problem() -> None:
    with pytest.raises(InvalidInputError, match="cannot be cut") as caught:
        split(Text(f"see {LINK} now"), limit=20)
    assert caught.value.problems[0].where == "content"


def test_markdown_stays_markdown() -> None:
    source = (
        "# Title\n\nSome **bold words** and [a link](https://example.com/a) here.\n\n- one\n- two"
    )
    parts = sources(split(Markdown(source), limit=36))
    assert parts == [
        "# Title\n\nSome **bold words** and",
        "[a link](https://example.com/a) here.\n\n- one",
        "- two",
    ]
    numbered = sources(split(Markdown("one two\n\n```\nthree four\n```"), limit=18, numbering=True))
    assert numbered == ["one two\n\n(1/2)", "```\nthree four\n```\n\n(2/2)"]


def test_a_cut_makes_no_heading_of_a_word() -> None:
    parts = sources(split(Markdown("we are # one of a kind"), limit=8))
    assert all(not part.startswith("#") for part in parts)


@pytest.mark.parametrize("numbering", [False, True])
@pytest.mark.parametrize("source", ["word & word. ", "&", "a\xa0", "\u65e5\u672c", "# a\n\n"])
@pytest.mark.parametrize("kind", [Text, Markdown])
def test_what_no_request_can_carry_is_refused_at_once(
    kind: type[Text | Markdown], source: str, *, numbering: bool
) -> None:
    text = kind(source * (2_000_000 // len(source)))

    def work() -> None:
        with pytest.raises(InvalidInputError) as caught:
            split(text, limit=280, numbering=numbering)
        problems.extend(caught.value.problems)

    problems: list[Problem] = []
    assert calls_of(work) < 500, "nobody reads two million characters for that"
    (problem,) = problems
    assert problem.where == "content"
    assert "102,400" in problem.message


def test_blanks_that_are_dropped_do_not_count() -> None:
    assert sources(split(Text("x" + " " * 200_000 + "y"), limit=1)) == ["x", "y"]
    full = "word " * 25_600  # 102,400 letters, and blanks that stay
    assert len(split(Text(full), limit=500)) == 256


@given(
    words=st.lists(st.sampled_from(["word", "end.", "&", "<b>", "日本語", "a\xa0b"]), min_size=1),
    limit=st.integers(20, 60),
    counts=ways_to_count,
)
def test_no_more_words_would_have_fitted(
    words: list[str], limit: int, counts: Literal["plain", "x-weighted"]
) -> None:
    parts = sources(split(Text(" ".join(words)), limit=limit, counts=counts))
    assert " ".join(parts) == " ".join(words)
    for part, after in pairwise(parts):
        longer = f"{part} {after.split(' ')[0]}"
        is_longer = length(render(Text(longer), limit=limit, counts=counts), counts) > limit
        assert is_longer or part.endswith("end.")
