"""A create request held against the rules of the server, before a slot is spent on it.

`validate` knows the rules of the newest server. Two things only the running server can tell: how
long a post of a verified X account may be, and what a provider wants that the library does not
know. It is asked only when that matters, once for each channel; the answer costs no quota.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from postiz_async._resources.create_body import refuse_other_body
from postiz_async._validation import schema_problems, validate
from postiz_async._validation.messages import MISSING
from postiz_async.providers import PROVIDERS

if TYPE_CHECKING:
    from postiz_async._resources.channel_list import Channels
    from postiz_async._scheduler.bound import BoundScheduler
    from postiz_async._validation import MediaFacts
    from postiz_async.errors import Problem
    from postiz_async.models.integrations import ChannelSettings, Integration
    from postiz_async.models.posts import CreatePost


class Preflight:
    """Judges requests with the channels of one key.

    Args:
        bound: makes the look-ups.
        channels: what is known already.
    """

    def __init__(self, bound: BoundScheduler, channels: Channels) -> None:
        self.bound = bound
        self.channels = channels

    async def problems(
        self,
        body: CreatePost,
        *,
        media: Mapping[str, MediaFacts] | None = None,
        dates: bool = False,
        past: Literal["error", "warning"] = "error",
    ) -> list[Problem]:
        """What the server would refuse, in its order, and what would be regretted.

        Of a field that is missing the server says several things; here it is said once.

        Args:
            body: the request.
            media: what is known of its media, by path.
            dates: look at the date; one that has passed on the server's clock publishes at once.
            past: whether that is an error or a warning.

        Raises:
            InvalidPostError: the body is not a `CreatePost`.
        """
        refuse_other_body(body)
        channels = await self.channels.of(self.bound, (item.integration.id for item in body.posts))
        server_time = self.bound.scheduler.server_time()  # that answer may have been the first
        now = datetime.fromtimestamp(server_time, UTC) if dates else None
        found = validate(body, channels=channels, media=media, now=now, past=past)
        asked = _worth_asking(body, channels, found)
        if not asked:
            return _said_once(found)
        rules = {name: await self.channels.rules(self.bound, name) for name in asked}
        answers = {name: answer for name, answer in rules.items() if answer is not None}
        lengths = {name: answer.max_length for name, answer in answers.items() if answer.max_length}
        if lengths:
            found = validate(
                body, channels=channels, media=media, now=now, past=past, max_lengths=lengths
            )
        return [*_said_once(found), *_by_schema(body, channels, answers)]


def _said_once(found: list[Problem]) -> list[Problem]:
    """Without what the server adds about a field that it has already called missing."""
    missing: set[str] = set()
    kept: list[Problem] = []
    for problem in found:
        if problem.hint == MISSING:
            if problem.where in missing:
                continue
            missing.add(problem.where)
        kept.append(problem)
    return kept


def _worth_asking(
    body: CreatePost, channels: Mapping[str, Integration], found: list[Problem]
) -> list[str]:
    """The channels about which the server knows more: unknown providers, an X text too long."""
    asked: dict[str, None] = {}
    for place, item in enumerate(body.posts):
        channel = channels.get(item.integration.id)
        if channel is None:
            continue
        known = PROVIDERS.get(channel.provider)
        if known is None or (
            found
            and any(limit.verified for limit in known.limits)
            and any(p.where.startswith(f"posts.{place}.value.") for p in found)
        ):
            asked[channel.id] = None
    return list(asked)


def _by_schema(
    body: CreatePost,
    channels: Mapping[str, Integration],
    answers: Mapping[str, ChannelSettings],
) -> list[Problem]:
    found: list[Problem] = []
    for place, item in enumerate(body.posts):
        answer = answers.get(item.integration.id)
        if answer is None or channels[item.integration.id].provider in PROVIDERS:
            continue
        if isinstance(answer.settings, Mapping):
            path = f"posts.{place}.settings"
            found += schema_problems(path, item.settings, answer.settings)
    return found
