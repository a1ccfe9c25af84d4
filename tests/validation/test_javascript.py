"""Values in settings are converted as in the language of the server."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from sandbox_settings import MEDIA, SETTINGS, media
from validation_lab import entry, errors, post, request


def wrong_with(name: str, settings: Mapping[str, object]) -> list[str]:
    """What the server says about settings of a network."""
    part = entry("Hello", *media(*MEDIA.get(name, [])))
    return errors(name, request(post(part, settings={**SETTINGS[name], **settings})))


WORDS_OF: list[tuple[object, int]] = [
    *((7, 1), (7.0, 1), (-0.0, 1), (7.5, 3), (10**20, 21), (10**21, 5), (10**400, 8)),
    *((True, 4), (False, 5), ({}, 15)),
]
"""Values, and how many characters the server's language writes them with."""


@pytest.mark.parametrize(("value", "length"), WORDS_OF, ids=[str(v)[:24] for v, _ in WORDS_OF])
def test_what_is_no_text_has_a_length_all_the_same(value: object, length: int) -> None:
    wrong = wrong_with("hashnode", {"title": value})
    assert bool(wrong) == (length < 6), wrong
    assert bool(wrong_with("youtube", {"title": value})) == (length < 2)


IN_RANGE = ["5", "0x10", "0X1f", "0b11", "0o17", "1e1", "+5", "-0", ".5", "5.", "100"]
OUT_OF_RANGE = {"101": 1, "-1": 1, "1e999": 2, "0x" + "f" * 300: 2}
NO_NUMBERS = ["\uff11\uff12", "\u0663", "1_0", "0x", "0b2", "1e", "5%", "nan", "1,5"]


def test_texts_are_numbers_as_the_servers_language_reads_them() -> None:
    def wrong(volume: object) -> int:
        said = wrong_with("instagram", {"audio": {"id": "1", "audio_volume": volume}})
        return sum("audio_volume" in each for each in said)

    for good in (*IN_RANGE, "", " 12\u00a0", True, False):
        assert wrong(good) == 0, good
    for bad, number in OUT_OF_RANGE.items():
        assert wrong(bad) == number, bad
    for word in NO_NUMBERS:
        assert wrong(word) == 3, word
