"""Posts that are in Postiz as a campaign file, to be filled in and run elsewhere or again.

The list of the server returns neither media nor thread parts, and up to v2.23.0 no settings.
So each exported row says `needs_media`, with which `plan` and `run` refuse it until somebody has
said what belongs to it. PURE, but for the writing.
"""

from __future__ import annotations

import io
import os
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Literal,
    NotRequired,
    TextIO,
    TypeAlias,
    TypedDict,
    Unpack,
)

import anyio.to_thread
import msgspec

from postiz_async._batch.file_formats import COMMENT, csv_line, is_json
from postiz_async._batch.rows import FIGURE
from postiz_async._concurrency import in_thread
from postiz_async._delivery.matching import CLIENT_REF
from postiz_async.errors import BatchError
from postiz_async.stores._files import replace_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from postiz_async._delivery.client import BatchClient
    from postiz_async.models.insights import Figures
    from postiz_async.models.integrations import Integration
    from postiz_async.models.posts import Post

__all__ = [
    "EXPORTED",
    "Exported",
    "Form",
    "Naming",
    "Which",
    "export_posts",
    "gathered",
]

Form: TypeAlias = Literal["csv", "jsonl"]
Naming: TypeAlias = Literal["id", "name"]

EXPORTED: tuple[str, ...] = (
    "integration", "date", "content", "format", "media", "settings", "tags", "type", "thread",
    "repeat_days", "ref", "needs_media", "state",
)  # fmt: skip
"""The columns of an exported file; those of a campaign, of which two are to be filled in."""


class Which(TypedDict):
    """Which posts are exported, as `posts.iter` takes it, and what is told of them.

    `naming` says what channels are called, `analytics` whether figures are asked for.
    """

    start: datetime
    end: datetime
    state: NotRequired[str | None]
    integration: NotRequired[str | None]
    tag: NotRequired[str | None]
    naming: NotRequired[Naming]
    analytics: NotRequired[bool]


_OURS = {"__type", CLIENT_REF}
"""Keys of settings that a server or a run writes itself."""


_LACKS = (
    "Not in this file, because Postiz does not return them: media and thread parts. Fill in both "
    "columns where posts have them and empty needs_media; until then plan and run refuse the row."
)


@dataclass(frozen=True, slots=True)
class Exported:
    """What was exported. `notes` say what the file lacks, as its head does."""

    posts: int
    notes: tuple[str, ...]


async def export_posts(
    postiz: BatchClient,
    path: Path | str,
    *,
    overwrite: bool = False,
    **which: Unpack[Which],
) -> Exported:
    """Write the posts of a range into a campaign file: JSON lines by its name, else CSV.

    Costs no quota since v2.19.0.

    Raises:
        BatchError: the file is there already, or cannot be written.
        PostizError: the server could not be asked.
    """
    file_path = Path(path)
    if not overwrite and await anyio.to_thread.run_sync(os.path.lexists, file_path):
        raise BatchError(f"{path} is there already; somebody may have filled it in.")
    writing = await gathered(postiz, **which)

    def write() -> Exported:
        text = io.StringIO(newline="")
        done = writing(text, "jsonl" if is_json(file_path) else "csv")
        try:
            replace_file(file_path, text.getvalue())
        except OSError as error:
            raise BatchError(f"{path} cannot be written: {error.strerror}.") from error
        return done

    return await in_thread(write)


async def gathered(
    postiz: BatchClient,
    **which: Unpack[Which],
) -> Callable[[TextIO, Form], Exported]:
    """List the posts of a range; what is returned writes them into a file."""
    start, end = which["start"], which["end"]
    channels = await postiz.integrations.list() if which.get("naming") == "name" else []
    found = postiz.posts.iter(
        start=start,
        end=end,
        state=which.get("state"),
        integration=which.get("integration"),
        tag=which.get("tag"),
        collapse_repeats=True,
    )
    posts = [post async for post in found]
    figures = None
    if which.get("analytics"):
        out = [post for post in posts if post.state == "PUBLISHED"]
        figures = await postiz.analytics.posts(out)
    server = postiz.base_url.removesuffix("/public/v1")
    what = f"{server}, {start.astimezone(UTC):%Y-%m-%d} to {end.astimezone(UTC):%Y-%m-%d}"
    names = _names(channels)
    return lambda file, form: _write(posts, file, form, what=what, names=names, figures=figures)


