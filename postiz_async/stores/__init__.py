"""Where the state of a ledger lives beyond one process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from postiz_async.quota import Kept

__all__ = ["QuotaStore"]


class QuotaStore(Protocol):
    """Keeps one ledger. It is written before each create is sent and after each answer."""

    async def load(self) -> Kept | None:
        """The state that was kept last, or None."""
        ...

    async def save(self, kept: Kept) -> None:
        """Keep the state; returns when it would survive a crash of this process."""
        ...
