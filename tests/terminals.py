"""Commands on a terminal: what a person reads there, and answers."""

from __future__ import annotations

import errno
import os
import pty
import re
import subprocess
import termios
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from forked import Forked
from processes import COMMAND, PATIENCE, PYTHON

__all__ = ["Told", "on_terminal"]

_STYLE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_QUESTION = re.compile(r"\[[yY]/[nN]\]: ?$")


@dataclass(frozen=True)
class Told:
    """What a command on a terminal said, and how often it asked."""

    code: int
    screen: str
    """With the styles."""
    asked: int

    @property
    def text(self) -> str:
        return _STYLE.sub("", self.screen).replace("\r\n", "\n")


def on_terminal(
    arguments: Sequence[str | Path],
    environment: Mapping[str, str],
    *answers: str,
    columns: int = 100,
    anew: bool = False,
) -> Told:
    """Run a command on a terminal, and give these answers to its questions.

    Args:
        arguments: of the command.
        environment: all of it.
        answers: one for each question.
        columns: of the terminal.
        anew: whether Python is started for it.
    """
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (50, columns))
    words, known = [*COMMAND, *map(str, arguments)], dict(environment)
    process: subprocess.Popen[bytes] | Forked
    if anew:
        process = subprocess.Popen(
            words, env=known, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
        )
    else:
        process = Forked(words[len(PYTHON) + 1 :], known, theirs)
    os.close(theirs)
    said, answered, left = b"", [0], list(answers)
    try:
        while chunk := _read(ours):
            said += chunk
            if _QUESTION.search(_STYLE.sub("", said[answered[-1] :].decode("utf-8", "replace"))):
                answered.append(len(said))
                os.write(ours, f"{left.pop(0)}\n".encode())
        code = process.wait(PATIENCE)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    return Told(code, said.decode("utf-8", "replace"), len(answered) - 1)


def _read(terminal: int) -> bytes:
    """What is there, which may end in the middle of a letter, a style or a question."""
    try:
        return os.read(terminal, 65_536)
    except OSError as error:
        if error.errno != errno.EIO:  # Linux says so at the end
            raise
        return b""