def _write(
    posts: Sequence[Post],
    file: TextIO,
    form: Form,
    *,
    what: str,
    names: dict[str, str] | None = None,
    figures: Figures | None = None,
) -> Exported:
    """Write posts as a campaign, beneath comments that say what they lack.

    Args:
        posts: as listed, each once.
        file: opened with `newline=""`.
        form: of the file.
        what: where and when the posts are, for the first comment.
        names: what to call channels, by id.
        figures: of published posts, if they were asked for.
    """
    notes = _notes(posts, figures)
    head = [f"{len(posts)} posts of {what}", *notes]
    if form == "jsonl":
        lines: list[dict[str, object]] = [{"#": note} for note in head]
        lines += [_json_record(post, names or {}, figures) for post in posts]
        file.writelines(msgspec.json.encode(line).decode() + "\n" for line in lines)
    else:
        file.writelines(f"{COMMENT}{note}\n" for note in head)
        named = figures.names if figures is not None else []
        file.write(csv_line([*EXPORTED, *(f"{FIGURE} {name}" for name in named)]))
        for post in posts:
            numbers = [figures.of(post.id).get(name, "") for name in named] if figures else []
            file.write(csv_line([*_record(post, names or {}).values(), *numbers]))
    return Exported(len(posts), notes)


def _notes(posts: Sequence[Post], figures: Figures | None) -> tuple[str, ...]:
    notes = [_LACKS]
    if posts and all(post.settings is None for post in posts):
        notes.append(
            "Settings are missing too: this server does not return them (Postiz does after "
            "2.23.0). Where the column stays empty the defaults of the network are taken."
        )
    orphans = sum(post.integration is None for post in posts)
    if orphans:
        notes.append(f"{orphans} posts name no channel.")
    for why, number in figures.reasons.items() if figures is not None else ():
        notes.append(f"{number} published posts without figures: {why}.")
    return tuple(notes)


def _record(post: Post, names: dict[str, str]) -> dict[str, str]:
    channel = post.integration.id if post.integration is not None else ""
    return {
        "integration": names.get(channel, channel),
        "date": post.publish_date.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "content": post.content,
        "format": "html",
        "media": "",
        "settings": _settings(post.settings),
        "tags": ";".join(tag.tag.name for tag in post.tags),
        "type": "draft" if post.state == "DRAFT" else "schedule",
        "thread": "",
        "repeat_days": str(post.interval_in_days or ""),
        "ref": post.id,
        "needs_media": "yes",
        "state": post.state,
    }


def _settings(text: str | None) -> str:
    """The settings without what the next run writes itself; what is not an object is left out."""
    try:
        settings = msgspec.json.decode(text or "{}", type=dict[str, object])
    except msgspec.MsgspecError:
        return ""
    kept = {name: value for name, value in settings.items() if name not in _OURS}
    return msgspec.json.encode(kept).decode() if kept else ""


def _json_record(post: Post, names: dict[str, str], figures: Figures | None) -> dict[str, object]:
    """The filled cells; settings and tags as what they are."""
    record = _record(post, names)
    kept: dict[str, object] = {name: value for name, value in record.items() if value}
    if record["settings"]:
        kept["settings"] = msgspec.Raw(record["settings"].encode())
    if post.tags:
        kept["tags"] = [tag.tag.name for tag in post.tags]
    if figures is not None and figures.of(post.id):
        kept[f"{FIGURE}s"] = figures.of(post.id)
    return kept


def _names(channels: Sequence[Integration]) -> dict[str, str]:
    """The names, by id, of channels that a campaign can mean by their name."""
    meant = Counter(channel.name.casefold() for channel in channels)
    ids = {channel.id for channel in channels}
    return {
        channel.id: channel.name
        for channel in channels
        if channel.name
        and channel.name == channel.name.strip()
        and channel.name not in ids
        and meant[channel.name.casefold()] == 1
    }
