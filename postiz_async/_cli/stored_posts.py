"""Many stored posts at once: `posts delete` with a filter, `posts pause` and `posts resume`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from cyclopts import Parameter

from postiz_async import Postiz
from postiz_async._campaign.after.tables import csv_table
from postiz_async._cli.forecasts import WHY
from postiz_async._cli.options import (
    ApiOptions,
    StoreOptions,
    WhichPosts,
    Yes,
    said_as_options,
    store_of,
)
from postiz_async._cli.output import (
    MAX_SHOWN,
    Output,
    ask,
    bare_moment,
    command_on,
    count,
    short_moment,
)
from postiz_async._cli.progress import CountDisplay
from postiz_async.models.posts import Post
from postiz_async.texts import plain_text
from postiz_async.types import PostChanges, PostFilter, Reason

_SHOWN = 76
"""Most characters of a text in a list of posts, so that a row fits on a usual terminal."""

_WHY = {
    **WHY,
    Reason.EDITED: "changed by somebody else meanwhile",
    Reason.GONE: "deleted in Postiz",
    Reason.LATE: "the date has passed: give it a new one in Postiz, or delete it",
    Reason.REFUSED: "Postiz refused the change",
}


def show_posts(output: Output, posts: Iterable[Post], zone: ZoneInfo) -> None:
    """Show posts as a table."""
    date = f"date ({zone})"
    rows = [
        (
            short_moment(post.publish_date, zone),
            post.state,
            post.id,
            channel_name(post),
            _text(post),
        )
        for post in posts
    ]
    output.table(
        [date, "state", "id", "channel", "text"], rows, whole={date, "state", "id"}, below=True
    )


def posts_as_csv(posts: Iterable[Post], zone: ZoneInfo) -> str:
    """Posts as CSV, with their whole texts, in the form of a campaign's result."""
    columns = ("id", "date", "channel", "provider", "state", "text", "link", "tags", "group")
    rows = (
        (
            post.id,
            post.publish_date.astimezone(zone).isoformat(" ", "seconds"),
            channel_name(post),
            post.channel.provider if post.channel is not None else "",
            post.state,
            plain_text(post.content),
            post.release_url or "",
            "; ".join(post.tags),
            post.group or "",
        )
        for post in posts
    )
    return csv_table(columns, rows, excel=True)


def channel_name(post: Post) -> str:
    """The name of the channel of a post."""
    return post.channel.name or post.channel.id if post.channel is not None else "?"


def _text(post: Post) -> str:
    text = " ".join(plain_text(post.content).split())
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1].rstrip() + "…"


def span_text(which: PostFilter, zone: ZoneInfo) -> str:
    """The days of a filter: `from 2027-01-15 to 2027-02-14 (UTC)`."""
    return f"from {which['start']:%Y-%m-%d} to {which['end']:%Y-%m-%d} ({zone})"


@dataclass(frozen=True, slots=True)
class _Change:
    """A change of many posts: its verb and participle, and the options of its command."""

    verb: str
    done: str
    api: ApiOptions
    yes: bool

    @property
    def output(self) -> Output:
        """Where to show it; the posts are the result if there is a question about them."""
        return Output(as_json=self.api.json, says_results=not self.yes)

    async def make(
        self,
        postiz: Postiz,
        would: PostChanges,
        make: Callable[..., Coroutine[object, object, PostChanges]],
        *,
        what: str = "",
        then: str = "",
        does_more: bool = False,
    ) -> int:
        """Ask, change the posts, and show what became of them; returns the exit code.

        Args:
            postiz: an open client.
            would: what was shown.
            make: makes the change; takes `on_outcome`.
            what: what the question is about; by default it or them.
            then: what to say when posts were changed.
            does_more: whether there is something to do without posts, too.
        """
        output, zone = self.output, self.api.zone
        number = count(len(would.posts), "post")
        if not (would.posts or does_more):
            return _end(output, would)
        what = what or ("it" if len(would.posts) == 1 else "them")
        if not (self.yes or (not self.api.json and ask(f"{self.verb.capitalize()} {what}?"))):
            output.say(f"Nothing was {self.done}. --yes does it.", "yellow")
            _end(output, would, is_done=False)
            return 1
        display = CountDisplay(output, self.done, len(would.posts), zone, clock=postiz.clock)
        result = await display.run(make(on_outcome=display.saw), fatal=())
        if isinstance(result, int):
            finished = [outcome.ref for outcome in display.outcomes]
            _end(output, would, is_done=False, finished=finished)
            if not self.api.json:  # else the reason is the last line
                told = f"{display.done:,} of {number} {self.done}. The same command goes on."
                output.say(f"Stopped: {told} {then}".rstrip(), "bold yellow")
            return result
        _show_left(output, result, zone, before=would)
        output.say(f"{count(len(result.posts), 'post')} {self.done}. {then}".rstrip(), "bold green")
        return _end(output, result)


async def delete_chosen(which: WhichPosts, api: ApiOptions, *, yes: bool) -> int:
    """Show which posts of a filter would be deleted, ask, delete; returns the exit code."""
    change, zone = _Change("delete", "deleted", api, yes), api.zone
    async with api.client() as postiz, said_as_options():
        wanted = which.filter(postiz, zone)
        chosen = postiz.stored_posts(**wanted, ids=await which.ids(postiz))
        would = await chosen.delete(dry_run=True)
        if not api.json:
            _show_plan(change.output, would, zone)
            later = "" if which.end else "; later ones: --to"
            cost = " This costs no create request and is done at once." if would.posts else ""
            number = count(len(would.posts), "post")
            told = f"{number} to delete {span_text(wanted, zone)}{later}.{cost}"
            change.output.say(told, "bold")
        return await change.make(postiz, would, partial(chosen.delete, planned=would))


