"""Create requests of new posts, made with the channels of a client and the server's rules."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from postiz_async._resources.create_body import (
    at_post,
    build_body,
    build_item,
    item_to_find,
    media_facts,
    refuse_type_problems,
    type_problem,
    wrong_with,
)
from postiz_async._resources.preflight import Preflight
from postiz_async.errors import (
    APIConnectionError,
    InvalidPostError,
    Problem,
    ServerError,
    by_reader,
)
from postiz_async.models.posts import NewPost, PostType

if TYPE_CHECKING:
    from postiz_async._resources.channel_list import Channels
    from postiz_async._scheduler.bound import BoundScheduler
    from postiz_async.models.posts import CreatePost, PostItem


log = logging.getLogger("postiz_async")


class NewCreate(msgspec.Struct, frozen=True):
    """The arguments of `schedule`, `publish_now`, `draft` and `build`."""

    kind: PostType
    posts: tuple[NewPost, ...]
    at: datetime
    tags: Sequence[str]
    short_link: bool
    validate: bool | None


class Builder:
    """Makes requests.

    Args:
        channels: of the client.
        validates: whether requests are held against the rules of the server, where nothing else
            is said.
    """

    def __init__(self, channels: Channels, *, validates: bool) -> None:
        self._channels = channels
        self._validates = validates

    async def build(self, bound: BoundScheduler, new: NewCreate) -> CreatePost:
        """The request, which the server would accept.

        Raises:
            InvalidPostError: it would not, or its moment has passed.
        """
        refuse_type_problems(new.at, new.tags)
        is_dated = new.kind == "schedule" and new.at.utcoffset() is not None
        if is_dated and new.at.timestamp() <= bound.scheduler.server_time():
            await self._refuse_past(bound, new)
        items = await self.items(bound, new.posts)
        body = build_body(new.kind, new.at, items, tags=new.tags, short_link=new.short_link)
        return await self.check(bound, body, new.validate, new.posts)

    async def rebuild(self, bound: BoundScheduler, new: NewCreate) -> CreatePost:
        """The request as it was, to look for its posts, whatever became of its channels since."""
        channels = [
            await self._channels.find(bound, post.channel)
            if isinstance(post.channel, str)
            else post.channel
            for post in new.posts
        ]
        items = [item_to_find(*each) for each in zip(new.posts, channels, strict=True)]
        return build_body(new.kind, new.at, items, tags=new.tags, short_link=new.short_link)

    async def items(self, bound: BoundScheduler, posts: tuple[NewPost, ...]) -> list[PostItem]:
        """The posts as they stand in a request.

        Raises:
            InvalidPostError: there is none, or something is wrong with them.
        """
        problems = [] if posts else [Problem("posts", "is empty", hint="give at least one NewPost")]
        items: list[PostItem] = []
        for place, post in enumerate(posts):
            wrong = type_problem(post, place)
            if wrong is not None:
                problems.append(wrong)
                continue
            known = await self._channels.meant(bound, post.channel, f"posts.{place}.channel")
            wrong = known if isinstance(known, Problem) else wrong_with(post, known, place)
            if wrong is not None:
                problems.append(wrong)
            elif not isinstance(known, Problem):
                try:
                    items.append(build_item(post, known))
                except InvalidPostError as error:
                    problems += [at_post(place, problem) for problem in error.problems]
        if problems:
            raise InvalidPostError(problems)
        return items

    async def identified(
        self, bound: BoundScheduler, posts: tuple[NewPost, ...]
    ) -> tuple[NewPost, ...]:
        """The posts, each with its channel or the id of it in place of a name or a provider.

        Raises:
            InvalidPostError: no channel, or several, have it.
        """
        named: list[NewPost] = []
        for place, post in enumerate(posts):
            known = post.channel
            if isinstance(known, str):
                known = await self._channels.id_of(bound, known, f"posts.{place}.channel")
            named.append(replace(post, channel=known))
        return tuple(named)

    async def check(
        self,
        bound: BoundScheduler,
        body: CreatePost,
        wanted: bool | None,  # noqa: FBT001
        posts: Sequence[NewPost] = (),
    ) -> CreatePost:
        """The request, unless the server would refuse it; what would be regretted is logged.

        Raises:
            InvalidPostError: the server would refuse it.
        """
        if not (self._validates if wanted is None else wanted):
            return body
        preflight = Preflight(bound, self._channels)
        problems = await preflight.problems(body, media=media_facts(posts), dates=True)
        if not problems:
            return body
        errors = [problem for problem in problems if problem.severity == "error"]
        if errors:
            raise InvalidPostError(errors)
        for problem in problems:
            log.warning("%s", problem)
        return body

    async def _refuse_past(self, bound: BoundScheduler, new: NewCreate) -> None:
        """Whose clock may be wrong, asks the server first; who does not validate goes without."""
        scheduler = bound.scheduler
        if not scheduler.knows_server_time():
            try:
                await self._channels.fresh(bound)
            except (APIConnectionError, ServerError):
                if self._validates if new.validate is None else new.validate:
                    raise
                return
        refuse_past(new.at, scheduler.server_time(), by_reader("use --now for that", _NOW))


_NOW = "say so with publish_now"


def refuse_past(at: datetime, now: float, advice: str) -> None:
    """Refuse a moment at which the server would publish at once.

    Raises:
        InvalidPostError: it has passed.
    """
    if at.timestamp() <= now:
        problem = Problem(
            "at",
            f"{at.isoformat(sep=' ', timespec='seconds')} has passed",
            hint=f"the server would publish at once; {advice}",
        )
        raise InvalidPostError([problem])
