"""The page of a campaign for a client: what is published when and where, and nothing of the work.

It is made of the parts of the report. States are those that matter to a client; reasons, requests,
the quota and ids are left out, and so are posts that were taken back on purpose.
"""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from pathlib import PurePath
from typing import TYPE_CHECKING, NamedTuple

from postiz_async._campaign.after.report import RowLabel, said_by, text_of
from postiz_async._campaign.after.report.charts import cut, safe
from postiz_async._campaign.after.report.html import (
    LISTED,
    CardColumn,
    cards,
    counted,
    date_span,
    figure_total,
    number,
    page,
    share,
    state_chip,
    tile,
)
from postiz_async._campaign.journal.rows import Finding, RowRecord
from postiz_async._campaign.read.media_files import is_video
from postiz_async._delivery.outcomes import RowState
from postiz_async.providers import PROVIDERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from postiz_async._campaign.after.report.data import Facts
    from postiz_async._campaign.read.rows import SaidRow

_PUBLISHED = RowLabel("published", "●", "out")
_SCHEDULED = RowLabel("scheduled", "✓", "good")
_DRAFT = RowLabel("draft", "✎", "open")
_PLANNED = RowLabel("planned", "○", "open")
_NOT_PUBLISHED = RowLabel("not published", "!", "warn")
_LABELS = (_PUBLISHED, _SCHEDULED, _DRAFT, _PLANNED, _NOT_PUBLISHED)

_TO_COME = {RowState.PLANNED, RowState.SENDING, RowState.UNKNOWN, RowState.UNDECIDED}
_TAKEN_BACK = {RowState.WITHDRAWN, RowState.WITHDRAWING, RowState.SKIPPED}
_NEVER_OUT = {Finding.STUCK, Finding.HIDDEN}

_PICTURES = 4
"""Pictures of a post, at most; the number of the others is told."""

_FIGURES = 4
"""Figures at the top and of a post, those that most posts have."""

_NAME = 90
"""Characters of a channel's name, at most."""

_FILES = {".csv", ".txt", ".xlsx", ".xlsm", ".ods", ".json", ".jsonl", ".ndjson", ".journal"}


class _Post(NamedTuple):
    """A row with what the client sees of it."""

    row: RowRecord
    label: RowLabel
    text: str
    said: SaidRow | None

    @property
    def media(self) -> Sequence[str]:
        return () if self.said is None else self.said.media

    @property
    def content(self) -> tuple[object, ...]:
        """Rows of several channels that have it in common are one post to a reader."""
        return self.row.seconds, self.text, self.media


def client_page(facts: Facts, picture: Callable[[str], str]) -> str:
    """The HTML page of a campaign for a client.

    Args:
        facts: the data of the report.
        picture: the source of an image for a medium of the campaign; empty if there is none.
    """
    posts = [
        _Post(row, label, text_of(row), said_by(row))
        for row in facts.rows
        if (label := _label(row)) is not None
    ]
    posts.sort(key=lambda post: (*post.content, post.row.number))
    dates = [post.row.seconds for post in posts]
    parts = [_overview(facts, posts), _channels(facts, posts), _posts(facts, posts, picture)]
    path = PurePath(facts.campaign)
    return page(
        facts,
        campaign=path.stem if path.suffix.lower() in _FILES else facts.campaign,
        kind="Campaign",
        about=date_span(facts, min(dates), max(dates)) if dates else "no posts yet",
        parts=parts,
        has_pictures=True,
    )


def _label(row: RowRecord) -> RowLabel | None:
    """What a client is told of a row; None: nothing, because it was taken back."""
    if row.state is RowState.PUBLISHED:
        return _PUBLISHED
    if row.state in _TAKEN_BACK or row.finding is Finding.DELETED:
        return None
    if row.state in _TO_COME:
        return _PLANNED
    if row.state is not RowState.STORED or row.finding in _NEVER_OUT:
        return _NOT_PUBLISHED
    said = said_by(row)
    return _DRAFT if said is not None and said.type == "draft" else _SCHEDULED


def _overview(facts: Facts, posts: Sequence[_Post]) -> str:
    counts = Counter(post.label.name for post in posts)
    used = [label for label in _LABELS if counts[label.name]]
    tiles = [tile("", len(posts), "post" if len(posts) == 1 else "posts")]
    tiles += [tile(label.tone, counts[label.name], f"{label.sign} {label.name}") for label in used]
    if facts.figures is not None:
        rows = [post.row for post in posts]
        sums = ((figure_total(facts.figures, rows, name), name) for name in facts.figures.names)
        named = [(text, name) for text, name in sums if text][:_FIGURES]
        tiles += [tile("", text, cut(name, _NAME)) for text, name in named]
    bar = share((label, counts[label.name]) for label in used)
    return (
        f'<section aria-label="At a glance"><p class="verdict">{_verdict(counts)}</p>'
        f'{bar}<div class="tiles">{"".join(tiles)}</div></section>'
    )


