"""The application: its commands, and how errors are shown."""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from importlib.metadata import version
from typing import Annotated, Literal

from cyclopts import (
    App,
    CoercionError,
    CycloptsError,
    Group,
    MissingArgumentError,
    Parameter,
    UnknownCommandError,
    UnusedCliTokensError,
)

from postiz_async._cli import (
    account,
    after_run,
    campaigns,
    channels,
    dates,
    insights,
    local,
    mcp,
    media,
    outbox,
    posts,
    providers,
    status,
    undo,
)
from postiz_async._cli.help import ACCOUNT, CAMPAIGNS, COMMON, LOCAL, POSTS, QUIETLY
from postiz_async._cli.options import DATES, Said
from postiz_async._cli.output import IS_QUIET, Output, exit_code_of, printable
from postiz_async._cli.signals import SIGNAL_EXIT
from postiz_async.errors import IS_COMMAND, PostizError

_QUIET_NAMES = ("--quiet", "-q")

_INTERRUPT = 2
"""The number of SIGINT."""


def _default(value: object) -> str | None:
    """A default for the help; None for flags that are off."""
    if value is False or value is None:
        return None
    return f"{value:g}" if isinstance(value, float) else str(value)


app = App(
    name="postiz-async",
    help="Schedule posts through the Postiz API without ever exceeding its hourly quota.\n\n"
    "Server and key come from POSTIZ_API_URL and POSTIZ_API_KEY, from a profile, or from options "
    "of each command, which doctor --help describes.",
    version=f"postiz-async {version('postiz-async')}",
    result_action="return_value",
    suppress_keyboard_interrupt=False,
    default_parameter=Parameter(negative=(), show_default=_default),
    group_parameters=COMMON,
)
_COMMANDS: dict[Group, tuple[App | Callable[..., object], ...]] = {
    CAMPAIGNS: (
        dates.dates,
        campaigns.plan,
        campaigns.run,
        status.status,
        undo.undo,
        after_run.report,
    ),
    POSTS: (posts.app, channels.app, media.app, insights.app, providers.providers),
    ACCOUNT: (
        account.doctor,
        account.quota,
        account.app,
        insights.notifications,
        insights.users,
    ),
    LOCAL: (local.sandbox, local.demo, outbox.app, mcp.mcp),
}
"""The commands in the order of the help: campaigns as one works on them."""
for group, commands in _COMMANDS.items():
    for place, command in enumerate(commands):
        if isinstance(command, App):
            command.group, command.sort_key = group, place
            app.command(command)
        else:
            app.command(command, group=group, sort_key=place)
for flag in ("--help", "--version"):
    app[flag].group = COMMON


@app.command(group=LOCAL, sort_key=10)
def completion(shell: Literal["bash", "zsh", "fish"], /) -> None:
    """Print the shell script that completes commands and options.

    Args:
        shell: The shell.
    """
    print(app.generate_completion(shell=shell))


@app.meta.default
def _with_every_command(
    *, quiet: Annotated[bool, Parameter(name=_QUIET_NAMES, group=QUIETLY)] = False
) -> None:
    """Only described by this, for help and completion: `_run` takes it out of the words."""


def run(arguments: Sequence[str]) -> int:
    """Run one command.

    Returns:
        Its exit code: 0 all done, 1 not all or not now, 2 wrong input or settings, 130 interrupted.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    if logging.lastResort is not None:  # the handler for logs without configuration
        logging.lastResort.setFormatter(_Warning())
        logging.lastResort.addFilter(_is_wanted)
    output = Output(as_json="--json" in arguments)
    token = IS_COMMAND.set(True)
    try:
        return _run(arguments, output)
    except OSError as error:
        return _cannot_write(output, error)
    finally:
        IS_COMMAND.reset(token)


class _Warning(logging.Formatter):
    """Formats log records, without characters that control the terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(f"warning: {super().format(record)}")


def _is_wanted(record: logging.LogRecord) -> bool:
    """A filter of what the library logs: `--quiet` keeps errors only."""
    return record.levelno >= logging.ERROR or not IS_QUIET.get()


def _run(arguments: Sequence[str], output: Output) -> int:
    end = arguments.index("--") if "--" in arguments else len(arguments)
    words = [word for word in arguments[:end] if word not in _QUIET_NAMES]  # no ids of `delete`
    token = IS_QUIET.set(len(words) < end)
    try:
        code = app([*words, *arguments[end:]], exit_on_error=False, print_error=False)
    except CycloptsError as error:
        output.failure("UsageError", _usage(error), 2)
        return 2
    except KeyboardInterrupt as stopped:
        code, text = SIGNAL_EXIT + _INTERRUPT, str(stopped) or "Stopped."
        output.failure("Interrupted", text, code, text=text)
        return code
    except PostizError as error:
        code = exit_code_of(error)
        output.error(error, code)
        return code
    finally:
        IS_QUIET.reset(token)
    return code if isinstance(code, int) else 0


_MOMENTS = (datetime, Said, Said | None)


def _usage(error: CycloptsError) -> str:
    """The message about a wrong command line."""
    error.verbose = False
    chain, rest = list(error.command_chain or ()), error.unused_tokens or [""]
    called = " ".join(["postiz-async", *chain])
    see = f"See: {called} --help"
    if isinstance(error, CoercionError) and error.target_type in _MOMENTS and error.token:
        typed, option = error.token.value, error.token.keyword
        absent = f" ({error.msg})" if error.msg else ""
        return f"{option}: {typed!r} is not a date{absent}. Write it like {DATES}. {see}"
    if isinstance(error, MissingArgumentError) and (lacks := _lacks(error, called)):
        return f"{lacks} {see}"
    if not isinstance(error, UnknownCommandError | UnusedCliTokensError):
        return f"{error} {see}"
    if rest[0].startswith("-"):
        return f"{called} needs a command before {rest[0]}. {see}"
    if isinstance(error, UnusedCliTokensError):
        return f"{_stray(rest[0], called)} {see}"
    return f"{error} {see}"


def _lacks(error: MissingArgumentError, called: str) -> str:
    """The message about a missing argument or value; empty if an option may be misspelled."""
    if error.keyword:
        return f"{error.keyword} needs a value."
    if not error.argument or any(word.startswith("-") for word in error.unused_tokens or ()):
        return ""
    return f"{called} needs {error.argument.name}."


def _stray(word: str, called: str) -> str:
    """The message about an unexpected word, which may be a secret without its option."""
    return f"{called} does not take {'that address' if '://' in word else repr(word)}."


def _cannot_write(output: Output, error: OSError) -> int:
    """Report that stdout cannot be written (full disk, closed pipe), and close it for the exit."""
    if not isinstance(error, BrokenPipeError):
        with suppress(OSError):
            output.failure("OutputError", error.strerror or str(error), 1)
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1
