"""The counter of X's weights, beside the package that it imitates.

Texts that glue links to what is none are counted by twitter-text, which the server uses, and by
ours: 30,000 that are always the same and 30,000 fresh ones.

    POSTIZ_CONFORMANCE=1 python -m pytest tests/conformance

POSTIZ_CONFORMANCE_SEED repeats the fresh texts of an earlier run.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from glued_texts import make_texts
from weights_of_x import WEIGHTS

from postiz_async._content import unicode_data as domains
from postiz_async._content.length import weighted_length

pytestmark = [
    pytest.mark.conformance,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        os.environ.get("POSTIZ_CONFORMANCE") != "1", reason="set POSTIZ_CONFORMANCE=1"
    ),
]

NUMBER = 30_000
_DRIVER = Path(__file__).with_name("weights.mjs")


@pytest.mark.parametrize("is_fresh", [False, True], ids=["always the same", "fresh"])
def test_weights(
    packages: Path, first_seed: int, tell: Callable[[str], None], *, is_fresh: bool
) -> None:
    seed = first_seed if is_fresh else 310
    texts = make_texts(seed, NUMBER)
    real = weights(packages, texts)
    assert len(real) == NUMBER
    compare(f"weights, seed {seed}", texts, real, weighted_length, tell)


def test_the_examples_of_the_suite_are_right(packages: Path) -> None:
    assert weights(packages, [text for text, _ in WEIGHTS]) == [weight for _, weight in WEIGHTS]


def test_the_table_has_the_same_top_level_domains(packages: Path) -> None:
    (line,) = run(packages, "", "domains")
    real = set(json.loads(line))
    assert real == domains.TOP_LEVEL_DOMAINS | domains.TOP_LEVEL_DOMAINS_IN_OTHER_SCRIPTS


def weights(packages: Path, texts: list[str]) -> list[int]:
    asked = "".join(f"{json.dumps(text)}\n" for text in texts)
    return [int(weight) for weight in run(packages, asked)]


def run(packages: Path, asked: str, *arguments: str) -> list[str]:
    """What the real package says, line by line."""
    done = subprocess.run(
        ["node", _DRIVER, *arguments],
        cwd=packages,
        input=asked,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def compare(
    what: str,
    texts: list[str],
    real: list[int],
    weight: Callable[[str], int],
    tell: Callable[[str], None],
) -> None:
    """Never too short, and equal in 99.9 %."""
    differences = [
        (text, ours, theirs)
        for text, ours, theirs in zip(texts, map(weight, texts), real, strict=True)
        if ours != theirs
    ]
    differences.sort(key=lambda difference: len(difference[0]))
    short = [difference for difference in differences if difference[1] < difference[2]]
    tell(f"{what}: {len(texts)} texts, {len(differences)} differ, {len(short)} of them too short")
    assert not short, f"{what}: text, ours, real: {short[:5]!a}"
    assert len(differences) <= len(texts) / 1000, f"{what}: text, ours, real: {differences[:5]!a}"
