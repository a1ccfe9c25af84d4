"""An operating-system lock that allows one sender for each job. It ends with its process.

Not the library `filelock`: it makes missing folders, readable by all, reports a file system that
refuses to lock with EACCES as a lock that somebody holds, and adds hooks to the whole process, for
forks and from Python 3.12 on for audit events.
"""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

from postiz_async.errors import CampaignError
from postiz_async.stores._files import PRIVATE, tighten

_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
"""Refuses symbolic links, which would have their target locked or created."""


class FileLock:
    """Holds an exclusive lock on `path` until `release`.

    Args:
        path: the file; created if it does not exist.

    Raises:
        CampaignError: another process holds the lock, or the file system cannot lock.
    """

    def __init__(self, path: Path) -> None:
        self._fd = _acquired(path)

    def release(self) -> None:
        """Release the lock. The file stays, because removing it would race with the next holder."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _acquired(path: Path) -> int:
    """A descriptor that holds the lock."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | _NO_LINK, PRIVATE)
        tighten(path)  # others who may read it could hold the lock
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.EMLINK} and path.is_symlink():
            raise CampaignError(
                f"{path} is a symbolic link, and a lock has to be a file. Remove it; a lock holds "
                "nothing that is needed later."
            ) from error
        raise CampaignError(f"{path} cannot be written: {error.strerror}.") from error
    try:
        _lock(fd)
    except BlockingIOError as error:
        os.close(fd)
        raise CampaignError(
            f"Another process is working on this journal (it holds {path}). "
            "Wait for it, or look at it with `postiz-async status`."
        ) from error
    except OSError as error:
        os.close(fd)
        raise CampaignError(
            f"The file system of {path} cannot lock files ({error.strerror}), so two processes "
            "could send the same posts. Put it on a local disk."
        ) from error
    return fd


if sys.platform == "win32":
    import msvcrt

    def _lock(fd: int) -> None:
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError from error
else:
    import fcntl

    def _lock(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
