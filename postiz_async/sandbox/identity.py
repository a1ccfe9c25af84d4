"""Identifiers that look like the server's and are the same again with the same seed."""

from __future__ import annotations

import string
import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

__all__ = ["IdSource"]

_DIGITS = string.digits + string.ascii_lowercase
_LETTERS = string.ascii_letters + string.digits


class IdSource:
    """Makes ids.

    Ids of rows are 25 characters that sort in the order of their making: a `c`, eight digits of
    time, four of a counter, four of the process, eight at random, all to the base of 36.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._counter = 0
        self._latest = 0
        self._process = self._random(4)

    def row(self, now: float) -> str:
        """Id of a post or channel made at `now`, in seconds since the epoch."""
        # a clock set back must not break the order, which clients rely on within a request
        self._latest = max(self._latest, int(now * 1000))
        count, self._counter = self._counter, self._counter + 1
        time, counter = _base36(self._latest, 8), _base36(count, 4)
        return f"c{time}{counter}{self._process}{self._random(8)}"

    def uuid(self) -> str:
        """Id of a group, an uploaded file, or an organisation."""
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))

    def file_name(self) -> str:
        """Name of a stored file, without its extension."""
        return f"{self._rng.getrandbits(132):033x}"

    def letters(self, count: int) -> str:
        """Letters and digits of both cases, for secrets and states."""
        return "".join(self._rng.choices(_LETTERS, k=count))

    def _random(self, count: int) -> str:
        return "".join(self._rng.choices(_DIGITS, k=count))


def _base36(number: int, width: int) -> str:
    digits = ""
    for _ in range(width):
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits
