"""Suggest what to type instead of a command or option that does not exist. PURE."""

from __future__ import annotations

from collections.abc import Callable, Sequence

_REDUNDANT = {
    "notifications list",
    "providers list",
    "quota show",
    "users list",
    "users search",
}
"""Words of which the second is redundant, because the first does the same."""

QUIET_NAMES = ("--quiet", "-q")

_MEANT: dict[str, tuple[str, ...]] = {
    "accounts": ("channels",),
    "analytics platform": ("analytics channel",),
    "auth status": ("doctor",),
    "check": ("plan", "posts check"),
    "create": ("posts create",),
    "delete": ("posts delete",),
    "dry-run": ("plan",),
    "channels add": ("channels connect",),
    "channels create": ("channels connect",),
    "channels get": ("channels settings",),
    "list": ("posts list", "channels list"),
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
    "upload": ("media upload",),
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
    "post": "posts",
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


def as_meant(arguments: Sequence[str]) -> tuple[list[str], bool]:
    """The arguments without a redundant word, and whether `--quiet` was among them.

    `providers list` is `providers`, and `help run` is `run --help`. `--quiet` is taken out, so that
    commands that take words with `-` do not take it for an id.
    """
    end = arguments.index("--") if "--" in arguments else len(arguments)
    words = [word for word in arguments[:end] if word not in QUIET_NAMES]
    is_quiet = len(words) < end
    words += arguments[end:]
    if words[:1] == ["help"]:
        words = [*words[1:], "--help"]
    if " ".join(words[:2]) in _REDUNDANT:
        del words[1]
    return words, is_quiet


def instead_of_option(option: str) -> str:
    """The advice for an option that does not exist; empty if there is none."""
    return _OF_OPTIONS.get(option, "")


def instead_of(typed: Sequence[str], exists: Callable[[Sequence[str]], bool]) -> str:
    """The advice for a command that does not exist; empty if there is none.

    Args:
        typed: the words, also as the official command line has them (`posts:list`).
        exists: whether there is a command of these words.
    """
    words = [_OTHER_WORDS.get(part, part) for word in typed for part in word.split(":")]
    for meant in (words[:2], words[:1]):
        phrase = " ".join(meant)
        if phrase in _NOWHERE:
            return _NOWHERE[phrase]
        is_other = meant != list(typed[: len(meant)]) and exists(meant)
        if right := _MEANT.get(phrase, (phrase,) if is_other else ()):
            return f"Try: {', or '.join(f'postiz-async {each}' for each in right)}"
    return ""
