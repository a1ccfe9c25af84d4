"""Read a cell that names one or several channels: `X, Mastodon`. PURE."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from postiz_async._resources.channel_names import folded, provider_meant
from postiz_async.providers._registry import PROVIDER_WORDS

_BETWEEN = re.compile(r"\s*[,;/|&+\n]\s*|\s+(?:and|und|et|y|e|en|i)\s+", re.IGNORECASE)
_LONGEST = 2_000
"""Characters of a cell that is split, at most."""

_MOST = 100
"""Channels of a cell that is split, at most."""


@dataclass(frozen=True, slots=True)
class ChannelWords:
    """The words that mean a channel: its id and its provider by id, name and provider.

    A provider whose channel is not known stands for itself.
    """

    meant: Mapping[str, tuple[str, str]]
    _most: int = field(init=False)
    """The most separators within one word."""

    def __post_init__(self) -> None:
        most = max((len(_BETWEEN.findall(word)) for word in self.meant), default=0)
        object.__setattr__(self, "_most", most)  # which is frozen

    @classmethod
    def of(cls, named: Iterable[tuple[str, str, str]] = ()) -> ChannelWords:
        """The words for channels, from names, ids and providers."""
        channels = list(named)
        only = {provider: id_ for _, id_, provider in channels}
        only |= {each: each for each, count in Counter(c[2] for c in channels).items() if count > 1}
        words = {**PROVIDER_WORDS, **{each: each for each in only if each}}
        meant: dict[str, tuple[str, str]] = {}
        for word, named_so in words.items():
            provider = provider_meant(named_so, only)
            meant[word] = only.get(provider, provider), provider
        for name, id_, provider in channels:
            meant[id_] = meant[folded(name)] = id_, provider
        return cls(meant)

    def provider(self, word: str) -> str:
        """The provider of a channel; empty if it is not known."""
        return self._found(word)[1]

    def know(self, cell: str) -> bool:
        """Whether a cell names channels and nothing else."""
        return all(folded(word) in self.meant for word in self.split(cell).values())

    def split(self, text: str) -> dict[str, str]:
        """The channels that a cell names, as written, by their ids.

        Names may contain what stands between channels, so the longest one wins. A cell in which no
        channel is known, or that names too many, is one name.
        """
        cuts = list(_BETWEEN.finditer(text)) if len(text) <= _LONGEST else []
        starts = [0, *(cut.end() for cut in cuts)]
        ends = [*(cut.start() for cut in cuts), len(text)]
        found: dict[str, str] = {}
        first, is_known = 0, False
        while cuts and first < len(starts):
            last = first
            for place in range(min(first + self._most, len(ends) - 1), first - 1, -1):
                if folded(text[starts[first] : ends[place]]) in self.meant:
                    last, is_known = place, True
                    break
            word = text[starts[first] : ends[last]].strip()
            if word:
                found.setdefault(self._found(word)[0], word)
            first = last + 1
        return found if is_known and len(found) <= _MOST else {self._found(text)[0]: text}

    def _found(self, word: str) -> tuple[str, str]:
        name = folded(word)
        return self.meant.get(word.strip()) or self.meant.get(name) or (name, "")
