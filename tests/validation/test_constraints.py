"""Texts in settings are counted as the validator of the server counts."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from lengths_in_settings import LENGTHS
from sandbox_settings import MEDIA, SETTINGS, media
from validation_lab import entry, errors, post, request


def wrong_with(name: str, settings: Mapping[str, object]) -> list[str]:
    """What the server says about settings of a network."""
    part = entry("Hello", *media(*MEDIA.get(name, [])))
    return errors(name, request(post(part, settings={**SETTINGS[name], **settings})))


BOUNDS: list[tuple[str, str, int, int | None]] = [
    ("youtube", "title", 2, 100),
    ("pinterest", "title", 1, 100),  # an empty one is taken for none
    ("tiktok", "title", 1, 90),
    ("tiktok-business", "title", 1, 90),
    ("hashnode", "title", 6, None),
    ("hashnode", "subtitle", 2, None),
    ("devto", "title", 2, None),
    ("tumblr", "title", 1, 4_096),
    ("tumblr", "tags", 0, 4_096),
]


@pytest.mark.parametrize(("name", "field", "least", "most"), BOUNDS)
def test_a_text_in_settings_is_counted_as_the_servers_validator_counts(
    name: str, field: str, least: int, most: int | None
) -> None:
    for start, length in LENGTHS:
        for wanted in {least - 1, least, *([] if most is None else [most, most + 1])}:
            if wanted < length:
                continue
            text = start + "a" * (wanted - length)
            fits = least <= wanted and (most is None or wanted <= most)
            assert (not wrong_with(name, {field: text})) == fits, text
