"""Find rows that are in Postiz already, sent by any run or host, or made by hand. PURE.

A post is certainly a row's when it bears the row's `client_ref`; where the server lists none, when
it is dated to the exact millisecond of a request in which the row was sent. Any other post with its
channel, second and text may be somebody else's: then the user decides.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from postiz_async._campaign.journal.rows import ADOPTED, ADOPTED_UNSURE, Copy, RowRecord
from postiz_async._campaign.options import Existing
from postiz_async._campaign.plan.row_state import name_of
from postiz_async._campaign.read.rows import Row
from postiz_async._campaign.run.conditions import Intent
from postiz_async._delivery.matching import CLIENT_REF, listed_ref, row_ref
from postiz_async._delivery.outcomes import RowState
from postiz_async._resources.matching import same_text, stored_at
from postiz_async._wire import format_date
from postiz_async.errors import by_reader, row_ranges
from postiz_async.models.channels import Channel
from postiz_async.models.posts import ChannelRef, ContentItem, Post, PostItem, PostRequest
from postiz_async.texts import render


@dataclass(frozen=True, slots=True)
class Past:
    """Posts and requests that a journal accounts for; empty while there is no journal.

    `post_ids` belong to its rows, `copies` are posts that stay beside them, `sent` are its
    requests.
    """

    campaign: str
    post_ids: frozenset[str] = frozenset()
    copies: tuple[Copy, ...] = ()
    sent: tuple[Intent, ...] = ()


class ClientRefs:
    """The `client_ref` of each row of a campaign.

    Args:
        past: what the journal of the campaign accounts for.
        rows: the rows of the campaign.
        channels: the known channels, by ref.
    """

    def __init__(self, past: Past, rows: Sequence[Row], channels: Mapping[str, Channel]) -> None:
        self.channels = channels
        self._rows = rows
        self._campaign = past.campaign
        self._taken = {(copy.ref, copy.mark) for copy in past.copies}
        self._all: frozenset[str] | None = None

    def __call__(self, row: Row) -> str:
        """The mark for the post of a row, different from those of copies beside it."""
        channel = self.channels[row.ref].id
        texts = (row.format, row.content, *row.thread)
        made = partial(row_ref, channel=channel, date=row.asked_for.isoformat(), texts=texts)
        for copy in itertools.count(1):
            mark = made(self._campaign, row.ref, copy=copy)
            if (row.ref, mark) not in self._taken:
                return mark
        raise AssertionError("itertools.count ended")

    def leave(self, copies: Iterable[Copy]) -> None:
        """Note posts that stay beside those of rows."""
        self._taken.update((copy.ref, copy.mark) for copy in copies)
        self._all = None

    @property
    def all(self) -> frozenset[str]:
        """The marks of all rows of the campaign."""
        if self._all is None:
            rows = (row for row in self._rows if row.ref in self.channels)
            self._all = frozenset(map(self, rows))
        return self._all


@dataclass(slots=True)
class StoredRows:
    """Posts found for rows, by ref, the first stored first: certain ones, and merely equal ones."""

    ours: dict[str, list[Post]] = field(default_factory=dict[str, list["Post"]])
    equal: dict[str, list[Post]] = field(default_factory=dict[str, list["Post"]])
    others: list[Post] = field(default_factory=list["Post"])
    """Posts that belong to no row of the campaign."""

    @property
    def is_something(self) -> bool:
        """Whether any post was found for a row."""
        return bool(self.ours or self.equal)


def find_rows(
    rows: Sequence[Row],
    listed: Iterable[Post],
    *,
    client_refs: ClientRefs,
    past: Past,
    align: timedelta = timedelta(0),
) -> StoredRows:
    """Find posts of rows that the journal does not call stored.

    Args:
        rows: the rows of the campaign.
        listed: posts around the dates of the rows.
        client_refs: the marks of the campaign.
        past: posts that the journal accounts for are not matched with rows.
        align: how far dates may move.
    """
    gone = past.post_ids | {copy.post_id for copy in past.copies}
    posts = {p.id: p for p in sorted(listed, key=lambda p: p.id) if p.id not in gone}
    found = StoredRows()
    if not posts:
        return found
    by_mark = {client_refs(row): row.ref for row in rows}
    refs = {row.ref for row in rows}
    written: defaultdict[datetime, list[Intent]] = defaultdict(list)
    for intent in past.sent:
        written[intent.moment].append(intent)
    for post in list(posts.values()):
        ref = by_mark.get(listed_ref(post.settings))
        if ref is None and post.settings is None:
            fits = (i.ref for i in written[stored_at(post)] if i.equals(post))
            ref = next((each for each in fits if each in refs and each not in found.ours), None)
        if ref is not None:
            found.ours.setdefault(ref, []).append(post)
            del posts[post.id]
    rest = [
        post
        for post in posts.values()  # what is certainly another row's is not this one's
        if not any(intent.equals(post) for intent in written[stored_at(post)])
        and (post.settings is None or listed_ref(post.settings) not in client_refs.all)
    ]
    missing = [row for row in rows if row.ref not in found.ours]
    while there := already_there(missing, client_refs.channels, rest, align):
        taken = {post.id for post in there.values()}
        rest = [post for post in rest if post.id not in taken]
        for ref, post in there.items():
            found.equal.setdefault(ref, []).append(post)
    found.others = rest
    return found


@dataclass(slots=True)
class Decision:
    """How to treat rows that are in Postiz.

    `take` has the post to adopt for a row, and whether it is certainly the row's; `leave` the posts
    beside which a row is sent once more; `ask` the refs of rows that need a decision by the user.
    """

    take: dict[str, tuple[Post, bool]] = field(default_factory=dict[str, "tuple[Post, bool]"])
    leave: list[Copy] = field(default_factory=list["Copy"])
    ask: list[str] = field(default_factory=list[str])


def decide(
    found: StoredRows, existing: Existing, *, known: Collection[str], to_send: Collection[str]
) -> Decision:
    """Decide how to treat rows that are in Postiz.

    Args:
        found: the posts of the rows.
        existing: the user's choice for posts that may be somebody else's, and for rows that no
            journal knows.
        known: refs that the journal knows; their certain posts are adopted without asking.
        to_send: refs that would be sent; for other refs only certain posts count.
    """
    decision = Decision()
    for ref in dict.fromkeys((*found.ours, *found.equal)):
        ours, equal = found.ours.get(ref, []), found.equal.get(ref, [])
        if ours and (ref in known or existing == "adopt"):
            decision.take[ref] = ours[0], True
        elif ref not in to_send:
            continue
        elif existing == "adopt":
            decision.take[ref] = equal[0], False
        elif existing == "again":
            copies = (Copy(post.id, ref, listed_ref(post.settings)) for post in (*ours, *equal))
            decision.leave.extend(copies)
        else:
            decision.ask.append(ref)
    return decision


def already_there(
    rows: Iterable[Row],
    channels: Mapping[str, Channel],
    listed: Iterable[Post],
    align: timedelta = timedelta(0),
) -> dict[str, Post]:
    """Match rows that seem to be stored with listed posts, by ref; each post is matched once.

    A match has the same channel and second, and the text as the server keeps it; if dates may move,
    the nearest date in the allowed range. Rows of type `now` have no date to match.
    """
    rows, listed = list(rows), list(listed)
    by_channel: defaultdict[str, list[tuple[datetime, Post]]] = defaultdict(list)
    for post in listed:
        if post.channel is not None:
            second = stored_at(post).replace(microsecond=0)
            by_channel[post.channel.id].append((second, post))
    for posts in by_channel.values():
        posts.sort(key=_place)
    there: dict[str, Post] = {}
    taken: set[str] = set()
    for row in sorted(rows, key=lambda row: may_move(row, align)):
        channel = channels[row.ref]
        posts = by_channel.get(channel.id, []) if row.type != "now" else []
        slack = may_move(row, align)
        first = bisect_left(posts, row.date - slack, key=_second)
        last = bisect_right(posts, row.date + slack, key=_second)
        near = posts[first:last]
        sent = render(row.body, channel.provider) if near else ""
        near.sort(key=lambda p: abs(p[0] - row.date))
        for _, post in near:
            is_same = same_text(sent, post.content, short_link=row.short_link)
            if is_same and post.id not in taken:
                there[row.ref] = post
                taken.add(post.id)
                break
    return there


def may_move(row: Row, align: timedelta) -> timedelta:
    """How far the date of a row may be from the date in the campaign."""
    if row.type != "schedule":
        return timedelta(0)
    return align if row.tolerance is None else row.tolerance


def _second(placed: tuple[datetime, Post]) -> datetime:
    return placed[0]


def _place(placed: tuple[datetime, Post]) -> tuple[datetime, str]:
    return placed[0], placed[1].id


def explain_existing_posts(
    there: Collection[str],
    rows: Iterable[Row],
    journal: object,
    *,
    known: Collection[str],
    is_new: bool,
) -> str:
    """Explain why a run stops before rows that are in Postiz already, with the two ways out.

    Args:
        there: refs of the rows.
        rows: the rows of the campaign.
        journal: the path of the journal, for messages.
        known: refs of the rows that the journal knows.
        is_new: there is no journal yet.
    """
    numbers = [row.number for row in rows if row.ref in there]
    who = f"no ref in the journal {journal} is theirs"
    if is_new:
        who = f"there is no journal {journal} that knows of it"
    elif any(ref in known for ref in there):
        who = (
            f"the journal {journal} does not know these posts: another run stored them, or "
            "somebody else did"
        )
    adopt = by_reader("--adopt", 'existing="adopt"')
    again = by_reader("--again", 'existing="again"')
    is_one = len(numbers) == 1
    are, were, them = ("row is", "It was", "it") if is_one else ("rows are", "They were", "them")
    return (
        f"{len(numbers):,} {are} in Postiz already ({row_ranges(numbers)}: same channel, second "
        f"and text), and {who}. {were} not sent. "
        f"Take {them} over as stored with {adopt}, or send {them} once more with {again}."
    )


@dataclass(frozen=True, slots=True)
class Taken:
    """A post that is adopted for a row.

    `is_ours`: a run certainly stored the row as this post. `is_whole`: the post is certainly
    complete. `version` is the version of the row before the post was listed; a later one in the
    journal is newer than the list.
    """

    row: Row
    post: Post
    channel: Channel
    is_ours: bool
    is_whole: bool
    version: int = 0


def adopted_record(taken: Taken) -> RowRecord:
    """The journal's record of a row whose post is adopted."""
    row, post, channel = taken.row, taken.post, taken.channel
    return RowRecord(
        row.ref,
        row.number,
        row.fingerprint,
        channel.id,
        stored_at(post).timestamp(),
        RowState.STORED,
        post_id=post.id,
        note=ADOPTED if taken.is_whole or not taken.is_ours else ADOPTED_UNSURE,
        name=name_of(row, channel),
        asked_seconds=_asked_for(row, stored_at(post)),
        said=row.said.write(),
        version=taken.version,
    )


def _asked_for(row: Row, there: datetime) -> float | None:
    asked = row.asked_for
    is_there = asked.replace(microsecond=0) == there.replace(microsecond=0)
    return None if is_there else asked.timestamp()


def adopted_body(taken: Taken) -> PostRequest:
    """The equivalent create request of an adopted post, with the mark that the post bears."""
    row, post, channel = taken.row, taken.post, taken.channel
    mark = listed_ref(post.settings) if taken.is_ours else ""
    value = [ContentItem(content=post.content)]
    if mark:  # as the campaign has it, so that an edit in Postiz is seen as one
        value = [ContentItem(content=render(text, channel.provider)) for text in row.contents]
    item = PostItem(
        channel=ChannelRef(id=channel.id),
        value=value,
        settings={CLIENT_REF: mark} if mark else {},
    )
    date = format_date(stored_at(post))
    return PostRequest(type=row.type, date=date, posts=[item], short_link=row.short_link)
