"""Make stored posts drafts, and schedule them again from a file of their ids.

Before a post becomes a draft its id is in the file, and after it is scheduled again that is. So
whatever is killed, a draft that is not in the file is somebody else's, and giving the same call
again goes on. The last line of a post says what became of it.

A post is scheduled only while its date is so far ahead that a lost answer cannot publish it twice.
"""

from __future__ import annotations

import errno
import getpass
import os
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import anyio
import msgspec

from postiz_async._campaign.run.bulk import PostChanges, records_of, sorted_posts
from postiz_async._campaign.run.conditions import DUE_NOW, Reason, Standing
from postiz_async._campaign.run.job import Outcome, task_group
from postiz_async._campaign.run.stored_posts import ListedPosts
from postiz_async._campaign.run.update import set_type
from postiz_async._campaign.run.update_plan import NEAR
from postiz_async._concurrency import in_thread
from postiz_async._delivery.outcomes import RowState
from postiz_async._delivery.pauses import Outage
from postiz_async._resources.api import OpenClient
from postiz_async._resources.matching import stored_at
from postiz_async._wire.responses import lacks_route
from postiz_async.errors import BadRequestError, ConfigurationError, NotFoundError
from postiz_async.models.posts import Post, PostChannel
from postiz_async.stores._files import PRIVATE

_AT_ONCE = 100
"""Posts that are scheduled after one look at them."""

_CALLS = 4

LANDED = 60.0
"""Seconds that a pause waits for creates that left before it; those of a process that died are
waited for in vain."""

Change = Callable[[Post], Awaitable[Reason | None]]
"""Changes a post; returns why it could not be done, or None."""


class _Line(msgspec.Struct, frozen=True):
    """A line of the file: a post that is about to be a draft, or is scheduled again."""

    id: str
    date: Annotated[datetime, msgspec.Meta(tz=True)]
    channel: str
    name: str
    state: Literal["DRAFT", "QUEUE"]

    @property
    def post(self) -> Post:
        """The post, as far as the line tells it."""
        channel = PostChannel(id=self.channel, name=self.name)
        return Post(id=self.id, publish_date=self.date, state=self.state, channel=channel)


