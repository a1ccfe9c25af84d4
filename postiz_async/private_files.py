"""Files that only their owner may read: journals, outboxes, quotas, locks.

They have posts that are not published yet, and what servers said. A new file is never readable by
others, not even for a moment, whatever the umask. SQLite gives its `-wal` and `-shm` the mode of
the file that they belong to. On Windows the permissions of the folder hold.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import suppress
from pathlib import Path

__all__ = ["PRIVATE", "connect", "make_folder", "tighten"]

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
