"""An operating-system lock, so that one job has one sender. It dies with its process."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from postiz_async.errors import BatchError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FileLock", "HeldError"]


class HeldError(BatchError):
    """Somebody else holds the lock."""


class FileLock:
    """Holds an exclusive lock on `path` until `release`.

    Raises:
        HeldError: somebody else holds it.
        BatchError: it cannot be written, or the file system cannot lock.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise BatchError(f"{path} cannot be written: {error.strerror}.") from error
        try:
            _lock(self._fd)
        except BlockingIOError:
            os.close(self._fd)
            raise HeldError(
                f"Another process is working on this journal (it holds {path}). "
                "Wait for it, or look at it with `postiz-async status`."
            ) from None
        except OSError as error:
            os.close(self._fd)
            raise BatchError(
                f"The file system of {path} cannot lock files ({error.strerror}), so two processes "
                "could send the same posts. Put it on a local disk."
            ) from error

    def release(self) -> None:
        """Let go. The file stays, because removing it would race with the next holder."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


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
