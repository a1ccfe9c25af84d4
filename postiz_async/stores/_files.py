"""Files readable by their owner alone, and replaced as a whole."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3


PRIVATE = 0o600
_PRIVATE_FOLDER = 0o700


def connect(path: Path, *, timeout: float = 5.0, autocommit: bool = False) -> sqlite3.Connection:
    """A connection to a SQLite file, which is made as its owner's alone when it is not there.

    Args:
        path: the file.
        timeout: seconds to wait for another's write.
        autocommit: transactions are begun by hand.

    Raises:
        sqlite3.Error: the file cannot be used. So does an OSError.
    """
    import sqlite3  # noqa: PLC0415  (not every client needs it)

    place = Path(os.path.realpath(path))
    with suppress(FileExistsError, PermissionError):  # SQLite says better what may not be opened
        os.close(os.open(place, os.O_CREAT | os.O_EXCL | os.O_RDWR, PRIVATE))
    for suffix in ("", "-wal", "-shm"):
        tighten(place.with_name(place.name + suffix))
    return sqlite3.connect(
        f"{place.as_uri()}?mode=rw",  # SQLite itself would make it readable by all
        uri=True,
        timeout=timeout,
        check_same_thread=False,
        isolation_level=None if autocommit else "DEFERRED",
    )


def make_folder(path: Path) -> None:
    """Make a folder that only its owner may enter, with those above it; one that is there stays.

    Raises:
        OSError: it cannot be made, or a file is there.
    """
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(mode=_PRIVATE_FOLDER, exist_ok=True)


def tighten(path: Path) -> None:
    """Take a file or folder that everybody may read from all but its owner.

    Earlier versions made such files. One that is shared with a group alone was shared on purpose,
    and stays so; and so does what is not ours, or not there.
    """
    if os.name != "posix":
        return
    with suppress(OSError):
        mode = stat.S_IMODE(path.lstat().st_mode)
        if mode & stat.S_IRWXO and not path.is_symlink():
            path.chmod(mode & stat.S_IRWXU)


def replace_file(path: Path, content: str | bytes) -> None:
    """Write a file of which others see either the old text or the new one.

    It is written beside its place and renamed. So a symbolic link in that place is replaced, and
    what the link leads to stays as it is. A new file is its owner's alone; one that is replaced
    keeps its permissions. A pipe, a device or `/dev/stdout` is written to, not replaced.

    Raises:
        OSError: the folder, or what is in the place of the file, cannot be written.
    """
    data = content if isinstance(content, bytes) else content.encode()
    if _takes_writing(path):
        path.write_bytes(data)
        return
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", suffix=".tmp", dir=path.parent)
    try:
        with open(handle, "wb") as file:  # noqa: PTH123  (a descriptor)
            file.write(data)
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
