"""The command `posts`: everything the API can do with posts."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter
from rich.text import Text

from postiz_async import Channel, NewPost
from postiz_async._cli.connection import Connection, zone_of
from postiz_async._cli.help import COMMON
from postiz_async._cli.options import (
    ApiOptions,
    OnlyChannel,
    Said,
    WhichPosts,
    Yes,
    aware,
    json_object,
    meant_moment,
    moment_option,
    said_as_options,
)
from postiz_async._cli.output import Output, confirm, count, moment, near_moment
from postiz_async._cli.stored_posts import (
    channel_name,
    delete_chosen,
    pause,
    posts_as_csv,
    resume,
    show_posts,
    span_text,
)
from postiz_async._cli.waiting import waiting_shown
from postiz_async._validation.messages import did_you_mean
from postiz_async.errors import ConfigurationError, InvalidInputError, Problem
from postiz_async.models._durations import read_seconds
from postiz_async.models.posts import Created
from postiz_async.texts import plain_text
from postiz_async.types import Attempt

app = App(
    name="posts", help="List, create, change, pause and delete posts.", group_parameters=COMMON
)
app.command(pause)
app.command(resume)

_WHEN = moment_option("The date, like '2027-01-15 09:00' or 2027-01-15T09:00+01:00.")
PostId = Annotated[str, Parameter(help="The id of a post.")]
Thread = Annotated[
    list[str] | None,
    Parameter(help="A further part of the thread, or a comment; can be repeated."),
]
MaxWait = Annotated[
    float | None, Parameter(help="Seconds to wait for the quota; by default no limit.")
]


@app.command(name="list")
async def list_posts(
    *,
    which: WhichPosts = WhichPosts(),
    collapse_repeats: bool = False,
    csv: bool = False,
    api: ApiOptions = ApiOptions(),
) -> None:
    """List posts in order of date.

    Args:
        collapse_repeats: List a repeating post only once.
        csv: Print CSV for a spreadsheet, as the Excel of your country opens it.
    """
    if csv and api.json:
        raise ConfigurationError("--csv and --json do not go together.")
    output, zone = Output(as_json=api.json), api.zone
    async with api.client() as postiz, said_as_options():
        wanted = which.filter(postiz, zone)
        listing = postiz.posts.list(**wanted, collapse_repeats=collapse_repeats)
        ids = await which.ids(postiz)
        posts = [post async for post in listing if ids is None or post.id in ids]
    if api.json:
        output.json(posts)
    elif csv:
        output.file(posts_as_csv(posts, zone))
    else:
        show_posts(output, posts, zone)
        output.say(f"{count(len(posts), 'post')} {span_text(wanted, zone)}")


@app.command
async def get(post_id: PostId, /, *, api: ApiOptions = ApiOptions()) -> None:
    """Show one post, at most a year old or a year away."""
    output = Output(as_json=api.json)
    async with api.client() as postiz:
        post = await postiz.posts.get(post_id)
    if api.json:
        output.json(post)
        return
    rows = [
        ("id", post.id),
        ("date", moment(post.publish_date, api.zone)),
        ("state", post.state),
        ("channel", channel_name(post)),
        ("group", post.group or "-"),
        ("published at", post.release_url or "-"),
        ("tags", ", ".join(post.tags) or "-"),
        ("settings", post.settings or "-"),
        ("text", plain_text(post.content)),
    ]
    output.table(["", ""], rows)


@app.command
async def create(
    content: str,
    /,
    *,
    channel: list[str],
    at: Annotated[Said | None, _WHEN] = None,
    thread: Thread = None,
    now: bool = False,
    draft: bool = False,
    media: list[Path] | None = None,
    settings: str | None = None,
    tag: list[str] | None = None,
    max_wait: MaxWait = None,
    idempotency_key: str | None = None,
    api: ApiOptions = ApiOptions(),
) -> None:
    """Create posts on one or more channels. Costs one request.

    Args:
        content: The text.
        channel: A channel: its id, name, or provider if no other channel has it; can be repeated.
        now: Publish at once.
        draft: Store as a draft.
        media: A file; can be repeated.
        settings: The provider's settings as JSON.
        tag: A tag that exists in Postiz.
        idempotency_key: A key of your choice, such as an order number: repeating the command with
            it creates no further posts and shows the same ones. Not with --media.
    """
    output = Output(as_json=api.json)
    if now == (at is not None):
        raise InvalidInputError([Problem("--at", "give either --at or --now")])
    read_seconds("--max-wait", max_wait, zero=True, none=True)
    if now and draft:
        raise InvalidInputError([Problem("--draft", "a draft is not published: leave --now out")])
    if media and idempotency_key is not None:
        why = "each repetition would upload the files anew, and so be another post"
        how = "put the post into a table, and let `postiz-async run` upload its files once"
        raise InvalidInputError([Problem("--media", f"with a key, {why}", hint=how)])
    values = json_object("--settings", settings) if settings else None
    zone = api.zone
    when = None if at is None else meant_moment(output, at, zone)
    attempts: list[Attempt] = []
    async with api.client(attempts.append) as postiz, said_as_options():
        meant = await postiz.channels.find(*channel)
        stored = [await postiz.media.upload(path) for path in media or []]
        posts = [NewPost(each, content, stored, values, tuple(thread or ())) for each in meant]
        make: Callable[..., Awaitable[list[Created]]] = postiz.posts.publish_now
        if when is not None:
            make = partial(postiz.posts.draft if draft else postiz.posts.schedule, at=when)
        async with waiting_shown(postiz, max_wait, attempts):
            created = await make(
                *posts, tags=tag or (), max_wait=max_wait, idempotency_key=idempotency_key
            )
    done = "Sent to be published at once"
    if when is not None:
        done = f"{'Stored as a draft' if draft else 'Scheduled'} for {moment(when, zone)}"
    _show_created(output, created, meant, done)


@app.command
async def replace(
    post_id: PostId,
    content: str,
    /,
    *,
    channel: str,
    at: Annotated[Said, _WHEN],
    thread: Thread = None,
    media: list[Path] | None = None,
    settings: str | None = None,
    tag: list[str] | None = None,
    max_wait: MaxWait = None,
    yes: Yes = False,
    api: ApiOptions = ApiOptions(),
) -> None:
    """Replace the whole content of a post. Costs one request.

    Args:
        content: The whole new text.
        channel: The channel of the post: its id, name, or provider.
        media: A file; can be repeated.
        settings: The provider's settings as JSON.
        tag: A tag that exists in Postiz.
    """
    output = Output(as_json=api.json)
    read_seconds("--max-wait", max_wait, zero=True, none=True)
    values = json_object("--settings", settings) if settings else None
    zone = api.zone
    when = meant_moment(output, at, zone)
    confirm(f"Replace all of the post {post_id}, its media and thread too?", yes=yes)
    attempts: list[Attempt] = []
    async with api.client(attempts.append) as postiz, said_as_options():
        [meant] = await postiz.channels.find(channel)
        stored = [await postiz.media.upload(path) for path in media or []]
        new = NewPost(meant, content, stored, values, tuple(thread or ()))
        async with waiting_shown(postiz, max_wait, attempts):
            created = await postiz.with_options(max_wait=max_wait).posts.replace(
                post_id, new, at=when, tags=tag or ()
            )
    _show_created(output, [created], [meant], f"Replaced, due {moment(when, zone)}")


def _show_created(
    output: Output, created: Sequence[Created], channels: Sequence[Channel], done: str
) -> None:
    """Show the stored posts, each with its channel; `done` says what was done, and the date."""
    if output.as_json:
        output.json(created)
        return
    names = {each.id: f"{each.name} ({each.provider})" for each in channels}
    for each in created:
        output.result(f"{done} on {names.get(each.channel, each.channel)}, id {each.post_id}")


@app.command
async def delete(
    post_ids: Annotated[list[str] | None, Parameter(allow_leading_hyphen=True)] = None,
    /,
    *,
    which: WhichPosts = WhichPosts(),
    yes: Yes = False,
    api: ApiOptions = ApiOptions(),
) -> int:
    """Delete posts with their threads, by id or by a filter.

    A filter leaves published posts, and shows the others first. A post that is deleted stays on its
    network. Exits with 1 if there is no post of an id, which Postiz may never have had, or if a
    post of the filter has to stay.

    Args:
        post_ids: Ids of posts; - reads them from standard input, one a line.
    """
    has_filter = which != WhichPosts()
    if has_filter and not post_ids:
        return await delete_chosen(which, api, yes=yes)
    output = Output(as_json=api.json)
    ids = _ids(post_ids or [])
    if has_filter:
        raise ConfigurationError("posts delete takes either ids or a filter.")
    what = f"the post {ids[0]}" if len(ids) == 1 else count(len(ids), "post")
    confirm(f"Delete {what}?", yes=yes)
    deleted: list[str] = []
    gone: list[str] = []
    async with api.client() as postiz:
        for post_id in ids:
            was_there = await postiz.posts.delete(post_id)
            (deleted if was_there else gone).append(post_id)
    if api.json:
        output.json({"deleted": deleted, "gone": gone})
    else:
        if deleted:
            output.say("deleted" if len(ids) == 1 else f"{count(len(deleted), 'post')} deleted")
        for post_id in gone:
            output.result(f"There is no post {post_id}: gone already, or the id is wrong", "yellow")
    return 1 if gone else 0


_OF_DELETE = (
    *("--from", "--to", "--state", "--channel", "--tag", "--text", "--campaign"),
    *("--json", "--yes"),
)
"""Options of `posts delete` that may be misspelled."""


def _ids(given: list[str]) -> list[str]:
    """The ids without duplicates; a dash is replaced by ids from standard input.

    Raises:
        InvalidInputError: there are no ids.
        ConfigurationError: an id is an option that does not exist.
    """
    unknown = next((each for each in given if each.startswith("-") and each != "-"), None)
    if unknown is not None:
        name = unknown.partition("=")[0]
        meant = did_you_mean(name, _OF_DELETE, "Did you mean {}?", cutoff=0.7)
        see = "See: postiz-async posts delete --help"
        raise ConfigurationError(f"posts delete has no {name}. {meant or see}")
    ids: dict[str, None] = {}
    for each in given:
        lines = sys.stdin.read().splitlines() if each == "-" else [each]
        ids |= dict.fromkeys(filter(None, map(str.strip, lines)))
    if not ids:
        hint = "or a filter, such as --tag"
        raise InvalidInputError([Problem("post-ids", "none was given", hint=hint)])
    return list(ids)


@app.command
async def delete_group(group: str, /, *, yes: Yes = False, api: ApiOptions = ApiOptions()) -> None:
    """Delete a group, which is a post with its thread.

    Args:
        group: The group of a listed post.
    """
    confirm(f"Delete all posts of the group {group}?", yes=yes)
    async with api.client() as postiz:
        await postiz.posts.delete_group(group)
    Output(as_json=api.json).answer(None, "deleted, if there was one")


@app.command
async def status(
    post_id: PostId,
    status: Literal["draft", "schedule"],
    /,
    *,
    yes: Yes = False,
    api: ApiOptions = ApiOptions(),
) -> None:
    """Turn a post into a draft, or schedule it again.

    Args:
        status: The new status.
    """
    output = Output(as_json=api.json)
    if status == "schedule":
        confirm("A post whose date has passed is published at once. Schedule it?", yes=yes)
    async with api.client() as postiz:
        state = await postiz.posts.set_status(post_id, status)
    output.answer(state, f"{post_id} is {state}")


@app.command
async def settings(post_id: PostId, settings: str, /, *, api: ApiOptions = ApiOptions()) -> None:
    """Merge keys into the settings of a post that is not published.

    Args:
        settings: Keys to merge, as a JSON object.
    """
    values = json_object("settings", settings)
    async with api.client() as postiz:
        date = await postiz.posts.update_settings(post_id, values)
    told = f"{post_id} has its new settings; it is due {moment(date, api.zone)}"
    Output(as_json=api.json).answer(date, told)


@app.command
async def missing(post_id: PostId, /, *, api: ApiOptions = ApiOptions()) -> None:
    """Show recent items of a channel, one of which a post became."""
    async with api.client() as postiz:
        items = await postiz.posts.missing(post_id)
    rows = [(item.id, item.url) for item in items]
    Output(as_json=api.json).listing(items, ["id", "picture"], rows)


@app.command
async def release_id(
    post_id: PostId, release_id: str, /, *, api: ApiOptions = ApiOptions()
) -> None:
    """Tell Postiz which item on the network a post became.

    posts missing lists the items.

    Args:
        release_id: The id on the network.
    """
    async with api.client() as postiz:
        await postiz.posts.set_release_id(post_id, release_id)
    Output(as_json=api.json).answer(None, f"{post_id} is {release_id}")


@app.command
async def watch(
    *,
    since: Annotated[
        Said | None,
        moment_option(
            "Also show posts dated from then on, like '2027-01-15 09:00'.", name="--from"
        ),
    ] = None,
    channel: OnlyChannel = None,
    json: Annotated[bool, Parameter(name="--json")] = False,
    connection: Connection = Connection(),
) -> None:
    """Print a line when a post is published or fails.

    Ctrl-C ends it.

    Args:
        json: Print JSON for programs, one object per line.
    """
    output, zone = Output(as_json=json), zone_of(connection)
    async with connection.client() as postiz, said_as_options():
        start = None if since is None else aware(since, "--from", zone)
        if start is not None and start.timestamp() > postiz.clock.time():
            hint = "leave it out for what becomes of posts from now on"
            told = f"{moment(start, zone)} is still to come"
            raise InvalidInputError([Problem("--from", told, hint=hint)])
        watching = postiz.posts.watch(since=start, channel=channel)
        async with aclosing(watching) as events:
            async for event in events:
                if json:
                    output.json_line(event)
                else:
                    line = Text(f"{near_moment(postiz.clock.time(), zone)}  ")
                    state, colour = (
                        ("published", "green") if event.is_published else ("failed", "red")
                    )
                    line.append(f"{state:9}", colour)
                    what = " ".join((event.link or event.reason).split())
                    line.append(f"  {event.post.id}, {channel_name(event.post)}  {what}")
                    output.show(line)
