"""Attributes of clients that were called otherwise before, for those who type the old names."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


class Renamed:
    def __init__(self, old: str, new: str) -> None:
        self._old, self._new = old, new

    def __get__(self, client: object | None, kind: type) -> Renamed:
        if client is None:
            return self
        said = f"A client has no attribute {self._old!r}"
        raise AttributeError(f"{said}. It is called {self._new!r}.", name=self._old, obj=client)


def with_old_names(kind: type[T]) -> type[T]:
    """Let the old names of a client's attributes raise an error that says the new ones."""
    for old, new in (("batch", "campaign"), ("integrations", "channels")):
        setattr(kind, old, Renamed(old, new))
    return kind
