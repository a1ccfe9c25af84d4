"""Tell a command or a web address of the user that a campaign needs somebody: `--on-failure`.

Both are the user's own, from the command line or a profile. A campaign, or the `campaign.toml` next
to it, may come from a stranger and can name neither.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, cast
from urllib.parse import urlsplit

from cyclopts import Parameter

from postiz_async import Secret
from postiz_async._cli.connection import LOOPBACK, Connection, profile_of
from postiz_async._cli.output import IS_QUIET, Output, encoded, exit_code_of, printable
from postiz_async._cli.results import Result, error_result
from postiz_async._cli.signals import SIGNAL_EXIT
from postiz_async._transport import ConnectionSettings, make_transport
from postiz_async._wire import WireRequest
from postiz_async.errors import APIConnectionError, ConfigurationError, PostizError

OnFailure = Annotated[
    Secret | None,
    Parameter(
        accepts_keys=False,
        help=(
            "If this ends with a failure, run this command, which gets the --json document on its "
            "standard input, or POST it to this https:// address; else that of the profile."
        ),
    ),
]

COMMAND_LIMIT = 600.0
"""Seconds that the command may take."""

_ADDRESS_LIMIT = 60.0
"""Seconds that the address may take to answer."""

_SECRETS = {
    "POSTIZ_API_KEY",
    "POSTIZ_CLIENT_SECRET",
    "POSTIZ_HEADERS",
    "POSTIZ_PROXY",
    "POSTIZ_STORE",
    "POSTIZ_MCP_TOKEN",
}
"""Variables that the command does not get."""

_BY_THE_USER = SIGNAL_EXIT + signal.SIGINT
"""The exit code after Ctrl-C: who pressed it knows."""


@dataclass(frozen=True, slots=True)
class FailureTarget:
    """Whom to tell: the words of a command, or a web address."""

    source: str
    words: tuple[str, ...] = ()
    url: Secret | None = None

    @classmethod
    def of(cls, said: Secret | None, connection: Connection) -> FailureTarget | None:
        """The one that is given, else that of the profile; None if there is none.

        Raises:
            ConfigurationError: it is neither a command on this machine nor an address to call.
        """
        source = "--on-failure"
        profile = profile_of(connection) if said is None else None
        if profile is not None:
            said, source = profile.on_failure, f"on_failure of the profile {profile.name!r}"
        if not said:
            return None
        text = said.reveal().strip()
        if "://" in text.partition(" ")[0]:
            return cls(source, url=_checked_url(text, source))
        try:
            words = shlex.split(text)
        except ValueError as error:
            raise ConfigurationError(f"{source} cannot be read as a command: {error}.") from None
        if not words or shutil.which(words[0]) is None:
            program = repr(words[0]) if words else "nothing"
            raise ConfigurationError(f"{source}: there is no program {program} to run.")
        return cls(source, tuple(words))

    async def tell(self, document: bytes, variables: Mapping[str, str]) -> str:
        """Tell it; returns what went wrong, else an empty text."""
        if self.url is not None:
            return await _posted(self.url, document)
        return await run_command(self.words, document, variables)


async def watched(
    output: Output,
    command: str,
    file: Path,
    target: FailureTarget | None,
    work: Callable[[], Awaitable[int]],
) -> int:
    """Do the work of a command, and tell the target if it fails.

    Args:
        output: the output of the command.
        command: its name.
        file: its campaign.
        target: whom to tell; None: nobody.
        work: returns the exit code.
    """
    if target is None:
        return await work()
    output.holds_error = True  # the last line of standard error, also after what the command says
    try:
        code = await work()
    except Exception as error:
        code = exit_code_of(error) if isinstance(error, PostizError) else 1
        await _tell(output, target, command, file, code, error_result(error, code))
        raise
    else:
        if code not in {0, _BY_THE_USER}:
            await _tell(output, target, command, file, code, output.failed)
        return code
    finally:
        output.release_error()


async def _tell(
    output: Output,
    target: FailureTarget,
    command: str,
    file: Path,
    code: int,
    error: Result | None,
) -> None:
    said = _failure(output, command, file, code, error)
    variables = {
        "POSTIZ_COMMAND": command,
        "POSTIZ_CAMPAIGN": said["campaign"],
        "POSTIZ_EXIT_CODE": str(code),
        "POSTIZ_FAILURE": " ".join(printable(said["text"]).split())[:2_000],
    }
    wrong = await target.tell(encoded(said), variables)
    if wrong and not (output.as_json and IS_QUIET.get()):
        output.fault(f"{target.source} {wrong}, so perhaps nobody was told of the failure.")


def _failure(output: Output, command: str, file: Path, code: int, error: Result | None) -> Result:
    """What the target is told: the `--json` document of the command, and what it is about."""
    document = cast("Result", output.made() if output.made is not None else {})
    counts: Mapping[str, int] = document.get("counts") or {}
    why = [] if error is None else [error["message"].partition("\n")[0]]
    why += [f"{number:,} {state}" for state, number in counts.items()]
    text = f"postiz-async {command} {file.name} ended with exit code {code}"
    said: Result = {
        "text": f"{text}: {'; '.join(why)}" if why else text,
        "command": command,
        "campaign": str(file.absolute()),
        "exit_code": code,
    }
    if error is not None:
        said["error"] = error
    return {**document, **said}


def _checked_url(text: str, source: str) -> Secret:
    try:
        parts = urlsplit(text)
        scheme, host, _ = parts.scheme, parts.hostname, parts.port
    except ValueError:
        scheme, host = "", None
    if host is None or not text.isascii() or not text.isprintable() or " " in text:
        raise ConfigurationError(f"{source} is not a web address; write it like https://host/path.")
    if scheme != "https" and not (scheme == "http" and host in LOOPBACK):
        raise ConfigurationError(
            f"{source} has to begin with https://; http:// is only for this machine."
        )
    return Secret(text)


async def _posted(url: Secret, document: bytes) -> str:
    headers = (("Content-Type", "application/json"), ("User-Agent", "postiz-async"))
    is_here = urlsplit(url.reveal()).hostname in LOOPBACK
    transport = make_transport(ConnectionSettings.checked(proxy="" if is_here else None))
    try:
        answer = await transport.send(
            WireRequest("POST", url.reveal(), headers, document, _ADDRESS_LIMIT)
        )
    except APIConnectionError as error:
        why = str(error).replace(url.reveal(), "...").partition(". ")[0].removesuffix(".")
        return f"could not be called ({why})"
    finally:
        await transport.aclose()
    if 200 <= answer.status < 300:
        return ""
    is_redirect = 300 <= answer.status < 400
    return f"answered {answer.status}" + (" (no redirect is followed)" if is_redirect else "")


async def run_command(
    words: tuple[str, ...],
    document: bytes,
    variables: Mapping[str, str],
    *,
    limit: float = COMMAND_LIMIT,
) -> str:
    """Run a command without a shell, with a document on its standard input.

    It prints to our standard error, and gets our variables without secrets.

    Args:
        words: the words of the command.
        document: what it reads.
        variables: variables beside ours.
        limit: seconds that it may take.

    Returns:
        What went wrong, else an empty text.
    """
    kept = {name: value for name, value in os.environ.items() if name not in _SECRETS}
    try:
        process = await asyncio.create_subprocess_exec(
            *words,
            stdin=asyncio.subprocess.PIPE,
            stdout=sys.__stderr__,
            stderr=sys.__stderr__,
            env={**kept, **variables},
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        return f"cannot be started: {getattr(error, 'strerror', None) or 'it is not a command'}"
    try:
        async with asyncio.timeout(limit):
            await process.communicate(document)
    except TimeoutError:
        return f"was ended after {limit:g} s"
    finally:
        if process.returncode is None:
            _kill(process)
            await process.wait()
    return f"ended with code {process.returncode}" if process.returncode else ""


def _kill(process: asyncio.subprocess.Process) -> None:
    """End a command with all that it started."""
    if sys.platform == "win32":
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)