PauseFile = Annotated[
    Path,
    Parameter(help="The file for the ids of the posts; lines are added to one that exists."),
]


async def pause(
    *,
    which: WhichPosts = WhichPosts(),
    file: PauseFile = Path("paused.jsonl"),
    yes: Yes = False,
    place: StoreOptions = StoreOptions(),
    api: ApiOptions = ApiOptions(),
) -> int:
    """Make drafts of all queued posts, or of those of a filter.

    Whoever stored them; without --to those of a year. Without a filter all creates that share the
    store are halted first. posts resume takes both back. Stop it with Ctrl-C and run it again at
    any time.
    """
    change, zone = _Change("pause", "paused", api, yes), api.zone
    async with place.client(api.connection) as postiz, said_as_options():
        wanted = which.filter(postiz, zone, length=timedelta(days=366))
        chosen = postiz.stored_posts(
            start=wanted["start"] if which.start else None,
            end=wanted["end"] if which.end else None,
            state=which.state,
            channel=which.channel,
            tag=which.tag,
            text=which.text,
            ids=await which.ids(postiz, place),
        )
        would = await chosen.pause(file, dry_run=True)
        if not api.json:
            _show_channels(change.output, would, zone)
            number = count(len(would.posts), "queued post")
            change.output.say(f"{number} to pause {span_text(wanted, zone)}.", "bold")
            if chosen.takes_all:
                change.output.say(_HALTS if store_of(place.store) else _HALTS_LITTLE)
        what = "all queued posts of the account" if chosen.takes_all else ""
        then = f"To schedule them again: {command_on(file, 'posts resume')}"
        work, more = partial(chosen.pause, file), chosen.takes_all
        return await change.make(postiz, would, work, what=what, then=then, does_more=more)


_HALTS = "All creates of runs, outboxes and programs that share the store are halted, too."
_HALTS_LITTLE = (
    "Without --store this halts only creates by commands of this user on this machine: stop runs "
    "elsewhere or with a store, outboxes and programs yourself, or they store further posts."
)


async def resume(
    file: Annotated[Path, Parameter(help="The file of posts pause.")],
    /,
    *,
    yes: Yes = False,
    place: StoreOptions = StoreOptions(),
    api: ApiOptions = ApiOptions(),
) -> int:
    """Schedule the posts of a file of posts pause again.

    Only those that are still drafts. Those whose date has passed, or comes within a quarter of an
    hour, stay drafts and are named: Postiz would publish them at once. Then creates that were
    halted in the store go on.
    """
    change, zone = _Change("schedule", "scheduled", api, yes), api.zone
    async with place.client(api.connection) as postiz, said_as_options():
        chosen = postiz.stored_posts()
        would = await chosen.resume(file, dry_run=True)
        halted = (await postiz.quota()).halted
        if not api.json:
            _show_channels(change.output, would, zone)
            number = count(len(would.posts), "paused post")
            change.output.say(f"{number} to schedule.", "bold")
            if halted:
                change.output.say(f"All creates have been halted {halted}; they go on, too.")
        work, what = partial(chosen.resume, file), "them, and end the halt" if halted else ""
        return await change.make(postiz, would, work, what=what, does_more=bool(halted))


def _show_channels(output: Output, would: PostChanges, zone: ZoneInfo) -> None:
    """Show how many posts of each channel would be changed, and which stay."""
    by_channel: defaultdict[str, list[Post]] = defaultdict(list)
    for post in would.posts:
        by_channel[channel_name(post)].append(post)
    rows = [
        (
            name,
            f"{len(posts):,}",
            bare_moment(min(dates), zone),
            bare_moment(max(dates), zone),
        )
        for name, posts in by_channel.items()
        for dates in [[post.actual_date or post.publish_date for post in posts]]
    ]
    if rows:
        output.table(["channel", "posts", f"from ({zone})", "to"], rows, numbers=["posts"])
    _show_left(output, would, zone)


def _show_plan(output: Output, would: PostChanges, zone: ZoneInfo) -> None:
    if would.posts:
        show_posts(output, would.posts[:MAX_SHOWN], zone)
    if len(would.posts) > MAX_SHOWN:
        output.say(f"  ... and {len(would.posts) - MAX_SHOWN:,} more (--json has all)")
    _show_left(output, would, zone)


def _show_left(
    output: Output, changes: PostChanges, zone: ZoneInfo, before: PostChanges | None = None
) -> None:
    """Show which posts stay, and why, except those that were shown before."""
    known = before.left if before else dict[Reason, tuple[Post, ...]]()
    for why, posts in changes.left.items():
        shown = {post.id for post in known.get(why, ())}
        left = [post for post in posts if post.id not in shown]
        if left:
            output.say(f"left: {count(len(left), 'post')}: {_WHY[why]}", "yellow")
        if why not in {"published", "failed"}:  # these are only counted
            output.say_some([_line(post, changes.notes.get(post.id), zone) for post in left])


def _line(post: Post, note: str | None, zone: ZoneInfo) -> str:
    said = f"{post.id}, {channel_name(post)}, {bare_moment(post.publish_date, zone)}"
    return f"{said}: {note}" if note else said


def _end(
    output: Output,
    changes: PostChanges,
    *,
    is_done: bool = True,
    finished: Sequence[str] | None = None,
) -> int:
    if output.as_json:
        said = {"posts": changes.posts, "left": changes.left, "notes": changes.notes}
        output.json({**said, "done": is_done, "finished": finished})
    return 0 if changes.complete else 1
