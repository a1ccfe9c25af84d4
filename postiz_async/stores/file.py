"""A ledger in one small file, for a command that runs again and again."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

import anyio.to_thread
import msgspec

from postiz_async.errors import ConfigurationError
from postiz_async.quota import Kept

__all__ = ["FileStore", "key_hash", "state_folder"]


def key_hash(root: str, key: str) -> str:
    """A name for (server, key) that tells neither."""
    return hashlib.sha256(f"{root}\n{key}".encode()).hexdigest()[:32]


def state_folder() -> Path:
    """The user's folder for state that programs keep between runs."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "postiz-async"


class FileStore:
    """Keeps a ledger as JSON in `folder`, under a hash of server and key.

    A file that cannot be read as a ledger is taken as absent; it holds no user data.
    """

    def __init__(self, folder: Path, *, root: str, key: str) -> None:
        self.path = folder / f"quota-{key_hash(root, key)}.json"

    async def load(self) -> Kept | None:
        return await anyio.to_thread.run_sync(self._load)

    async def save(self, kept: Kept) -> None:
        await anyio.to_thread.run_sync(self._save, kept)

    def _load(self) -> Kept | None:
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=Kept)
        except (FileNotFoundError, msgspec.DecodeError):
            return None
        except OSError as error:
            raise ConfigurationError(
                f"The state of the quota in {self.path} cannot be read: {error.strerror}."
            ) from error

    def _save(self, kept: Kept) -> None:
        fresh = self.path.with_suffix(f".{os.getpid()}.new")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_bytes(msgspec.json.encode(kept))
            fresh.replace(self.path)
        except OSError as error:
            raise ConfigurationError(
                f"The state of the quota cannot be kept in {self.path.parent}: {error.strerror}. "
                "Without it the next command could overrun the quota, so nothing was sent."
            ) from error
