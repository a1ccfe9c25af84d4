"""The commands, and what an error looks like on a terminal."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

from cyclopts import App, CycloptsError
from rich.text import Text

from postiz_async.cli import (
    account,
    campaigns,
    channels,
    doctor,
    insights,
    local,
    login,
    media,
    posts,
)
from postiz_async.cli.output import Output
from postiz_async.errors import (
    APIConnectionError,
    BatchError,
    InvalidPostError,
    PostizError,
    QuotaError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["run"]

INTERRUPTED = 130

app = App(
    name="postiz-async",
    help="Schedule posts through the Postiz API without ever exceeding its hourly quota.",
    version=f"postiz-async {version('postiz-async')}",
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)
app.command(campaigns.plan)
app.command(campaigns.run)
app.command(campaigns.status)
app.command(channels.app)
app.command(posts.app)
app.command(media.app)
app.command(insights.app)
app.command(insights.notifications)
app.command(login.app)
app.command(account.quota)
app.command(doctor.doctor)
app.command(local.sandbox)
app.command(local.demo)


def run(arguments: Sequence[str]) -> int:
    """Run one command. Returns its exit code: 0 all done, 1 not all, 2 wrong input or settings."""
    output = Output()
    try:
        code = app(list(arguments), exit_on_error=False, print_error=True)
    except CycloptsError:
        return 2
    except KeyboardInterrupt:
        output.err.print(Text(_stopped(arguments)))
        return INTERRUPTED
    except PostizError as error:
        output.err.print(Text(f"{_kind(error)}: {error}", style="red"))
        return 1 if isinstance(error, QuotaError) else 2
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    return code if isinstance(code, int) else 0


def _stopped(arguments: Sequence[str]) -> str:
    if arguments and arguments[0] == "run":
        return "Stopped. The journal knows what was sent; run the same command again to go on."
    return "Stopped."


def _kind(error: PostizError) -> str:
    if isinstance(error, BatchError):
        return "campaign"
    if isinstance(error, InvalidPostError):
        return "invalid input"
    if isinstance(error, APIConnectionError):
        return "no connection"
    return type(error).__name__
