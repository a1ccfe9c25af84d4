"""Find the guilty post of a refused request, and the channels in trouble. PURE."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from postiz_async._campaign.read.rows import Row

IN_A_ROW = 3
"""Refusals in a row of one channel with the same words, after which the channel is paused."""

_DETAILS = re.compile(r"\d+|\bposts?\.[\w.]+")


class Bisection:
    """Bisects rows that were refused together, to find a guilty one.

    Half of the suspects are sent. If they are stored, the guilty one is among the others, which
    were not sent; if they are refused, nothing is known of the others, which wait for the end and
    travel together. So `n` rows take about log2(n) + 1 requests, and the last suspect none.

    Attributes:
        suspects: one of them at least is guilty.
        unknown: nothing is known of them.
        is_fruitful: whether something was stored.
    """

    def __init__(self, rows: tuple[Row, ...]) -> None:
        self.suspects = rows
        self.unknown: tuple[Row, ...] = ()
        self.is_fruitful = False

    @property
    def group(self) -> tuple[Row, ...]:
        """The rows to send next; empty when the guilty row is found."""
        return self.suspects[: len(self.suspects) // 2]

    @property
    def others(self) -> tuple[Row, ...]:
        """The suspects that are not in `group`."""
        return (*self.suspects[len(self.group) :], *self.unknown)

    def stored(self) -> None:
        """Note that the group was stored."""
        self.is_fruitful = True
        self.suspects = self.suspects[len(self.group) :]

    def refused(self) -> None:
        """Note that the group was refused."""
        self.suspects, self.unknown = self.group, self.others


class Refusals:
    """Counts how often in a row a channel's posts were refused with the same words.

    Attributes:
        paused: the words of the refusals, by the ids of paused channels.
    """

    def __init__(self) -> None:
        self.paused: dict[str, str] = {}
        self._counts: dict[str, tuple[str, int]] = {}

    def stored(self, channels: Iterable[str]) -> None:
        """Note that posts of these channels were stored."""
        for channel in channels:
            self._counts.pop(channel, None)

    def refused(self, channels: Iterable[str], text: str) -> None:
        """Note that posts of these channels were refused in one request."""
        words = _DETAILS.sub("", text)
        for channel in set(channels):
            before, count = self._counts.get(channel, ("", 0))
            count = count + 1 if before == words else 1
            self._counts[channel] = (words, count)
            if count >= IN_A_ROW:
                self.paused.setdefault(channel, text)

    def remarks(self, names: Mapping[str, str], unsent: Mapping[str, int]) -> list[str]:
        """Remarks about paused channels.

        Args:
            names: names of the channels, by id.
            unsent: posts that were not sent, by channel id.
        """
        remarks: list[str] = []
        for channel, text in self.paused.items():
            number = unsent.get(channel, 0)
            were, them = ("was", "it") if number == 1 else ("were", "them")
            if number:  # else nothing waits for the channel
                remarks.append(
                    f"The channel {names.get(channel, channel)!r} was paused after {IN_A_ROW} "
                    f"refusals in a row; {number:,} of its posts {were} not sent. When the cause "
                    f"is removed, run again to send {them}. The server said: {text}"
                )
        return remarks
