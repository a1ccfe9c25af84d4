"""Create files that only their owner can read, and replace files as a whole."""

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
    """Connect to a SQLite file; a new file is readable by its owner alone.

    Args:
        path: the file.
        timeout: seconds to wait for another connection's write.
        autocommit: the caller begins transactions.

    Raises:
        sqlite3.Error: the file cannot be used; an OSError is possible, too.
    """
    import sqlite3  # noqa: PLC0415  (not every client needs it)

    place = Path(os.path.realpath(path))
    with suppress(FileExistsError, PermissionError):  # SQLite reports this error better
        os.close(os.open(place, os.O_CREAT | os.O_EXCL | os.O_RDWR, PRIVATE))
    for suffix in ("", "-wal", "-shm"):
        tighten(place.with_name(place.name + suffix))
    return sqlite3.connect(
        f"{place.as_uri()}?mode=rw",  # SQLite itself would make the file world-readable
        uri=True,
        timeout=timeout,
        check_same_thread=False,
        isolation_level=None if autocommit else "DEFERRED",
    )


def make_folder(path: Path) -> None:
    """Create a folder and its parents, for their owner alone; existing ones stay unchanged.

    Raises:
        OSError: the folder cannot be created, or a file has its name.
    """
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(mode=_PRIVATE_FOLDER, exist_ok=True)


def tighten(path: Path) -> None:
    """Make a world-readable file or folder readable by its owner alone.

    Earlier versions created such files. A file that only a group can read was shared on purpose and
    stays so; a missing file, or one of another user, is ignored.
    """
    if os.name != "posix":
        return
    with suppress(OSError):
        mode = stat.S_IMODE(path.lstat().st_mode)
        if mode & stat.S_IRWXO and not path.is_symlink():
            path.chmod(mode & stat.S_IRWXU)


def replace_file(path: Path, content: str | bytes) -> None:
    """Replace a file as a whole: readers see either the old content or the new one.

    The new content is written to a temporary file, which is renamed. So a symbolic link is
    replaced, and its target stays as it is. A new file is readable by its owner alone; a replaced
    one keeps its permissions. A pipe, a device or `/dev/stdout` is written to, not replaced.

    Raises:
        OSError: the folder or the file cannot be written.
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
    """Whether a path has to be written to instead of replaced: a pipe, a device, `/dev/stdout`.

    `/dev/stdout` and the like may lead to a file that was opened for this process.
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
