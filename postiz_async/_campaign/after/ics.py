"""Write a campaign, or stored posts, as a calendar file (RFC 5545). PURE.

A post is a moment and takes no time, so an event has no end and leaves the calendar free. Dates are
in UTC; calendar programs convert them to local time. An event keeps its UID as long as the row
keeps its ref, or the post its id: a file that is imported again moves events and does not double
them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from postiz_async._campaign.read.rows import Row
from postiz_async.models.channels import Channel
from postiz_async.models.posts import Post, PostChannel
from postiz_async.texts import preview

_LINE = 75
"""Octets of a line at most; a longer one is folded: a line break and a space."""

_SUMMARY = 60
"""Characters of a text in the title of an event, at most."""

_ENDLESS = 10**9
"""A length limit larger than any text, because networks' limits are checked elsewhere."""

_ESCAPED = {"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n", "\t": "\t"}
_ESCAPES = str.maketrans({chr(code): "" for code in [*range(32), 127]} | _ESCAPED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A post in a calendar. `repeat_days` is the interval of an endless repetition."""

    ref: str
    date: datetime
    channel: str
    text: str
    tags: tuple[str, ...] = ()
    is_draft: bool = False
    repeat_days: int | None = None


def event_of(row: Row, channel: Channel) -> Event:
    """A row as an event, with its texts as the network shows them."""
    parts = [preview(part, channel.provider, limit=_ENDLESS).text for part in row.contents]
    return Event(
        ref=row.ref,
        date=row.date,
        channel=channel.name or channel.provider,
        text="\n\n".join(part for part in parts if part),
        tags=row.tags,
        is_draft=row.type == "draft",
        repeat_days=row.repeat_days,
    )


def event_of_post(post: Post) -> Event:
    """A stored post as an event."""
    channel = post.channel or PostChannel(id="")
    return Event(
        ref=post.id,
        date=post.publish_date,
        channel=channel.name or channel.provider,
        text=post.text,
        tags=tuple(post.tags),
        is_draft=post.state == "DRAFT",
        repeat_days=post.interval_in_days,
    )


def calendar_file(name: str, events: Iterable[Event], *, made_at: datetime) -> str:
    """The text of a calendar file, with CRLF line breaks.

    Args:
        name: the name of the campaign, or of the calendar.
        events: in any order.
        made_at: now.
    """
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//postiz-async//campaign//EN",
        f"X-WR-CALNAME:{_text(name)}",
    ]
    for event in sorted(events, key=lambda event: (event.date, event.ref)):
        lines.extend(_lines(event, name, made_at))
    lines.append("END:VCALENDAR")
    return "".join(f"{piece}\r\n" for line in lines for piece in _folded(line))


def _lines(event: Event, campaign: str, made_at: datetime) -> Iterator[str]:
    first = next((line.strip() for line in event.text.splitlines() if line.strip()), "")
    title = first if len(first) <= _SUMMARY else first[: _SUMMARY - 1] + "…"
    yield "BEGIN:VEVENT"
    yield f"UID:{_text(f'{event.ref}@{campaign}')}"
    yield f"DTSTAMP:{_moment(made_at)}"
    yield f"DTSTART:{_moment(event.date)}"
    yield f"SUMMARY:{_text(f'{event.channel}: {title}' if title else event.channel)}"
    if event.text:
        yield f"DESCRIPTION:{_text(event.text)}"
    if event.tags:
        yield f"CATEGORIES:{','.join(map(_text, event.tags))}"
    if event.repeat_days is not None:
        yield f"RRULE:FREQ=DAILY;INTERVAL={event.repeat_days}"
    yield f"STATUS:{'TENTATIVE' if event.is_draft else 'CONFIRMED'}"
    yield "TRANSP:TRANSPARENT"
    yield "END:VEVENT"


def _text(value: str) -> str:
    """A value of type TEXT: escaped, without forbidden characters."""
    lines = value.replace("\r\n", "\n").replace("\r", "\n")
    return lines.encode("utf-8", "replace").decode().translate(_ESCAPES)


def _moment(date: datetime) -> str:
    return f"{date.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _folded(line: str) -> Iterator[str]:
    """Fold a long line without splitting a character."""
    piece, size = "", 0
    for character in line:
        width = len(character.encode())
        if size + width > _LINE:
            yield piece
            piece, size = " ", 1
        piece, size = piece + character, size + width
    yield piece
