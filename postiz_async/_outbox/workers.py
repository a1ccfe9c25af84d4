"""Which workers of an outbox are alive: each holds a lock of its own for as long as it lives."""

from __future__ import annotations

import glob
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from postiz_async._delivery.lock import FileLock

if TYPE_CHECKING:
    from pathlib import Path


OLD = 86_400.0
"""Age in seconds at which a free lock cannot belong to a worker that is just about to take it."""


class Workers:
    """The workers of one outbox; their locks are files beside it.

    Args:
        outbox: its file.
    """

    def __init__(self, outbox: Path) -> None:
        self._outbox = outbox

    def enter(self, worker: str) -> FileLock:
        """The lock of a worker that begins. Take it before anything is written in its name.

        Raises:
            BatchError: the file system cannot lock, or the folder cannot be written.
        """
        self._clean()
        return FileLock(self._path(worker))

    def if_dead(self, worker: str) -> FileLock | None:
        """The lock of a worker that is gone, to be held while its work is taken over, else None."""
        return FileLock.if_free(self._path(worker))

    def is_dead(self, worker: str) -> bool:
        """Whether a worker is gone."""
        lock = self.if_dead(worker)
        if lock is not None:
            self.remove(lock)
        return lock is not None

    def remove(self, lock: FileLock) -> None:
        """Release a lock that nobody will want again, and remove its file."""
        lock.release()
        with suppress(PermissionError):  # where a file that somebody looks at cannot be removed
            lock.path.unlink(missing_ok=True)

    def _path(self, worker: str) -> Path:
        return self._outbox.with_name(f"{self._outbox.name}.{worker}.lock")

    def _clean(self) -> None:
        """Remove what workers left that died without anything to do."""
        for path in self._outbox.parent.glob(f"{glob.escape(self._outbox.name)}.*.lock"):
            with suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > OLD:
                    lock = FileLock.if_free(path)
                    if lock is not None:
                        self.remove(lock)
