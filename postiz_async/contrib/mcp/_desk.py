"""The work of each tool, with a client's public methods."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import anyio
import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from postiz_async import (
    Channel,
    NewPost,
    Post,
    Postiz,
    PostNotFoundError,
    Ticket,
    UsageError,
    texts,
)
from postiz_async.contrib.mcp import _inputs as given
from postiz_async.contrib.mcp._files import find_below
from postiz_async.contrib.mcp._plans import Answer, Plan, ToolError
from postiz_async.providers import find_provider, guide
from postiz_async.types import Outbox, RowState, Scope

Kind = Literal["draft", "schedule", "now"]
Progress = Callable[[float, str], Awaitable[None]]
"""Tells the client how many seconds a call has waited, and for what."""

_MAX_WAIT = 20.0
"""Seconds that a call waits by default; clients of MCP usually give up after a minute."""
_TICK = 1.0
"""Seconds between two tellings of progress."""
YEAR = timedelta(days=366)
SHOWN = 280
"""Characters of a text in a list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class McpOptions:
    """What the tools may do.

    Args:
        allow: the scopes of the tools. Give the client the same `allow`.
        channels: only these, by id, name or provider; empty: all.
        most_posts_a_day: posts that may be dated on one day (UTC), with those that Postiz has.
        media_root: the folder whose files may be uploaded; None: none.
        campaigns: the folder with the files of campaigns and their journals; None: none.
        max_wait: seconds that a call waits for the quota; then its posts go to the outbox.

    Raises:
        UsageError: a number is negative.
    """

    allow: Collection[Scope] = ("read", "draft")
    channels: Sequence[str] = ()
    most_posts_a_day: int | None = None
    media_root: Path | None = None
    campaigns: Path | None = None
    max_wait: float = _MAX_WAIT

    def __post_init__(self) -> None:
        if self.max_wait < 0 or (self.most_posts_a_day or 0) < 0:
            raise UsageError("max_wait and most_posts_a_day cannot be negative.")


