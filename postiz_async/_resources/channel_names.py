"""Find the channel that a word means: an id, a name, or a provider with one channel. PURE."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cache
from unicodedata import normalize

from postiz_async.errors import ChannelNotFoundError, InvalidPostError, Problem
from postiz_async.models.channels import Channel
from postiz_async.providers._registry import PROVIDER_WORDS

_ID = re.compile(r"c[0-9a-z]{24}")


def folded(name: str) -> str:
    """A name for comparison, without differences of case, white space and Unicode forms."""
    name = " ".join(name.split())
    return name.lower() if name.isascii() else normalize("NFC", normalize("NFD", name).casefold())


def is_id(word: str) -> bool:
    """Whether a word has the form of Postiz's ids, so that no look-up is needed."""
    return _ID.fullmatch(word) is not None


def provider_meant(word: str, there: Collection[str]) -> str:
    """The provider that a word means among those that are there.

    `LinkedIn` means `linkedin-page` where there are only pages.
    """
    provider = PROVIDER_WORDS.get(word, word)
    kinds = [each for each in there if each.startswith(f"{provider}-")]
    return kinds[0] if len(kinds) == 1 and provider not in there else provider


@dataclass(frozen=True, slots=True)
class Resolver:
    """Finds the channel that a word means: first as an id, then as a name, then as a provider."""

    channels: Sequence[Channel]

    def find(self, wanted: str, where: str = "channel") -> Channel | InvalidPostError:
        """The channel with this id, name or provider; else the error, which is not raised.

        Args:
            wanted: the id, name or provider.
            where: the place of the word, for the problem.
        """
        found = self.match(wanted, where)
        if isinstance(found, ChannelNotFoundError) or not found.disabled:
            return found
        problem = Problem(where, f"the channel {found.name!r} is disabled in Postiz")
        return InvalidPostError([problem])

    def match(self, wanted: str, where: str = "channel") -> Channel | ChannelNotFoundError:
        """Like `find`, but also returns a disabled channel."""
        matches = self._matches(wanted)
        if len(matches) == 1:
            return matches[0]
        if matches:
            matches.sort(key=lambda channel: (channel.name, channel.id))
            candidates = (
                f"{c.name!r} ({c.id}{', disabled' if c.disabled else ''})" for c in matches
            )
            hint = f"give the id of one: {', '.join(candidates)}"
            problem = Problem(where, f"{wanted!r} fits {len(matches)} channels", hint=hint)
            close = tuple([channel.id for channel in matches])
        else:
            close = self._close(wanted)
            if close:
                hint = f"did you mean {close[0]!r}?"
            elif self.channels:
                hint = "postiz-async channels lists them"
            else:
                hint = "the organisation has no channels"
            problem = Problem(where, f"there is no channel {wanted[:100]!r}", hint=hint)
        return ChannelNotFoundError([problem], word=wanted, close=close)

    def ids(self) -> Callable[[str], str]:
        """A function from a campaign's word for a channel to its id, or to the word if unknown."""

        @cache
        def id_of(wanted: str) -> str:
            found = self.match(wanted)
            return wanted if isinstance(found, ChannelNotFoundError) else found.id

        return id_of

    def _matches(self, wanted: str) -> list[Channel]:
        lower = folded(wanted)
        provider = provider_meant(lower, {c.provider for c in self.channels})
        return (
            [c for c in self.channels if c.id == wanted]
            or [c for c in self.channels if folded(c.name) == lower]
            or [c for c in self.channels if c.provider == provider]
        )

    def _close(self, wanted: str) -> tuple[str, ...]:
        """Ids, names and providers that are spelt almost like a word."""
        known = {
            word.casefold(): word
            for each in self.channels
            for word in (each.id, each.provider, each.name)
            if word
        }
        return tuple([known[each] for each in difflib.get_close_matches(wanted.casefold(), known)])


def merged(errors: Sequence[InvalidPostError]) -> InvalidPostError:
    """One error with all problems; if none of the channels was found, a `ChannelNotFoundError`."""
    problems = [problem for error in errors for problem in error.problems]
    first = errors[0]
    if isinstance(first, ChannelNotFoundError) and all(
        isinstance(error, ChannelNotFoundError) for error in errors
    ):
        return ChannelNotFoundError(problems, word=first.word, close=first.close)
    return InvalidPostError(problems)
