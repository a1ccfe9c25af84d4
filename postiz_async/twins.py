"""Open clients that spend one quota and share nothing run into lock-outs: who is there to warn?

The same clients in two processes show in the rate headers only; in one process they are known
before anything was spent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, TypeVar
from weakref import ref

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Twins"]


class _Client(Protocol):
    @property
    def quota_name(self) -> str:
        """The quota that it spends."""
        ...

    @property
    def can_send(self) -> bool:
        """Whether it is open, in an event loop that has not ended."""
        ...


T = TypeVar("T", bound=_Client)


class Twins(Generic[T]):
    """The open clients by their quota. Holds none of them alive."""

    def __init__(self) -> None:
        self._open: dict[str, list[ref[T]]] = {}
        self._told: set[str] = set()

    def enter(self, client: T, shares_with: Callable[[T], bool]) -> bool:
        """Note a client that was opened.

        Returns:
            Whether it is the first, while clients of its quota are open, that does not share.
        """
        others = self._only(client, client)
        if client.quota_name in self._told or all(shares_with(other) for other in others):
            return False
        self._told.add(client.quota_name)
        return True

    def leave(self, client: T) -> None:
        """Note a client that was closed."""
        self._only(client)

    def _only(self, client: T, *present: T) -> list[T]:
        """The others of its quota that can send; they and those present are what is known."""
        name = client.quota_name
        known = [each() for each in self._open.pop(name, ())]
        others = [each for each in known if each and each.can_send and each is not client]
        if not others:
            self._told.discard(name)
        if others or present:
            self._open[name] = [ref(each) for each in (*others, *present)]
        return others
