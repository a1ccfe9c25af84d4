"""Suggest what to type instead of a command or option that does not exist. PURE."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence

_REDUNDANT = {
    "notifications list",
    "providers list",
    "quota show",
    "users list",
    "users search",
}
"""Words of which the second is redundant, because the first does the same."""

_QUIET = {"--quiet", "-q"}

_MEANT: dict[str, tuple[str, ...]] = {
    "accounts": ("channels",),
    "analytics platform": ("analytics channel",),
    "auth status": ("doctor",),
    "check": ("plan", "posts check"),
    "create": ("posts create",),
    "dry-run": ("plan",),
    "channels add": ("channels connect",),
    "channels create": ("channels connect",),
    "channels get": ("channels settings",),
    "post": ("posts create",),
    "posts connect": ("posts release-id",),
    "posts draft": ("posts create --draft",),
    "posts export": ("export",),
    "posts publish": ("posts create --now",),
    "posts schedule": ("posts create --at",),
    "posts update": ("posts edit", "posts replace"),
    "publish": ("posts create --now",),
    "revert": ("undo",),
    "rollback": ("undo",),
    "schedule": ("posts create --at", "run"),
    "send": ("run",),
    "start": ("run",),
    "sync": ("update",),
    "validate": ("plan",),
    "withdraw": ("undo",),
    "whoami": ("doctor",),
}
"""Commands to suggest, by the words that were typed."""

_NOWHERE = {
    "auth": "There is no login: set POSTIZ_API_KEY, or log in with the official command line.",
    "login": "There is no login: set POSTIZ_API_KEY, or log in with the official command line.",
    "media delete": "Postiz has no call that deletes media. They are in its web page, under Media.",
    "tags": "Postiz has no call that lists or makes tags. They are made in its web page.",
    "version": "Say: postiz-async --version",
}
"""Explanations for words without a command to suggest."""

_OTHER_WORDS = {
    "integrations": "channels",
    "ls": "list",
    "new": "create",
    "remove": "delete",
    "rm": "delete",
    "show": "get",
}

_SPAN = "A span of dates is given with --from and --to."
_OF_OPTIONS = {
    **dict.fromkeys(("--start", "--end", "--since", "--until", "--after", "--before"), _SPAN),
    "--campaign": "The name of a campaign is given with --name.",
    "--dry-run": "plan says what run would do, and sends nothing; update and undo show it without "
    "--yes.",
    "--integration": "A channel is given with --channel.",
}


def as_meant(arguments: Sequence[str]) -> list[str]:
    """The arguments without a redundant word: `providers list` is `providers`.

    `help run` is `run --help`. `--quiet` is moved to the front, so that commands that take words
    with `-` do not take it for an id.
    """
    end = arguments.index("--") if "--" in arguments else len(arguments)
    quiet = [word for word in arguments[:end] if word in _QUIET]
    words = [*(word for word in arguments[:end] if word not in _QUIET), *arguments[end:]]
    if words[:1] == ["help"]:
        words = [*words[1:], "--help"]
    if " ".join(words[:2]) in _REDUNDANT:
        del words[1]
    return [*quiet[:1], *words]


def instead_of_option(option: str) -> str:
    """The advice for an option that does not exist; empty if there is none."""
    return _OF_OPTIONS.get(option, "")


def instead_of(typed: Sequence[str], commands: Collection[str]) -> str:
    """The advice for a command that does not exist; empty if there is none.

    Args:
        typed: the words, also as the official command line has them (`posts:list`).
        commands: the full names of all commands there are.
    """
    words = [_OTHER_WORDS.get(part, part) for word in typed for part in word.split(":")][:2]
    is_in_group = words[0] in commands
    right = _corrected(words, commands)
    if len(words) == 2 and right and right[0].endswith(f" {words[1]}"):
        return _try(right)
    for phrase in (" ".join(words), *([] if is_in_group else words[:1])):
        if phrase in _NOWHERE:
            return _NOWHERE[phrase]
        if phrase in _MEANT or phrase in commands:
            return _try(_MEANT.get(phrase, (phrase,)))
    if is_in_group:
        return _try(_beside(words[1], f"{words[0]} ", commands) or _anywhere(words[1], commands))
    return _try(right or _anywhere(words[0], commands))


def _corrected(words: Sequence[str], commands: Collection[str]) -> Sequence[str]:
    """The first word with corrected spelling, and the second if they are a command together."""
    right = _beside(words[0], "", commands)
    both = " ".join([*right, *words[1:]])
    return [both] if both in commands else right


def _beside(word: str, group: str, commands: Collection[str]) -> Sequence[str]:
    """The command of a group with the spelling closest to a word."""
    names = [name.removeprefix(group) for name in commands if name.startswith(group)]
    close = difflib.get_close_matches(word, [name for name in names if " " not in name], 1, 0.7)
    return [f"{group}{name}" for name in close]


def _anywhere(word: str, commands: Collection[str]) -> Sequence[str]:
    """The commands with this name in any group."""
    return [name for name in commands if name.endswith(f" {word}")]


def _try(commands: Sequence[str]) -> str:
    return f"Try: {', or '.join(f'postiz-async {each}' for each in commands)}" if commands else ""