class Desk:
    """The tools' work for one client.

    Args:
        postiz: an open client with an outbox.
        options: what the tools may do.
    """

    def __init__(self, postiz: Postiz, options: McpOptions) -> None:
        self.postiz = postiz
        self.outbox: Outbox = postiz.outbox
        self.options = options
        self._counting = anyio.Lock()

    def now(self) -> datetime:
        """The present time."""
        return datetime.fromtimestamp(self.postiz.clock.time(), UTC)

    # -------------------------------------------------------------- channels

    async def usable(self) -> Callable[[str | None], bool]:
        """Which channels may be used, by id."""
        if not self.options.channels:
            return lambda _: True
        found = await self.postiz.channels.find(*self.options.channels)
        ids = {each.id for each in found}
        return lambda channel: channel in ids

    async def _channel(self, word: str) -> Channel:
        [channel] = await self.postiz.channels.find(word)
        if not (await self.usable())(channel.id):
            raise ToolError(f"This server may not use the channel {channel.id}; `channels` lists.")
        return channel

    async def channels(self, _: given.NoArgs) -> Answer:
        may_use = await self.usable()
        found = [
            {
                "id": each.id,
                "provider": each.provider,
                "untrusted_name": each.name,
                "disabled": each.disabled,
            }
            for each in await self.postiz.channels.list()
            if may_use(each.id)
        ]
        return {"message": f"{count_of(len(found), 'channel')}.", "channels": found}

    async def rules(self, args: given.RulesArgs) -> Answer:
        provider, said = args.provider, {}
        if args.channel:
            channel = await self._channel(args.channel)
            provider = channel.provider
            rules = await self.postiz.channels.settings(channel)
            said = {
                "max_length": rules.max_length,
                "untrusted_rules": rules.rules,
                "tools": [
                    {"tool": each.method_name, "data": [field.key for field in each.data_schema]}
                    for each in rules.tools
                ],
            }
        found = guide(find_provider(provider))
        return {
            "message": f"Rules of {provider}.",
            "provider": provider,
            "characters": found.limit,
            "counted_in": found.counting,
            "thread": found.parts,
            "media": found.media,
            "pitfalls": found.notes,
            "settings": [
                {"name": e.name, "kind": e.kind, "needed": e.needed, "limits": e.limits}
                for e in found.fields
            ],
            "least_settings": found.settings,
            **said,
        }

    async def find_slot(self, args: given.ChannelArgs) -> Answer:
        at = await self.postiz.channels.find_slot(await self._channel(args.channel))
        return {"message": f"The next free time is {at.isoformat()}.", "at": at}

    async def trigger(self, args: given.TriggerArgs) -> Answer:
        channel = await self._channel(args.channel)
        output = await self.postiz.channels.trigger(channel, args.tool, args.data)
        return {"message": f"The answer of {args.tool}.", "untrusted_output": output}

    # -------------------------------------------------------------- reading

    async def quota(self, _: given.NoArgs) -> Answer:
        quota = await self.postiz.quota()
        left = "unknown until the first create" if quota.remaining is None else quota.remaining
        return {
            "message": f"Create requests left in this hour: {left}.",
            "limit": quota.limit,
            "left": quota.remaining,
            "resets_in": _seconds(quota.resets_in),
            "next_in": _seconds(quota.next_in),
            "locked_out": quota.blocked,
        }

    async def preview(self, args: given.PreviewArgs) -> Answer:
        post = given.PostInput(channel="", text=args.text, markdown=args.markdown).as_post()
        shown = texts.preview(post.content, args.provider)
        fits = "fits" if shown.fits else "is too long"
        return {
            "message": f"It {fits}: {shown.length} of {shown.limit} characters.",
            "fits": shown.fits,
            "length": shown.length,
            "limit": shown.limit,
            "published": shown.text,
        }

    async def check(self, args: given.CheckArgs) -> Answer:
        posts = await self._posts(args.posts)
        at = None if isinstance(args.at, UnsetType) else args.at
        found = await self.postiz.posts.check(*posts, at=at)
        errors = sum(each.severity == "error" for each in found)
        return {
            "message": f"{count_of(errors, 'error')}; nothing was sent.",
            "problems": [
                {"severity": p.severity, "where": p.where, "message": p.message, "hint": p.hint}
                for p in found
            ],
        }

    async def list_posts(self, args: given.ListPostsArgs) -> Answer:
        now = self.now()
        start = now if isinstance(args.start, UnsetType) else args.start
        end = start + timedelta(days=30) if isinstance(args.end, UnsetType) else args.end
        channel = await self._channel(args.channel) if args.channel else None
        state = None if isinstance(args.state, UnsetType) else args.state
        may_use = await self.usable()
        found: list[Post] = []
        more = False
        listing = self.postiz.posts.list(start=start, end=end, state=state, channel=channel)
        async for post in listing:
            if args.text.casefold() in post.text.casefold() and may_use(_channel_of(post)):
                if len(found) == args.limit:
                    more = True
                    break
                found.append(post)
        return {
            "message": f"{count_of(len(found), 'post')}{', and more' if more else ''}.",
            "posts": [_about(post, details=args.details) for post in found],
            "more": more,
        }

    async def get_post(self, args: given.PostArgs) -> Answer:
        post = await self._get(args.post)
        return {"message": f"The post is {post.state}.", **_about(post, details=True, whole=True)}

    async def _get(self, post_id: str, at: datetime | None = None) -> Post:
        """A post on a channel that may be used; `at` is where it was dated."""
        now = self.now()
        start, end = min(now, at or now) - YEAR, max(now, at or now) + YEAR
        post = await self.postiz.posts.get(post_id, start=start, end=end)
        if not (await self.usable())(_channel_of(post)):
            raise ToolError(f"The post {post_id} is on a channel that this server may not use.")
        return post

    async def analytics(self, args: given.AnalyticsArgs) -> Answer:
        if bool(args.channel) == bool(args.post):
            raise ToolError("Give either channel or post.")
        if args.channel:
            channel = await self._channel(args.channel)
            metrics = await self.postiz.analytics.channel(channel, days=args.days)
        else:
            post = await self._get(args.post)
            found = await self.postiz.analytics.post(post, days=args.days)
            metrics = found.metrics
        return {
            "message": f"{count_of(len(metrics), 'metric')} of {args.days} days.",
            "metrics": [
                {
                    "untrusted_label": each.label,
                    "latest": each.data[-1].total if each.data else None,
                    "days": len(each.data),
                }
                for each in metrics
            ],
        }

    async def notifications(self, args: given.NotificationsArgs) -> Answer:
        since = None if isinstance(args.since, UnsetType) else args.since
        found: list[dict[str, object]] = []
        async for each in self.postiz.notifications.list(since=since):
            if len(found) == args.limit:
                break
            found.append({"at": each.created_at, "untrusted_text": each.content[:SHOWN]})
        return {
            "message": f"{count_of(len(found), 'notification')}, the newest first.",
            "notifications": found,
        }

    # -------------------------------------------------------------- creating

    async def _posts(self, posts: Iterable[given.PostInput]) -> list[NewPost]:
        """Posts on channels that may be used."""
        found = [replace(e.as_post(), channel=await self._channel(e.channel)) for e in posts]
        if not found:
            raise ToolError("Give posts, or confirm with the id of a plan.")
        return found

    async def planned(self, kind: Kind, args: given.CreateArgs) -> tuple[given.CreateArgs, Answer]:
        """Check posts, and say what it takes to create them.

        Args:
            kind: what becomes of the posts.
            args: the posts.

        Returns:
            The arguments with ids of channels, as a name may mean another one later; and the plan.
        """
        posts, at = await self._posts(args.posts), _date_of(args)
        if at is None and kind != "now":
            raise ToolError("Give at, a date with a zone such as 2031-12-24T18:30:00+01:00.")
        found = await self.postiz.posts.check(*posts, at=at, tags=args.tags)
        errors = [each for each in found if each.severity == "error"]
        if kind == "draft":  # which may have any date
            errors = [each for each in errors if each.where != "at"]
        if errors:
            said = "; ".join(str(each) for each in errors[:5])
            raise ToolError(f"Postiz would refuse it; nothing was sent. Change this: {said}")
        await self._refuse_more(posts, at or self.now())
        fixed = zip(args.posts, posts, strict=True)
        args = replace(args, posts=tuple(replace(e, channel=p.channel_id) for e, p in fixed))
        quota = await self.postiz.quota()
        return args, {
            "channels": [each.channel for each in args.posts],
            "at": "now" if kind == "now" else at,
            "requests": 1,
            "slots_left": quota.remaining,
            "leaves_in": _seconds(quota.next_in),
            "key": _key(kind, args),
            "warnings": [str(each) for each in found if each.severity == "warning"][:5],
        }

    async def _refuse_more(self, posts: Sequence[NewPost], at: datetime) -> None:
        """Refuse posts beyond those of a day; what Postiz has of them already is not counted twice.

        Raises:
            ToolError: there would be too many.
        """
        most = self.options.most_posts_a_day
        if most is None:
            return
        start = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        end = start + timedelta(days=1, microseconds=-1)
        listed = await self.postiz.posts.list(start=start, end=end)
        there = {(_channel_of(each), each.text) for each in listed}
        own = {(post.channel_id, _plain(post)) for post in posts}
        counts = await self.outbox.counts()
        waiting = sum(count for state, count in counts.items() if state not in _OVER)
        number = len(listed) + waiting + len(own - there)
        if number > most:
            raise ToolError(
                f"That would be {number} posts on {start:%Y-%m-%d} (UTC), and this server allows "
                f"{most} a day; nothing was sent. Take another day, or delete one."
            )

    async def create(
        self, kind: Kind, args: given.CreateArgs, progress: Progress, plan: Plan
    ) -> Answer:
        """Create posts once; without a slot in time they go to the outbox, drafts are refused.

        Args:
            kind: what becomes of the posts.
            args: the posts, with ids of channels.
            progress: is told how long it waits.
            plan: the plan that is carried out, maybe not for the first time.
        """
        posts, at, key = await self._posts(args.posts), _date_of(args), _key(kind, args)
        wait, when = self.options.max_wait, at or self.now()
        if kind == "draft":
            await self._begin(plan, posts, when)
            async with _telling(progress):
                created = await self.postiz.posts.draft(
                    *posts, at=when, tags=args.tags, max_wait=wait, idempotency_key=key
                )
            return await self._stored([each.post_id for each in created], when, key, args)
        async with self._counting:  # two at once would both be the last of their day
            await self._begin(plan, posts, when)
            ticket = await self.outbox.put(*posts, at=at, tags=args.tags, idempotency_key=key)
        was_over = ticket.is_over
        async with _telling(progress):
            ticket = await self.outbox.wait(ticket, timeout=wait)
        if ticket.state is RowState.STORED and was_over:
            return await self._stored(ticket.post_ids, when, key, args)
        return _of_ticket(ticket, key=key)

    async def _begin(self, plan: Plan, posts: Sequence[NewPost], at: datetime) -> None:
        """Refuse posts beyond those of a day, unless their plan was begun before."""
        if not plan.begun:
            await self._refuse_more(posts, at)
        plan.begun = True

    async def _stored(
        self, post_ids: Sequence[str], at: datetime, key: str, args: given.CreateArgs
    ) -> Answer:
        """The answer about posts of a key, which may have been deleted since."""
        gone = [each for each in post_ids if not await self._is_there(each, at)]
        if not gone:
            return {
                "message": "Stored, once for this key.",
                "state": "stored",
                "posts": list(post_ids),
                "key": key,
            }
        return {
            "message": (
                "These posts were stored for this key before and deleted since; nothing was sent. "
                f"If they are wanted once more, plan the same with again={args.again + 1}."
            ),
            "state": "deleted",
            "posts": gone,
            "key": key,
            "again": args.again + 1,
        }

    async def _is_there(self, post_id: str, at: datetime | None = None) -> bool:
        try:
            await self._get(post_id, at)
        except PostNotFoundError:
            return False
        return True

    async def ticket(self, args: given.TicketArgs) -> Answer:
        return _of_ticket(await self.outbox.get(args.ticket))

    async def withdraw(self, args: given.TicketArgs) -> Answer:
        done = await self.outbox.withdraw(args.ticket)
        said = "Withdrawn: it will not be sent." if done else "It has left already; look at ticket."
        return {"message": said, "withdrawn": done}

    # -------------------------------------------------------------- changing

    async def plan_replace(self, args: given.ReplaceArgs) -> tuple[given.ReplaceArgs, Answer]:
        """Say what a replacement takes."""
        if isinstance(args.new, UnsetType) or isinstance(args.at, UnsetType) or not args.post:
            raise ToolError("Give post, new and at, or confirm with the id of a plan.")
        post = await self._get(args.post)
        [new] = await self._posts([args.new])
        quota = await self.postiz.quota()
        args = replace(args, new=replace(args.new, channel=new.channel_id))
        return args, {
            "replaces": _about(post),
            "at": args.at,
            "requests": 1,
            "slots_left": quota.remaining,
            "leaves_in": _seconds(quota.next_in),
        }

    async def replace(self, args: given.ReplaceArgs, progress: Progress) -> Answer:
        """Replace the whole content of a post."""
        if isinstance(args.new, UnsetType) or isinstance(args.at, UnsetType):
            raise ToolError("Give new and at.")
        await self._get(args.post)
        [new] = await self._posts([args.new])
        async with _telling(progress):
            await self.postiz.posts.replace(
                args.post, new, at=args.at, tags=args.tags, max_wait=self.options.max_wait
            )
        return {"message": "Replaced; media and thread are those given.", "post": args.post}

    async def set_status(self, args: given.SetStatusArgs) -> Answer:
        post = await self._get(args.post)
        if args.status == "schedule" and post.state == "PUBLISHED":
            raise ToolError("It is published already; scheduling it would publish it again.")
        state = await self.postiz.posts.set_status(post, args.status)
        return {"message": f"It is {state}.", "state": state}

    async def plan_delete(self, args: given.DeleteArgs) -> tuple[given.DeleteArgs, Answer]:
        """Say which posts would be deleted."""
        if not args.posts:
            raise ToolError("Give the ids of posts, or confirm with the id of a plan.")
        posts = [await self._get(each) for each in dict.fromkeys(args.posts)]
        return args, {"deletes": [_about(each) for each in posts], "requests": 0}

    async def delete(self, args: given.DeleteArgs) -> Answer:
        """Delete posts."""
        deleted: list[str] = []
        gone: list[str] = []
        for post_id in dict.fromkeys(args.posts):
            was_there = await self._is_there(post_id) and await self.postiz.posts.delete(post_id)
            (deleted if was_there else gone).append(post_id)
        said = f"{count_of(len(deleted), 'post')} deleted; what is published stays on its network."
        return {"message": said, "deleted": deleted, "gone": gone}

    async def upload(self, args: given.UploadArgs) -> Answer:
        if args.source.startswith(("https://", "http://")):
            medium = await self.postiz.media.upload_from_url(args.source)
        else:
            path = find_below(self.options.media_root, args.source, "--media-root")
            medium = await self.postiz.media.upload(path)
        said = "Stored. Give id and path in the media of a post."
        return {"message": said, "id": medium.id, "path": medium.path}


