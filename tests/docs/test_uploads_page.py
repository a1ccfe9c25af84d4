"""The limits that `docs/uploads.md` tells are those of the code."""

from __future__ import annotations

from pathlib import Path

from postiz_async._uploads import STALL_TIMEOUT, URL_SUFFIXES
from postiz_async._uploads.cache import MAX_AGE
from postiz_async._uploads.inspect import MAX_IMAGE, MAX_VIDEO
from postiz_async._uploads.remote import (
    ANSWERS_WITHIN,
    LEAST_RATE,
    MAX_FETCH,
    MAX_REDIRECTS,
    RATE_OVER,
)
from postiz_async._uploads.send import HASHED

PAGE = (Path(__file__).parents[2] / "docs" / "uploads.md").read_text(encoding="utf-8")
TEXT = " ".join(PAGE.split())
NUMBERS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
KIB, MIB, GIB = 2**10, 2**20, 2**30


def test_sizes() -> None:
    assert f"Pictures (PNG, JPEG, GIF, WebP, at most {MAX_IMAGE // MIB} MiB)" in TEXT
    assert f"MP4 videos (at most {MAX_VIDEO // GIB} GiB)" in TEXT
    assert f"a picture of {MAX_IMAGE // MIB + 1} MiB" in TEXT
    assert f"`upload` remembers files up to {HASHED // MIB} MiB" in TEXT


def test_times() -> None:
    assert f"none moves for {STALL_TIMEOUT:.0f} seconds (`stall_timeout=`)" in TEXT
    assert f"uses again for {MAX_AGE / 3600:.0f} hours" in TEXT
    assert f"begin within {NUMBERS[round(ANSWERS_WITHIN / 60)]} minutes" in TEXT
    assert max(RATE_OVER, STALL_TIMEOUT) == 60
    assert f"to bring {LEAST_RATE // KIB} KiB a second on the average of each minute" in TEXT
    assert MAX_FETCH == 3600
    assert "complete after an hour of waiting" in TEXT


def test_addresses() -> None:
    *first, last = (f"`{suffix}`" for suffix in (".png", ".jpg", ".jpeg", ".gif", ".webp", ".mp4"))
    assert f"whose path ends in {', '.join(first)} or {last}" in TEXT
    assert sorted(URL_SUFFIXES) == sorted(each.strip("`") for each in (*first, last))
    assert f"each of at most {NUMBERS[MAX_REDIRECTS]} redirects" in TEXT
