"""Text files that are written as a whole."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["replace_file"]


def replace_file(path: Path, text: str) -> None:
    """Write a file of which others see either the old text or the new one.

    It is written beside its place and renamed. So a symbolic link in that place is replaced, and
    what the link leads to stays as it is. A new file is its owner's alone; one that is replaced
    keeps its permissions. A pipe, a device or `/dev/stdout` is written to, not replaced.

    Raises:
        OSError: the folder, or what is in the place of the file, cannot be written.
    """
    if _takes_writing(path):
        path.write_text(text, encoding="utf-8", newline="")
        return
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", suffix=".tmp", dir=path.parent)
    try:
        with open(handle, "w", encoding="utf-8", newline="") as file:  # noqa: PTH123  (a descriptor)
            file.write(text)
        _keep_permissions(path, name)
        os.replace(name, path)  # noqa: PTH105  (Path.replace is the same in more steps)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)  # noqa: PTH108
        raise


def _takes_writing(path: Path) -> bool:
    """Whether what is there is no file to be replaced: a pipe, a device, `/dev/stdout`.

    Where `/dev/stdout` and the like lead to a file, it is one that was opened for this process.
    """
    folder = os.path.realpath(path.parent)
    if folder == "/dev" or folder.startswith("/proc/"):
        return True
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _keep_permissions(path: Path, new: str) -> None:
    with suppress(FileNotFoundError):
        found = path.lstat()
        if stat.S_ISREG(found.st_mode):
            os.chmod(new, stat.S_IMODE(found.st_mode))  # noqa: PTH101