def _verdict(counts: Counter[str]) -> str:
    out, all_ = counts[_PUBLISHED.name], sum(counts.values())
    if not all_:
        return "The campaign has no posts yet."
    if out == all_:
        return "The post is published." if all_ == 1 else f"All {all_:,} posts are published."
    to_come = sum(counts[label.name] for label in (_SCHEDULED, _DRAFT, _PLANNED))
    parts = [
        f"{out:,} of {counted(all_, 'post')} published",
        f"{to_come:,} to come" if to_come else "",
        f"{counts[_NOT_PUBLISHED.name]:,} not published" if counts[_NOT_PUBLISHED.name] else "",
    ]
    return f"{', '.join(filter(None, parts))}."


def _channel(facts: Facts, row: RowRecord) -> str:
    """The name of a channel; a provider that stands for it as people write it."""
    name = facts.channel(row)
    provider = PROVIDERS.get(name.casefold())
    return name if provider is None else provider.name.partition(" (")[0]


def _channels(facts: Facts, posts: Sequence[_Post]) -> str:
    by_channel: dict[str, Counter[str]] = {}
    for post in posts:
        by_channel.setdefault(_channel(facts, post.row), Counter())[post.label.name] += 1
    if len(by_channel) < 2:
        return ""
    names = [label.name for label in _LABELS if any(c[label.name] for c in by_channel.values())]
    columns = [CardColumn("channel", "w"), *(CardColumn(name, "n f") for name in names)]
    lines = (
        ("", [cut(name, _NAME), *(f"{counts[each]:,}" if counts[each] else "" for each in names)])
        for name, counts in sorted(by_channel.items(), key=lambda item: item[0].casefold())
    )
    return f"<section><h2>Channels</h2>{cards('Posts by channel', columns, lines)}</section>"


def _posts(facts: Facts, posts: Sequence[_Post], picture: Callable[[str], str]) -> str:
    if not posts:
        return ""
    groups = [list(group) for _, group in groupby(posts, key=lambda post: post.content)]
    parts: list[str] = []
    month = ""
    for group in groups[:LISTED]:
        at = facts.at(group[0].row.seconds)
        if f"{at:%B %Y}" != month:
            month = f"{at:%B %Y}"
            parts.append(f'<h3 class="month">{month}</h3>')
        parts.append(_post(facts, group, picture))
    if len(groups) > LISTED:
        parts.append(f'<p class="note">The first {LISTED:,} of {len(groups):,} posts.</p>')
    return f"<section><h2>Posts</h2>{''.join(parts)}</section>"


def _post(facts: Facts, group: Sequence[_Post], picture: Callable[[str], str]) -> str:
    """A post as readers see it, and where it is."""
    first = group[0]
    parts = 0 if first.said is None else len(first.said.thread)
    thread = f'<p class="note">and {counted(parts, "more part")} of the thread</p>' if parts else ""
    text = safe(first.text.strip())
    text = f'<p class="said" dir="auto">{text}</p>' if text else ""
    where = "".join(_where(facts, post) for post in group)
    return (
        f'<article class="post">{_media(first, picture)}<div><h4>'
        f"{facts.moment(first.row.seconds)}</h4>{text}{thread}"
        f'<ul class="where">{where}</ul></div></article>'
    )


def _media(post: _Post, picture: Callable[[str], str]) -> str:
    alts = () if post.said is None else post.said.alt
    shown: list[str] = []
    for place, name in enumerate(post.media):
        if is_video(name):
            shown.append('<span class="video">▶ Video</span>')
        elif len(shown) < _PICTURES and (source := picture(name)):
            alt = safe(alts[place]) if place < len(alts) else ""
            shown.append(f'<img src="{source}" alt="{alt}">')
    more = len(post.media) - _PICTURES
    rest = f'<span class="note">and {more} more</span>' if more > 0 else ""
    return f'<div class="media">{"".join(shown[:_PICTURES])}{rest}</div>' if shown else ""


def _where(facts: Facts, post: _Post) -> str:
    channel = cut(_channel(facts, post.row), _NAME)
    link = state_chip(post.label, post.row.link, f" on {_channel(facts, post.row)}")
    figures = "".join(_figures(facts, post.row))
    return f"<li>{channel} {link}{figures}</li>"


def _figures(facts: Facts, row: RowRecord) -> Iterator[str]:
    if facts.figures is None:
        return
    known = facts.figures.of(row.post_id)
    for name in facts.figures.names[:_FIGURES]:
        if name in known:
            yield f' <span class="figure"><b>{number(known[name])}</b> {cut(name, _NAME)}</span>'
