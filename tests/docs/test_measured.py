"""The pages with figures show what was measured, and the comparison still plays."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
from comparison import OTHERS, OURS, careful, play

ROOT = Path(__file__).parents[2]


def test_the_pages_show_what_was_measured() -> None:
    made: dict[Path, str] = runpy.run_path(str(ROOT / "docs" / "make_performance.py"))["pages"]()
    assert len(made) == 4
    for path, text in made.items():
        assert path.read_text(encoding="utf-8") == text, "run: python docs/make_performance.py"


def test_each_post_is_stored_once_in_each_of_our_ways() -> None:
    for name in OURS:
        outcome = play(name, 32, seed=7)
        assert (outcome.stored, outcome.doubled, outcome.refused) == (33, 0, 0), name
        assert outcome.hours < 2, name


def test_a_careful_client_stores_each_post_once_too() -> None:
    [name] = [name for name, way in OTHERS.items() if way is careful]
    outcome = play(name, 32, seed=7)
    assert (outcome.stored, outcome.doubled, outcome.lost, outcome.refused) == (33, 0, 0, 0)


def test_others_double_what_they_repeat_and_are_refused() -> None:
    outcome = play("retry loop, as Retry-After says", 32, seed=7)
    assert (outcome.stored, outcome.lost) == (33, 0)
    assert outcome.doubled
    assert outcome.refused
