"""Commands on a terminal: what a person reads there, and answers."""

from __future__ import annotations

import errno
import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from processes import COMMAND, PATIENCE

__all__ = ["Told", "on_terminal"]

_STYLE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_QUESTION = re.compile(r"\[[yY]/[nN]\]: ?$")


@dataclass(frozen=True)
class Told:
    """What a command on a terminal said, and how often it asked."""

    code: int
    text: str
    asked: int


def on_terminal(
    arguments: Sequence[str | Path], environment: Mapping[str, str], *answers: str
) -> Told:
    """Run a command on a terminal of 100 columns, and give these answers to its questions."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 100, 0, 0))
    process = subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        env=dict(environment),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    said, answered, left = b"", [0], list(answers)
    try:
        while chunk := _read(ours):
            said += chunk
            if _QUESTION.search(_shown(said[answered[-1] :])):
                answered.append(len(said))
                os.write(ours, f"{left.pop(0)}\n".encode())
        code = process.wait(PATIENCE)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    return Told(code, _shown(said).replace("\r\n", "\n"), len(answered) - 1)


def _read(terminal: int) -> bytes:
    """What is there, which may end in the middle of a letter, a style or a question."""
    try:
        return os.read(terminal, 65_536)
    except OSError as error:
        if error.errno != errno.EIO:  # Linux says so at the end
            raise
        return b""


def _shown(said: bytes) -> str:
    return _STYLE.sub("", said.decode("utf-8", "replace"))
