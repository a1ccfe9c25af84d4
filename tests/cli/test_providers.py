"""`postiz-async providers`: what a network takes, without a server."""

from __future__ import annotations

import io
import re
from contextlib import redirect_stdout

import pytest
from cli_lab import Cli

from postiz_async._cli.providers import providers
from postiz_async.providers import PROVIDERS
from postiz_async.providers._schema import fields_of


def test_all_networks(cli: Cli) -> None:
    shown = cli("providers")
    assert shown.code == 0
    assert all(name in shown.out for name in PROVIDERS)
    assert [each["identifier"] for each in cli("providers", "--json").document] == list(PROVIDERS)


@pytest.mark.parametrize("name", ["x", "kick", "threads", "reddit"])
def test_one_network(cli: Cli, name: str) -> None:
    shown = cli("providers", name)
    assert shown.code == 0
    assert f"({name})" in shown.out
    document = cli("providers", name, "--json").document
    assert document["identifier"] == name
    assert all(field["name"] in shown.out for field in document["settings"])
    assert all(note in shown.out for note in (*document["notes"], *document["media"]))


ANSI = re.compile(r"\x1b\[[0-9;]*m")


class Terminal(io.StringIO):
    """A terminal that remembers what it shows."""

    def isatty(self) -> bool:
        return True


def on_terminal(name: str | None = None) -> list[str]:
    """The lines that a terminal shows."""
    with redirect_stdout(Terminal()) as terminal:
        providers(name)
    return ANSI.sub("", terminal.getvalue()).splitlines()


def test_what_is_copied_stays_whole_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert set(PROVIDERS) < {line.split(" ")[0] for line in on_terminal()}
    for name, provider in PROVIDERS.items():
        lines = on_terminal(name)
        assert max(len(line) for line in lines if " " in line.strip()) <= 80
        words = {word.strip(",;") for line in lines for word in line.split()}
        for field in fields_of(provider.settings):
            assert words & {field.name, f"{field.name}[]"}
            assert words.issuperset(field.enum)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("linkedn", "'linkedin'"),
        ("Dev.to", "'devto'"),
        ("twitter", "'x'"),
        ("Google Business", "'gmb'"),
        ("warpcast", "'wrapcast'"),
    ],
)
def test_a_misspelt_network(cli: Cli, name: str, hint: str) -> None:
    refused = cli("providers", name)
    assert refused.code == 2
    assert hint in refused.err
    assert cli("providers", name, "--json").error["problems"]


def test_tools_are_named_as_the_command_that_uses_them(cli: Cli) -> None:
    assert "tools (channels trigger): subreddits" in cli("providers", "reddit").out