class PauseFile:
    """A file of paused posts: JSON lines, with the last line of a post saying what it is."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._is_cut = False
        self._end: int | None = None
        """Where a last line begins that a full disk or a kill cut off."""

    def drafts(self, *, is_needed: bool) -> dict[str, Post]:
        """The posts that are drafts because of a pause, by id.

        Raises:
            ConfigurationError: the file cannot be read, has other lines, or is needed and absent.
        """
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            if is_needed:
                raise ConfigurationError(f"There is no file {self.path}.") from None
            data = b""
        except OSError as error:
            why = f"{self.path} cannot be read: {error.strerror}."
            raise ConfigurationError(why) from error
        last: dict[str, _Line] = {}
        lines = data.splitlines()
        self._is_cut = not data.endswith(b"\n") and data != b""
        for number, line in enumerate(lines, 1):
            try:
                said = msgspec.json.decode(line, type=_Line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                if self._is_cut and 1 < number == len(lines):  # its post was not changed yet
                    self._end = len(data) - len(line)
                    break
                raise ConfigurationError(
                    f"{self.path}, line {number}, is not of posts pause. Nothing was changed."
                ) from error
            last[said.id] = said
        return {each.id: each.post for each in last.values() if each.state == "DRAFT"}

    def add(self, post: Post, state: Literal["DRAFT", "QUEUE"]) -> None:
        """Write a line about a post, to the disk.

        Raises:
            ConfigurationError: that is not possible.
        """
        channel = post.channel or PostChannel(id="")
        said = _Line(post.id, stored_at(post), channel.id, channel.name, state)
        is_cut = self._is_cut and self._end is None
        self._write(b"\n" * is_cut + msgspec.json.encode(said) + b"\n")
        self._is_cut, self._end = False, None

    def make(self) -> None:
        """Make the file if there is none, so that a pause of nothing can be resumed, too.

        Raises:
            ConfigurationError: that is not possible.
        """
        self._write(b"")

    def _write(self, line: bytes) -> None:
        try:
            file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, PRIVATE)
            try:
                if self._end is not None:
                    os.ftruncate(file, self._end)
                if os.write(file, line) < len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(file)
            finally:
                os.close(file)
        except OSError as error:
            why = f"{self.path} cannot be written: {error.strerror}."
            raise ConfigurationError(why) from error


def plan_pause(posts: Iterable[Post], now: datetime) -> PostChanges:
    """Plan which posts become drafts: those that are queued, and not being published."""
    why: dict[str, Reason] = {}
    meant: list[Post] = []
    for post in posts:
        if post.state == "QUEUE":
            meant.append(post)
            if stored_at(post) <= now + DUE_NOW:
                why[post.id] = Reason.DUE
        elif post.state == "PUBLISHED" and post.interval_in_days is not None:
            meant.append(post)
            why[post.id] = Reason.REPEATS
    return sorted_posts(meant, why, {})


@dataclass(frozen=True, slots=True)
class TypeChanges:
    """Makes posts drafts, or schedules them.

    Args:
        postiz: an open client.
        file: has the paused posts.
        on_outcome: called with the outcome of each post that is changed.
    """

    postiz: OpenClient
    file: PauseFile
    on_outcome: Callable[[Outcome], Awaitable[None]]

    async def pause(
        self, listed: Callable[[], Awaitable[Sequence[Post]]], *, halts: bool
    ) -> PostChanges:
        """Make drafts of the posts that are listed, and of those that came meanwhile.

        Args:
            listed: lists the posts.
            halts: whether to halt all creates first, so that none come after that.

        Raises:
            ConfigurationError: the file cannot be used, or the server has no route for it.
            PostizError: the job has to stop; call it again to go on.
        """
        noted = await in_thread(partial(self.file.drafts, is_needed=False))
        outage = Outage.of(self.postiz)
        seen: dict[str, Post] = {}
        why: dict[str, Reason] = {}
        notes: dict[str, str] = {}

        async def change(post: Post) -> Reason | None:
            if post.id not in noted:
                await in_thread(partial(self.file.add, post, "DRAFT"))
                noted[post.id] = post
            return await outage.read(partial(draft, post))

        async def draft(post: Post) -> Reason | None:
            if stored_at(post) <= self.postiz.scheduler.server_now() + DUE_NOW:
                return Reason.DUE
            await self.postiz.posts.set_status(post.id, "draft")
            return None

        for turn in (1, 2):
            plan = plan_pause(await listed(), self.postiz.scheduler.server_now())
            if turn == 1:
                await self._begin(outage, is_needed=bool(plan.posts), halts=halts)
            left = [(reason, post) for reason, posts in plan.left.items() for post in posts]
            seen |= {post.id: post for post in [*plan.posts, *(post for _, post in left)]}
            refused, told = await self._each(plan.posts, change)
            for post in plan.posts:
                why.pop(post.id, None)
            why |= {post.id: reason for reason, post in left} | refused
            notes |= told
            if turn == 1 and halts:
                await self.postiz.scheduler.until_landed(LANDED)
        return sorted_posts(seen.values(), why, notes)

    async def _begin(self, outage: Outage, *, is_needed: bool, halts: bool) -> None:
        """Check the route, make the file that takes all back, and halt all creates."""
        if is_needed or halts:
            await self._check_route(outage)
        await in_thread(self.file.make)
        if halts:
            await self.postiz.scheduler.halt(await in_thread(_whoami))

    async def resume(self, *, dry_run: bool) -> PostChanges:
        """Schedule the posts of the file that are drafts and whose dates are ahead.

        Then take back that all creates are halted, unless somebody has said so again meanwhile.

        Raises:
            ConfigurationError: the file cannot be used, or the server has no route for it.
            PostizError: the job has to stop; call it again to go on.
        """
        held = await in_thread(partial(self.file.drafts, is_needed=True))
        scheduler = self.postiz.scheduler
        await scheduler.refresh()
        halt = scheduler.ledger.halt
        outage, records = Outage.of(self.postiz), records_of(held.values())
        stored = ListedPosts(self.postiz, outage, {}, DUE_NOW, held, frozenset())
        now = scheduler.server_now
        posts: list[Post] = []
        why: dict[str, Reason] = {}
        notes: dict[str, str] = {}

        async def change(post: Post) -> Reason | None:
            schedule = partial(set_type, self.postiz.posts, post, "schedule", now=now)
            if await outage.read(schedule) is None:
                return Reason.DUE
            await in_thread(partial(self.file.add, post, "QUEUE"))
            return None

        is_checked = False
        for first in range(0, len(records), _AT_ONCE):
            looked = await stored.look(records[first : first + _AT_ONCE])
            posts += [each.post or held[each.record.ref] for each in looked]
            why |= {each.record.ref: reason for each in looked if (reason := _why_not(each, now()))}
            ready = [each.post for each in looked if each.post and each.post.id not in why]
            if ready and not dry_run:
                if not is_checked:
                    await self._check_route(outage)
                    is_checked = True
                refused, told = await self._each(ready, change)
                why |= refused
                notes |= told
        if halt.by and not dry_run:
            await scheduler.end_halt(halt)
        return sorted_posts(posts, why, notes)

    async def _check_route(self, outage: Outage) -> None:
        """Find out whether the server can change a type, before anything is changed."""
        try:
            await outage.read(partial(self.postiz.posts.set_status, "none", "draft"))
        except BadRequestError:  # it has no such post
            return
        except NotFoundError as error:
            if not lacks_route(error):
                raise
            raise ConfigurationError(
                "Stored posts can be paused since Postiz v2.21.7; this server is older, and "
                "nothing was changed."
            ) from error

    async def _each(
        self, posts: Sequence[Post], change: Change
    ) -> tuple[dict[str, Reason], dict[str, str]]:
        """Change posts, some at a time; why some could not be, and notes on these, by id."""
        limiter = anyio.CapacityLimiter(_CALLS)
        why: dict[str, Reason] = {}
        notes: dict[str, str] = {}

        async def one(number: int, post: Post) -> None:
            async with limiter:
                try:
                    reason = await change(post)
                except BadRequestError as error:
                    reason, notes[post.id] = Reason.REFUSED, error.text
                if reason:
                    why[post.id] = reason
                else:
                    await self.on_outcome(Outcome(number, post.id, RowState.STORED, post.id))

        async with task_group() as group:
            for number, post in enumerate(posts, 1):
                group.start_soon(one, number, post)
        return why, notes


def _whoami() -> str:
    """The user and the host, for those who find all creates halted."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):  # in a container, users have no names
        user = "somebody"
    return f"{user}@{socket.gethostname()}"


def _why_not(standing: Standing, now: datetime) -> Reason | None:
    """Why a paused post is not scheduled; None if it is."""
    post = standing.post
    if post is None:
        return standing.condition
    if post.state != "DRAFT":
        return Reason.NO_DRAFT
    if stored_at(post) <= now:
        return Reason.LATE
    return Reason.DUE if stored_at(post) <= now + NEAR else None
