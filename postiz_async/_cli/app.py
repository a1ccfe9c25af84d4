"""The commands, and what an error looks like on a terminal."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from importlib.metadata import version
from typing import TYPE_CHECKING

from cyclopts import (
    App,
    CycloptsError,
    Group,
    Parameter,
    UnknownCommandError,
    UnknownOptionError,
    UnusedCliTokensError,
)

from postiz_async._cli import (
    account,
    after_run,
    campaigns,
    channels,
    doctor,
    insights,
    local,
    media,
    outbox,
    posts,
    providers,
    reconcile,
    undo,
    update,
    validate,
)
from postiz_async._cli.output import Output
from postiz_async._cli.signals import SIGNAL_EXIT
from postiz_async._cli.suggestions import as_meant, instead_of, instead_of_option
from postiz_async.errors import InvalidPostError, PostizError, QuotaError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["run"]

_INTERRUPT = 2
"""The number of SIGINT."""


def _default(value: object) -> str | None:
    """A default in the help; flags that are off have none to speak of."""
    if value is False or value is None:
        return None
    return f"{value:g}" if isinstance(value, float) else str(value)


app = App(
    name="postiz-async",
    help="Schedule posts through the Postiz API without ever exceeding its hourly quota.",
    version=f"postiz-async {version('postiz-async')}",
    result_action="return_value",
    suppress_keyboard_interrupt=False,
    default_parameter=Parameter(negative=(), show_default=_default),
)
_campaigns = Group("Campaigns", sort_key=1)
_api = Group("The rest of the API", sort_key=2)
_help = Group("Connection and quota", sort_key=3)
_local = Group("Without Postiz", sort_key=4)
_options = Group("Options", sort_key=5)
for command in (
    validate.validate,
    campaigns.plan,
    campaigns.run,
    campaigns.status,
    update.update,
    undo.undo,
    reconcile.reconcile,
    after_run.report,
    reconcile.export,
):
    app.command(command, group=_campaigns)
for part in (channels.app, posts.app, media.app, insights.app, account.app):
    part.group = _api
    app.command(part)
outbox.app.group = _local
app.command(outbox.app)
app.command(insights.notifications, group=_api)
app.command(account.quota, group=_help)
app.command(doctor.doctor, group=_help)
app.command(providers.providers, group=_help)
app.command(local.demo, group=_local)
app.command(local.sandbox, group=_local)
for flag in ("--help", "--version"):
    app[flag].group = _options


def run(arguments: Sequence[str]) -> int:
    """Run one command.

    Returns:
        Its exit code: 0 all done, 1 not all, 2 wrong input or settings, 130 interrupted.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    output = Output(as_json="--json" in arguments)
    try:
        return _run(arguments, output)
    except OSError as error:
        return _cannot_write(output, error)


def _run(arguments: Sequence[str], output: Output) -> int:
    try:
        code = app(as_meant(arguments), exit_on_error=False, print_error=False)
    except CycloptsError as error:
        output.error(_usage(error), kind="usage")
        return 2
    except KeyboardInterrupt:
        output.err.print("Stopped.")
        if output.as_json:
            output.json({"error": {"kind": "interrupted", "message": "Stopped."}})
        return SIGNAL_EXIT + _INTERRUPT
    except InvalidPostError as error:
        output.error(str(error), kind=type(error).__name__, problems=error.problems)
        return 2
    except PostizError as error:
        output.error(str(error), kind=type(error).__name__)
        return 1 if isinstance(error, QuotaError) else 2
    return code if isinstance(code, int) else 0


def _usage(error: CycloptsError) -> str:
    """What is wrong with a command line, and what to type instead."""
    error.verbose = False
    chain, rest = list(error.command_chain or ()), error.unused_tokens or [""]
    called = " ".join(["postiz-async", *chain])
    see = f"See: {called} --help"
    if isinstance(error, UnknownOptionError):
        return f"{error} {instead_of_option(error.token.keyword or '') or see}"
    if not isinstance(error, UnknownCommandError | UnusedCliTokensError):
        return f"{error} {see}"
    names = list(_names(app))
    if rest[0].startswith("-"):
        return f"{called} needs a command before {rest[0]}. {see}"
    is_group = any(not name.startswith("-") for name in (error.app or app).resolved_commands())
    meant = instead_of([*chain, *rest], names) if is_group else ""
    if meant:
        return f"There is no command {' '.join([*chain, rest[0]])!r}. {meant}"
    if isinstance(error, UnusedCliTokensError):
        return f"{called} does not take {rest[0]!r}. {see}"
    return f"{error} {see}"


def _names(of: App, before: str = "") -> Iterator[str]:
    """The full names of all commands, each by its first one."""
    seen: set[int] = set()
    for name, command in of.resolved_commands().items():
        if not name.startswith("-") and id(command) not in seen:
            seen.add(id(command))
            yield f"{before}{name}"
            yield from _names(command, f"{before}{name} ")


def _cannot_write(output: Output, error: OSError) -> int:
    """Nothing more can be said on stdout, not at the exit either: a full disk, a closed pipe."""
    if not isinstance(error, BrokenPipeError):
        with suppress(OSError):
            output.fault(error.strerror or str(error))
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1