# ------------------------------------------------------------------ parts of answers


@asynccontextmanager
async def _telling(progress: Progress) -> AsyncGenerator[None]:
    """Tell progress each second while the block runs."""

    async def tell() -> None:
        seconds = 0.0
        while True:
            await asyncio.sleep(_TICK)
            seconds += _TICK
            await progress(seconds, "waiting for a slot of the quota")

    task = asyncio.create_task(tell())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)  # nobody may listen any more


def _date_of(args: given.CreateArgs) -> datetime | None:
    at = args.at if isinstance(args, given.DatedCreateArgs) else UNSET
    return None if isinstance(at, UnsetType) else at


def _key(kind: Kind, args: given.CreateArgs) -> str:
    """The idempotency key: the one given, or one of everything that is said."""
    at = _date_of(args)
    moment = "" if at is None else at.astimezone(UTC).isoformat()
    said = [kind, moment, msgspec.to_builtins(args.posts), sorted(args.tags)]
    made = hashlib.sha256(msgspec.json.encode(said, order="sorted")).hexdigest()[:32]
    key = args.key or f"mcp-{made}"
    return f"{key}#{args.again + 1}" if args.again else key


def _of_ticket(ticket: Ticket, **facts: object) -> Answer:
    """The answer about a ticket of the outbox.

    Raises:
        ToolError: its posts are not stored, and will not be.
    """
    state = ticket.state
    said = {"state": state.value, "ticket": ticket.id, "posts": list(ticket.post_ids), **facts}
    if ticket.reason:
        said["untrusted_reason"] = ticket.reason
    if state is RowState.STORED:
        return {"message": "Stored, once for this key.", **said}
    if state in _OVER:
        raise ToolError(f"It was not stored: {state.value}. {_NEXT[state]}", **said)
    wait = _seconds(ticket.leaves_in)
    return {
        "message": (
            f"Kept safe in the outbox, leaves in about {wait} s; do not send it again. "
            "`ticket` tells what became of it."
        ),
        "leaves_in": wait,
        **said,
    }


_NEXT = {
    RowState.REFUSED: "Change what Postiz refused; the same posts again need again=1.",
    RowState.LATE: "Its date passed before a slot was free: plan it for a later date.",
    RowState.WITHDRAWN: "It was withdrawn; the same posts again need again=1.",
    RowState.UNDECIDED: "Its answer was lost: look with list_posts before you send it again.",
}
_OVER = frozenset({RowState.STORED, *_NEXT})


def _about(post: Post, *, details: bool = False, whole: bool = False) -> dict[str, object]:
    """A post, in few words."""
    said: dict[str, object] = {
        "id": post.id,
        "at": post.publish_date,
        "state": post.state,
        "channel": _channel_of(post),
    }
    if details:
        said["untrusted_text"] = post.text if whole else post.text[:SHOWN]
        said["untrusted_tags"] = post.tags
        said["link"] = post.release_url
    return said


def _channel_of(post: Post) -> str | None:
    return None if post.channel is None else post.channel.id


def _plain(post: NewPost) -> str:
    content = post.content
    return (content if isinstance(content, str) else content.source).strip()


def count_of(number: int, noun: str) -> str:
    """A number of things in words."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _seconds(value: float | None) -> int | None:
    return None if value is None else round(value)
