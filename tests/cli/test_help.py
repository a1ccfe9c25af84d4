"""What `--help` shows: each option, described once, and nothing in the pages that there is not."""

from __future__ import annotations

import io
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from cyclopts import App
from rich.console import Console

from postiz_async._cli.app import app

ROOT = Path(__file__).parents[2]
PAGES = [
    *ROOT.glob("docs/**/*.md"),
    *(ROOT / name for name in ("README.md", "AGENTS.md", "llms.txt")),
    *ROOT.glob("skills/*/*.md"),
]
SHOWN = r"^\$ (?:.*\| )?postiz-async (.*)$"
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")


def commands(of: App = app, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in of.resolved_commands().items():
        if not name.startswith("-"):
            words = (*before, name)
            if command.default_command is not None:
                yield words
            yield from commands(command, words)


def options_of(words: tuple[str, ...]) -> set[str]:
    command = app
    for word in words:
        command = command[word]
    arguments = command.assemble_argument_collection()
    names = {argument.name for argument in arguments if not argument.children}
    return {name for name in names if OPTION.fullmatch(name)}


@cache
def help_of(words: tuple[str, ...]) -> str:
    console = Console(file=io.StringIO(), width=80)
    app.help_print(words, console=console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def described(words: tuple[str, ...]) -> set[str]:
    """The options that are described in the help of a command, and not only named."""
    return set(re.findall(r"^│ (?:[* ] +)?(--[a-z-]+)", help_of(words), re.MULTILINE))


@pytest.mark.parametrize("words", [*commands()], ids=" ".join)
def test_each_option_is_described_or_named_with_the_command_that_describes_it(
    words: tuple[str, ...],
) -> None:
    text = help_of(words)
    at_others = {
        name
        for command in re.findall(r", as in ([\w ]+) --help: ", text)
        for name in described(tuple(command.split()))
    }
    options = options_of(words)
    assert options <= set(OPTION.findall(text))
    assert options <= described(words) | at_others


def test_each_option_in_the_pages_is_one_of_its_command() -> None:
    known = sorted(commands(), key=len, reverse=True)
    for page in PAGES:
        for line in re.findall(SHOWN, page.read_text("utf-8"), re.MULTILINE):
            typed = shlex.split(line, comments=True)
            words = next(each for each in known if tuple(typed[: len(each)]) == each)
            named = {word.partition("=")[0] for word in typed if OPTION.match(word)}
            assert named <= options_of(words) | {"--quiet", "--help"}, f"{page}: {line}"
