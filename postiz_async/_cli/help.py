"""The panels of the help: groups of commands and of options."""

from __future__ import annotations

from cyclopts import Group
from cyclopts.help import HelpPanel
from cyclopts.help.protocols import HelpFormatter
from rich.console import Console, ConsoleOptions
from rich.text import Text

CAMPAIGNS = Group("Campaigns, in the order of work", sort_key=1)
POSTS = Group("Posts, channels and media", sort_key=2)
ACCOUNT = Group("Account and server", sort_key=3)
LOCAL = Group("On this machine", sort_key=4)

COMMON = Group("Options", sort_key=5)
SPECIAL = Group("Special cases", sort_key=6)


def _names_after(heading: str) -> HelpFormatter:
    """Show only the names of a panel's options, after a heading."""

    def show(console: Console, options: ConsoleOptions, panel: HelpPanel) -> None:
        names = " ".join(name for entry in panel.entries for name in (*entry.names, *entry.shorts))
        text = Text(f"{heading}: ", "bold").append(names, "not bold")
        console.print(text, width=options.max_width)

    return show


def _described_by(title: str, command: str, sort_key: int) -> tuple[Group, Group]:
    """A panel for the command that describes its options, and one of names for all others."""
    names = _names_after(f"{title}, as in {command} --help")
    return Group(title, sort_key=sort_key), Group(title, sort_key=sort_key, help_formatter=names)


FILE, FILE_IN_BRIEF = _described_by("Reading the file", "plan", 7)
JOURNAL, JOURNAL_IN_BRIEF = _described_by("Journal and store", "status", 8)
CONNECTION, CONNECTION_IN_BRIEF = _described_by("Connection and time zone", "doctor", 9)
QUIETLY = Group(
    "Quiet",
    sort_key=10,
    help_formatter=_names_after("With every command, to print only results and errors"),
)
