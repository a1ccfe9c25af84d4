"""Many stored posts at once: `posts edit`, and `posts delete` with a filter."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Literal, TypeAlias, cast
from zoneinfo import ZoneInfo

import msgspec
from cyclopts import Parameter

from postiz_async._cli.changes import WHY
from postiz_async._cli.options import ApiOptions, WhichPosts, Yes, said_as_options
from postiz_async._cli.output import MAX_SHOWN, Output, ask, bare_moment, count, short_moment
from postiz_async._cli.progress import CountDisplay
from postiz_async.errors import ConfigurationError
from postiz_async.models.posts import Post
from postiz_async.texts import plain_text
from postiz_async.types import PostChanges, PostFilter, PostSelection, StoredType

_SHOWN = 76
"""Most characters of a text in a list of posts, so that a row fits on a usual terminal."""

_WHY = WHY | {
    "edited": "changed by somebody else meanwhile",
    "gone": "deleted meanwhile",
    "refused": "Postiz refused the change",
    "invalid": "Postiz would refuse the new settings",
    "repeats": "repeating: change or delete it by its id, for all of its dates",
    "same": "like that already",
    "no_route": "this server has no route for the change, a newer one has",
    "unlisted": "this server lists no settings and cannot change them alone (releases after "
    "v2.23.0 can). Sent anew, a post would lose its media and thread, which are not listed: change "
    "its campaign and update that, or replace the post: postiz-async posts replace",
}

_SETTABLE = (
    "only type and settings can be set, like --set type=draft or --set settings.title='New title'. "
    "For anything else Postiz takes a whole new post, and it lists neither the media nor the "
    "thread, which would be lost: change the campaign and update that, or replace one post: "
    "postiz-async posts replace"
)


def show_posts(
    output: Output, posts: Iterable[Post], zone: ZoneInfo, notes: Mapping[str, str] | None = None
) -> None:
    """Show posts as a table, with a note on each in place of its text."""
    date, last = f"date ({zone})", "text" if notes is None else "change"
    rows = [
        (
            short_moment(post.publish_date, zone),
            post.state,
            post.id,
            channel_name(post),
            _text(post) if notes is None else notes.get(post.id, ""),
        )
        for post in posts
    ]
    heads = [date, "state", "id", "channel", last]
    output.table(heads, rows, whole={date, "state", "id"}, below=notes is None)


def channel_name(post: Post) -> str:
    """The name of the channel of a post."""
    return post.channel.name or post.channel.id if post.channel is not None else "?"


def _text(post: Post) -> str:
    text = " ".join(plain_text(post.content).split())
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1].rstrip() + "…"


def span_text(which: PostFilter, zone: ZoneInfo) -> str:
    """The days of a filter: `from 2027-01-15 to 2027-02-14 (UTC)`."""
    return f"from {which['start']:%Y-%m-%d} to {which['end']:%Y-%m-%d} ({zone})"


# ------------------------------------------------------------------ deleting and editing


Making: TypeAlias = Callable[..., Coroutine[Any, Any, PostChanges]]
"""A method of a `PostSelection`."""


async def change_posts(
    which: WhichPosts,
    api: ApiOptions,
    verb: Literal["delete", "edit"],
    method: Callable[[PostSelection], Making],
    *,
    yes: bool,
) -> int:
    """Show what would be done to the posts of a filter, ask, do it; returns the exit code."""
    output = Output(as_json=api.json, says_results=not yes)  # a question is about them
    zone, done = api.zone, f"{verb.removesuffix('e')}ed"
    async with api.client() as postiz, said_as_options():
        wanted = which.filter(postiz, zone)
        make = method(postiz.stored_posts(**wanted))
        would = await make(dry_run=True)
        number = count(len(would.posts), "post")
        if not api.json:
            notes = would.notes if verb == "edit" else None
            _show_plan(output, would, zone, notes)
            later = "" if which.end else "; later ones: --to"
            cost = " This costs no create request and is done at once." if would.posts else ""
            output.say(f"{number} to {verb} {span_text(wanted, zone)}{later}.{cost}", "bold")
        if not would.posts:
            return _end(output, would)
        question = f"{verb.capitalize()} {'it' if len(would.posts) == 1 else 'them'}?"
        if not (yes or (not api.json and ask(question))):
            output.say(f"Nothing was {done}. --yes does it.", "yellow")
            _end(output, would, is_done=False)
            return 1
        display = CountDisplay(output, done, len(would.posts), zone, clock=postiz.clock)
        result = await display.run(make(planned=would, on_outcome=display.saw), fatal=())
    if isinstance(result, int):
        finished = [outcome.ref for outcome in display.outcomes]
        _end(output, would, is_done=False, finished=finished)
        if not api.json:  # else the reason is the last line
            told = f"{display.done:,} of {number} {done}. The same command goes on."
            output.say(f"Stopped: {told}", "bold yellow")
        return result
    _show_left(output, result, zone, before=would)
    output.say(f"{count(len(result.posts), 'post')} {done}.", "bold green")
    return _end(output, result)


def _show_plan(
    output: Output, would: PostChanges, zone: ZoneInfo, notes: Mapping[str, str] | None
) -> None:
    if would.posts:
        show_posts(output, would.posts[:MAX_SHOWN], zone, notes)
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


async def edit(
    *,
    set_: Annotated[list[str], Parameter(name="--set", negative="")],
    which: WhichPosts = WhichPosts(),
    yes: Yes = False,
    api: ApiOptions = ApiOptions(),
) -> int:
    """Change settings or the type of many posts. Shows them first.

    Published posts, media and threads stay. Stop it with Ctrl-C and run it again at any time.

    Args:
        set_: What to change, like settings.title='New title' or type=draft; a value is JSON, else
            text. Can be repeated.
    """
    settings, kind = _read_changes(set_)
    if which == WhichPosts():
        raise ConfigurationError(
            "posts edit needs a filter: --channel, --tag, --text, --state, --from or --to."
        )

    def method(chosen: PostSelection) -> Making:
        return partial(chosen.edit, settings=settings, kind=kind)

    return await change_posts(which, api, "edit", method, yes=yes)


def _read_changes(given: Iterable[str]) -> tuple[dict[str, object], StoredType | None]:
    """The settings by path, and the type, of `--set`.

    Raises:
        ConfigurationError: it has another form, or cannot be set.
    """
    settings: dict[str, object] = {}
    kind: StoredType | None = None
    for text in given:
        name, sign, value = text.partition("=")
        _, _, path = name.partition("settings.")
        if sign and name == "type" and value in {"draft", "schedule"}:
            kind = cast("StoredType", value)
        elif sign and path and name.startswith("settings."):
            settings[path] = _value(value)
        elif sign and name == "type":
            raise ConfigurationError(f"--set type is {value!r}; say draft or schedule.")
        else:
            raise ConfigurationError(f"--set {text!r}: {_SETTABLE}.")
    return settings, kind


def _value(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
