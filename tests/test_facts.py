"""tests/facts: that they are what was measured, and tell nothing else."""

from __future__ import annotations

import json
import re
from urllib.parse import unquote

import make_facts
import pytest
from recorded import FACTS, TOPICS, exchanges, long

FILES = sorted(path.relative_to(FACTS).as_posix() for path in FACTS.rglob("*") if path.is_file())

HOSTS = re.compile(
    r"(?:cdn\.)?example\.com|127\.0\.0\.1|10\.0\.0\.1|localhost|mastodon\.social|redirectmeto\.com"
    r"|(?:www\.)?(?:discord|facebook|linkedin|pinterest|reddit|tiktok)\.com"
)
"""Of examples, of the recorded machine itself, and of networks."""
KEYS = re.compile(r"(?:Bearer )?(?:API_KEY(?:_[A-Z]+)*|OAUTH_TOKEN|bad|wrong|)")


def test_they_are_what_was_measured() -> None:
    if not make_facts.MEASURED.is_dir():
        pytest.skip("what tests/facts is made of is not beside this repository")
    made = make_facts.files()
    assert sorted(made) == FILES
    assert [name for name in FILES if made[name] != (FACTS / name).read_text("utf-8")] == []


@pytest.mark.parametrize("topic", TOPICS)
def test_they_tell_nothing_of_those_who_measured(topic: str) -> None:
    """Neither keys nor machines; nor in its own words what the server says of networks."""
    for exchange in exchanges(topic):
        said = unquote(json.dumps(exchange))
        hosts = re.findall(r"https?://([\w.-]+)", said)
        assert [host for host in hosts if not HOSTS.fullmatch(host)] == []
        assert KEYS.fullmatch(exchange["request"]["headers"].get("Authorization", ""))
        assert not re.search(r"/(?:home|root|tmp|usr|var)/", said)
        assert '"description": "' not in said


@pytest.mark.parametrize("name", FILES)
def test_a_line_is_written_in_one_way(name: str) -> None:
    text = (FACTS / name).read_text(encoding="utf-8")
    assert text == make_facts.text_of(long(json.loads(line)) for line in text.splitlines())


@pytest.mark.parametrize(
    "value",
    [
        "a" * 50,
        "ab" * 45 + "a",
        "x " + "-" * 41 + "\n" * 60 + "y",
        "\ud83d" * 44,
        [{"a": 1, "b": number, "c": {"d": "e" * 99}} for number in range(12)],
        [{"a": 1}] * 20,
        [{"a": 1, "b": 2}] * 9 + [{"b": 2, "a": 1}],
        [{"a": 1}] * 9 + [7],
        [[], {}, None, ""],
    ],
)
def test_what_is_written_in_short_is_read_as_it_was(value: object) -> None:
    again = long(json.loads(json.dumps(make_facts.short(value))))
    assert json.dumps(again) == json.dumps(value)
