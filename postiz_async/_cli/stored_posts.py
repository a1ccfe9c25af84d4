"""Many stored posts at once: `posts delete` with a filter."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from zoneinfo import ZoneInfo

from postiz_async._campaign.after.tables import csv_table
from postiz_async._cli.changes import WHY
from postiz_async._cli.options import ApiOptions, WhichPosts, said_as_options
from postiz_async._cli.output import MAX_SHOWN, Output, ask, bare_moment, count, short_moment
from postiz_async._cli.progress import CountDisplay
from postiz_async.models.posts import Post
from postiz_async.texts import plain_text
from postiz_async.types import PostChanges, PostFilter

_SHOWN = 76
"""Most characters of a text in a list of posts, so that a row fits on a usual terminal."""

_WHY = WHY | {
    "edited": "changed by somebody else meanwhile",
    "repeats": "repeating: delete it by its id, for all of its dates",
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


async def delete_chosen(which: WhichPosts, api: ApiOptions, *, yes: bool) -> int:
    """Show which posts of a filter would be deleted, ask, delete; returns the exit code."""
    output = Output(as_json=api.json, says_results=not yes)  # a question is about them
    zone = api.zone
    async with api.client() as postiz, said_as_options():
        wanted = which.filter(postiz, zone)
        chosen = postiz.stored_posts(**wanted)
        would = await chosen.delete(dry_run=True)
        number = count(len(would.posts), "post")
        if not api.json:
            _show_plan(output, would, zone)
            later = "" if which.end else "; later ones: --to"
            cost = " This costs no create request and is done at once." if would.posts else ""
            output.say(f"{number} to delete {span_text(wanted, zone)}{later}.{cost}", "bold")
        if not would.posts:
            return _end(output, would)
        question = f"Delete {'it' if len(would.posts) == 1 else 'them'}?"
        if not (yes or (not api.json and ask(question))):
            output.say("Nothing was deleted. --yes does it.", "yellow")
            _end(output, would, is_done=False)
            return 1
        display = CountDisplay(output, "deleted", len(would.posts), zone, clock=postiz.clock)
        deleting = chosen.delete(planned=would, on_outcome=display.saw)
        result = await display.run(deleting, fatal=())
    if isinstance(result, int):
        finished = [outcome.ref for outcome in display.outcomes]
        _end(output, would, is_done=False, finished=finished)
        if not api.json:  # else the reason is the last line
            told = f"{display.done:,} of {number} deleted. The same command goes on."
            output.say(f"Stopped: {told}", "bold yellow")
        return result
    _show_left(output, result, zone, before=would)
    output.say(f"{count(len(result.posts), 'post')} deleted.", "bold green")
    return _end(output, result)


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
    known = before.left if before else dict[str, tuple[Post, ...]]()
    for why, posts in changes.left.items():
        shown = {post.id for post in known.get(why, ())}
        left = [post for post in posts if post.id not in shown]
        if left:
            output.say(f"left: {count(len(left), 'post')}: {_WHY[why]}", "yellow")
        if why in changes.in_the_way:  # the others are only counted
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
