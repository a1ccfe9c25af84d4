"""Rows of a campaign, and the refs that identify them from run to run. PURE."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections import Counter, defaultdict
from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import zip_longest
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self, TypeAlias, cast

import msgspec
from msgspec import structs

from postiz_async.errors import Problem
from postiz_async.models._base import DateTime, Value, in_json
from postiz_async.models.channels import Channel
from postiz_async.models.media import Media
from postiz_async.models.posts import Content, Html, Markdown, NewPost, PostType, Text, ThreadPart
from postiz_async.models.settings import ProviderSettings, RawSettings

if TYPE_CHECKING:
    from postiz_async.models.posts import Mention


MAX_ALIGN = timedelta(days=7)
"""Largest amount by which a date may move so that posts share a request."""

TextFormat = Literal["text", "markdown", "html"]

_KINDS: dict[str, Callable[[str], Content]] = {"text": str, "markdown": Markdown, "html": Html}

EditedField: TypeAlias = Literal[
    "text", "thread", "format", "date", "channel", "media", "alt", "settings", "tags", "type",
    "short_link", "repeat_days", "post",
]  # fmt: skip
"""A field of `SaidRow`, by the name that users see."""

_MADE_REF = re.compile(r"[0-9a-f]{24}(-\d+)?")


class _PostOfRow(msgspec.Struct, frozen=True):
    channel: Channel | str
    content: Content = ""


class CampaignRow(_PostOfRow, frozen=True, kw_only=True):
    """One post of a campaign, as a program gives it to `postiz.campaign`.

        CampaignRow("mastodon", Markdown("**We** are live"), at=launch)

    The fields are those of `NewPost`, and the columns of a campaign file. They are checked when the
    campaign is opened.

    Args:
        channel: a `Channel`, or its id, its name, or its provider when there is only one.
        content: plain text, `Text` with mentions, `Markdown` or `Html`.
        at: when it is published: with a zone, or in that of `timezone`; a text is read as in a
            file.
        media: files, or media that are uploaded already. A relative name begins at the working
            directory. A `Path` may lead anywhere; a text stays below that directory or a
            `media_root` of the campaign.
        alt: what the media show, one text for each, for people who cannot see them.
        link: a web address, put below the content unless it is in there.
        settings: a struct of `postiz_async.providers`, or the settings as the API names them.
        thread: further parts, in order: contents, or `ThreadPart` with media or a delay.
        tags: names of tags that exist in Postiz.
        repeat_days: repeat after this many days, for ever.
        tolerance: by how much the date may move to share a request (a `timedelta`, seconds, or a
            text like `15m`); as the campaign says if None.
        ref: a name of your own for the row; made from its content if empty.
    """

    at: datetime | str
    timezone: str = ""
    media: Sequence[Media | PurePath | str] = ()
    alt: Sequence[str] | str = ()
    link: str = ""
    settings: ProviderSettings | RawSettings | Mapping[str, object] | None = None
    thread: Sequence[Content | ThreadPart] = ()
    tags: Sequence[str] = ()
    type: PostType = "schedule"
    short_link: bool = False
    repeat_days: int | None = None
    tolerance: float | timedelta | str | None = None
    ref: str = ""

    @classmethod
    def of(
        cls,
        post: NewPost,
        *,
        at: datetime | str,
        tags: Sequence[str] = (),
        type: PostType = "schedule",  # noqa: A002
        short_link: bool = False,
        repeat_days: int | None = None,
        tolerance: float | timedelta | str | None = None,
        ref: str = "",
    ) -> Self:
        """A row with a post that `posts.schedule` would take.

            rows = [CampaignRow.of(post, at=at) for post, at in planned]

        Args:
            post: the post.
            at: as for a row.
            tags: as for a row.
            type: as for a row.
            short_link: as for a row.
            repeat_days: as for a row.
            tolerance: as for a row.
            ref: as for a row.
        """
        return cls(
            post.channel,
            post.content,
            at=at,
            media=post.media,
            settings=post.settings,
            thread=post.thread,
            tags=tags,
            type=type,
            short_link=short_link,
            repeat_days=repeat_days,
            tolerance=tolerance,
            ref=ref,
        )

    def _record(self) -> tuple[dict[str, object], NewPost | None]:
        """The cells of a file that say the same, and what no cell can say."""
        cells: dict[str, object] = structs.asdict(self)
        cells["date"] = cells.pop("at")
        cells["channel"] = self.channel if isinstance(self.channel, str) else self.channel.id
        parts = [p if isinstance(p, ThreadPart) else ThreadPart(p) for p in self.thread]
        parts = [structs.replace(part, media=tuple(part.media)) for part in parts]
        contents = [self.content, *(part.content for part in parts)]
        cells["content"], *texts = map(_source, contents)
        cells["thread"] = texts
        cells["format"] = kind = _kind(self.content)
        uploaded = tuple(each for each in self.media if isinstance(each, Media))
        cells["media"] = [each for each in self.media if not isinstance(each, Media)]
        if not isinstance(self.alt, str):
            cells["alt"] = list(self.alt)
        cells["tags"] = list(self.tags)
        is_plain = (
            not uploaded
            and all(_kind(each) == kind and not _mentions(each) for each in contents)
            and not any(part.media or part.delay_minutes for part in parts)
        )
        if is_plain:
            return cells, None
        parts = [structs.replace(p, content=_with_source(p.content, "")) for p in parts]
        return cells, NewPost("", _with_source(self.content, ""), uploaded, None, tuple(parts))


def record_of(row: CampaignRow) -> tuple[dict[str, object], NewPost | None]:
    """The cells of a file that say the same as a row, and what no cell can say."""
    return row._record()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]


def _source(content: Content) -> str:
    return content if isinstance(content, str) else content.source


def _kind(content: Content) -> TextFormat:
    if isinstance(content, Markdown):
        return "markdown"
    return "html" if isinstance(content, Html) else "text"


def _mentions(content: Content) -> Sequence[Mention]:
    return content.mentions if isinstance(content, Text) else ()


def _with_source(content: Content, source: str) -> Content:
    if isinstance(content, str):
        return source
    if isinstance(content, Text):  # mentions may be given as a list
        return Text(source, tuple(content.mentions))
    return structs.replace(content, source=source)


class PandasFrame(Protocol):
    """A table of pandas."""

    def to_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Rows, with the argument "records"."""
        ...


