"""Figures of many posts, one look each, as politely as that can be done.

A look costs no quota, but the server asks the network for it, which may take ten seconds. So two
looks are under way at a time; a channel of which three posts had none is not asked again; and
nobody is asked any more once three looks in a row have failed, or when a 429 says so. What was not
found out is told with its reason.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from postiz_async._concurrency import for_each
from postiz_async.errors import (
    APIConnectionError,
    APIStatusError,
    AuthenticationError,
    NotFoundError,
    PostizError,
    QuotaError,
    UnexpectedAnswerError,
    describe_seconds,
)
from postiz_async.models.insights import Figures

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable, Iterable

    from postiz_async.models.insights import Metric, PostAnalytics


_AT_ONCE = 2
_IN_VAIN = 3
"""Posts of a channel without figures, or failures in a row, after which no more is asked."""

_UNKNOWN = "Postiz does not know which item on the network it is; postiz-async posts missing helps"
_EMPTY = "its network has no figures, or did not answer Postiz"
_EMPTY_CHANNEL = "skipped: this channel gave no figures for three"
_OLD = "this Postiz has no figures of posts; they came with v2.18.0"
_FAILING = "skipped: three looks in a row failed"


_PASSING = (APIConnectionError, APIStatusError, UnexpectedAnswerError)


class PostOfChannel(NamedTuple):
    """A post whose figures are wanted, and the channel that it is on."""

    post_id: str
    channel: str


async def gather_figures(
    ask: Callable[[str], Awaitable[PostAnalytics]],
    posts: Iterable[PostOfChannel] | AsyncIterable[PostOfChannel],
) -> Figures:
    """Ask for the figures of posts.

    Args:
        ask: one look, which does not wait for a quota.
        posts: each once; taken when it can be looked at.

    Raises:
        PostizError: the key is not accepted, or the client cannot make calls.
        Exception: taking a post raised it.
    """
    gathering = _Gathering(ask)
    await for_each(posts, gathering.look, at_once=_AT_ONCE)
    if gathering.error is not None:
        raise gathering.error
    return Figures(gathering.found, gathering.missing)


class _Gathering:
    def __init__(self, ask: Callable[[str], Awaitable[PostAnalytics]]) -> None:
        self._ask = ask
        self.found: dict[str, dict[str, float]] = {}
        self.missing: dict[str, str] = {}
        self.error: PostizError | None = None
        """What makes further looks pointless."""
        self._stopped = ""
        self._failures = 0
        self._telling: set[str] = set()
        self._empty: Counter[str] = Counter()

    async def look(self, _: int, post: PostOfChannel) -> None:
        """Find out the figures of a post, or why it has none."""
        in_vain = post.channel not in self._telling and self._empty[post.channel] >= _IN_VAIN
        why = self._stopped or (_EMPTY_CHANNEL if in_vain else "")
        if not why:
            try:
                why = self._read(post, await self._ask(post.post_id))
            except PostizError as error:
                why = self._failed(error)
        if why:
            self.missing[post.post_id] = why

    def _read(self, post: PostOfChannel, answer: PostAnalytics) -> str:
        self._failures = 0
        figures = dict(filter(None, map(_figure, answer.metrics)))
        if figures:
            self.found[post.post_id] = figures
            self._telling.add(post.channel)
            return ""
        if answer.missing:
            return _UNKNOWN
        self._empty[post.channel] += 1
        return _EMPTY

    def _failed(self, error: PostizError) -> str:
        if isinstance(error, NotFoundError):
            self._stopped = _OLD
            return _OLD
        if isinstance(error, QuotaError):
            wait = describe_seconds(error.retry_after)
            self._stopped = f"skipped: the server takes no more looks for {wait}"
            return self._stopped
        why = str(error).partition("\n")[0].rstrip(".")
        if isinstance(error, AuthenticationError) or not isinstance(error, _PASSING):
            self.error, self._stopped = error, why
        self._failures += 1
        if self._failures >= _IN_VAIN and not self._stopped:
            self._stopped = _FAILING
        return why


def _figure(metric: Metric) -> tuple[str, float] | None:
    """The name of a metric and its newest number, if it has one."""
    values = [value for point in metric.data if (value := point.value) is not None]
    if not values:
        return None
    newest = values[-1]
    return metric.label, int(newest) if newest.is_integer() else newest