class PolarsFrame(Protocol):
    """A table of polars."""

    def iter_rows(self, *args: Any, **kwargs: Any) -> Any:
        """Rows, with the argument `named=True`."""
        ...


Given: TypeAlias = CampaignRow | Mapping[str, object]
CampaignSource: TypeAlias = (
    Path | str | Iterable[Given] | AsyncIterable[Given] | PandasFrame | PolarsFrame
)
"""The source of a campaign: a file, a table of pandas or polars, or rows that a program makes."""


class Row(Value, frozen=True, kw_only=True, gc=False):
    """One post of a campaign. `number` counts like a spreadsheet; `date` is in UTC."""

    number: int
    ref: str
    channel: str
    date: datetime
    content: str = ""
    media: tuple[str, ...] = ()
    settings: Mapping[str, object] | None = None
    tags: tuple[str, ...] = ()
    type: PostType = "schedule"
    thread: tuple[str, ...] = ()
    short_link: bool = False
    repeat_days: int | None = None
    format: TextFormat = "text"
    tolerance: timedelta | None = None
    """How far the date may move; None: as the campaign says."""
    moved_from: datetime | None = None
    """The date in the campaign, if `date` is another one."""
    own_media: tuple[str, ...] = ()
    """Those of `media` that a program gave as `Path`: they may lead anywhere."""
    alt: tuple[str, ...] = ()
    """A text for each medium, or none at all."""
    post: NewPost | None = None
    """What a program gave that no file can say: uploaded media, mentions, parts with media.

    The texts are in `content` and `thread`.
    """

    @property
    def uploaded(self) -> Sequence[Media]:
        """Media that were uploaded before the campaign was opened."""
        return () if self.post is None else self.post.media

    def described(self, media: Iterable[Media]) -> list[Media]:
        """The media with their alternative texts."""
        files = [*media, *self.uploaded]
        if not self.alt:
            return files
        texts = zip_longest(files, self.alt)
        return [structs.replace(each, alt=alt) if alt else each for each, alt in texts]

    @property
    def asked_for(self) -> datetime:
        """The date in the campaign."""
        return self.moved_from or self.date

    def at(self, date: datetime) -> Row:
        """The row with another date."""
        asked = self.asked_for
        return structs.replace(self, date=date, moved_from=None if date == asked else asked)

    @property
    def body(self) -> Content:
        """The content, marked with its format."""
        if self.post is not None:
            return _with_source(self.post.content, self.content)
        return _KINDS[self.format](self.content)

    @property
    def parts(self) -> tuple[Content | ThreadPart, ...]:
        """The thread parts, marked with their format."""
        if self.post is None:
            return tuple(map(_KINDS[self.format], self.thread))
        given = cast("Sequence[ThreadPart]", self.post.thread)
        return tuple(
            structs.replace(part, content=_with_source(part.content, text))
            for part, text in zip(given, self.thread, strict=True)
        )

    @property
    def contents(self) -> tuple[Content, ...]:
        """The content and those of the thread parts, marked with their format."""
        rest = (part.content if isinstance(part, ThreadPart) else part for part in self.parts)
        return self.body, *rest

    @property
    def said(self) -> SaidRow:
        """The content of the row, for the journal."""
        values: dict[str, Any] = {name: getattr(self, name) for name in SaidRow.__struct_fields__}
        values["date"] = self.asked_for
        values["post"] = self.post and _as_sent(self.post)
        # a name of a file may hold bytes that are not UTF-8, which JSON cannot
        values["media"] = tuple(n.encode("utf-8", "backslashreplace").decode() for n in self.media)
        return SaidRow(**values)

    @property
    def fingerprint(self) -> str:
        """A hash of everything that would be sent, with the date in the campaign."""
        return _hash(self.said.write())

    @property
    def shared(self) -> tuple[object, ...]:
        """The values that all posts of a request share, besides their date."""
        tags = frozenset(self.tags) if self.tags else None
        return self.type, self.short_link, tags, self.repeat_days


class SaidRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Everything that is sent of a row, as the journal keeps it; in the order of reported edits."""

    content: str = ""
    thread: tuple[str, ...] = ()
    format: TextFormat = "text"
    date: DateTime
    media: tuple[str, ...] = ()
    alt: tuple[str, ...] = ()
    settings: Mapping[str, object] | None = None
    tags: tuple[str, ...] = ()
    type: PostType = "schedule"
    short_link: bool = False
    repeat_days: int | None = None
    post: NewPost | None = None
    channel: str

    def write(self) -> str:
        """Encode as JSON."""
        return msgspec.json.encode(self, order="deterministic", enc_hook=in_json).decode()

    @classmethod
    def read(cls, text: str) -> SaidRow:
        """Decode what a journal has."""
        return msgspec.json.decode(text, type=cls)


def _as_sent(post: NewPost) -> NewPost:
    """What is sent of a post: of its media without what only this process knows of them."""

    def sent(media: Iterable[Media]) -> tuple[Media, ...]:
        return tuple(structs.replace(m, name="", width=0, height=0, size=0) for m in media)

    parts = cast("Sequence[ThreadPart]", post.thread)
    thread = tuple(structs.replace(part, media=sent(part.media)) for part in parts)
    return structs.replace(post, media=sent(post.media), thread=thread)


def has_own_ref(ref: str) -> bool:
    """Whether the ref was given, and not derived from the content of the row."""
    return _MADE_REF.fullmatch(ref) is None


def _hash(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()[:24]


def ref_on(ref: str, channel: str) -> str:
    """The ref of a row with several channels on one of them, given its id."""
    return f"{ref} {channel}"


def with_refs(rows: list[Row], problems: list[Problem]) -> list[Row]:
    """Give each row without a ref one derived from its content; equal rows are numbered."""
    counts: Counter[str] = Counter()
    refs = sorted(row.ref for row in rows if row.ref)
    twice = {ref for ref, other in itertools.pairwise(refs) if ref == other}
    owners: dict[str, int] = {}
    result: list[Row] = []
    for row in rows:
        if row.ref:
            if row.ref in owners:
                message = f"{row.ref!r} is the ref of row {owners[row.ref]} already"
                problems.append(Problem("ref", message, row.number))
                continue
            if row.ref in twice:  # for all refs it would be large
                owners[row.ref] = row.number
            result.append(row)
            continue
        media = (*row.media, *(each.id for each in row.uploaded))
        base = _hash(row.channel, row.date.isoformat(), row.content, row.thread, media)
        counts[base] += 1
        result.append(
            structs.replace(row, ref=base if counts[base] == 1 else f"{base}-{counts[base]}")
        )
    return result


def keep_refs(rows: Sequence[Row], known: Mapping[str, str]) -> tuple[Row, ...]:
    """Give rows that share the base of their derived refs the refs that the journal has.

    Rows that differ only in settings or tags share the base of their derived refs. Their numbering
    follows the order in the file, which may have changed since.

    Args:
        rows: rows of a campaign.
        known: ref to fingerprint, from the journal.
    """
    if not known:
        return tuple(rows)
    groups: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if _MADE_REF.fullmatch(row.ref):
            groups[row.ref[:24]].append(row)
    free: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for ref, fingerprint in known.items():
        if ref[:24] in groups and _MADE_REF.fullmatch(ref):
            free[ref[:24]][ref] = fingerprint
    renamed = {
        made: ref
        for base, group in groups.items()
        for made, ref in _known_refs(base, group, free[base]).items()
    }
    return tuple(
        structs.replace(row, ref=renamed[row.ref])
        if renamed.get(row.ref, row.ref) != row.ref
        else row
        for row in rows
    )


def _known_refs(base: str, group: Sequence[Row], known: dict[str, str]) -> dict[str, str]:
    """Refs by derived ref: first for rows with a known fingerprint, then edited, then new ones."""
    same: defaultdict[str, list[str]] = defaultdict(list)
    for ref in reversed(known):
        same[known[ref]].append(ref)
    refs = {row.ref: same[print_].pop() for row in group if same.get(print_ := row.fingerprint)}
    taken = set(refs.values())
    left = (ref for ref in known if ref not in taken)
    names = itertools.chain([base], (f"{base}-{count}" for count in itertools.count(2)))
    unused = itertools.chain(left, (name for name in names if name not in known))
    return refs | {row.ref: next(unused) for row in group if row.ref not in refs}
