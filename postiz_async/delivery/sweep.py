"""What became of stored rows since: the journal held against a list of posts. PURE.

| journal | server                                  | finding                            |
|---------|-----------------------------------------|------------------------------------|
| a post  | listed, same date                       | FINE                               |
| a post  | listed elsewhere, or milliseconds gone  | MOVED, with its date               |
| a post  | nowhere, but another one has our mark   | ADOPTED                            |
| a post  | nowhere                                 | DELETED                            |
| no post | one has our mark                        | ADOPTED                            |
| any     | a further one has our mark              | DOUBLED, perhaps to be deleted     |
| any     | an equal one without our mark           | EQUAL                              |
| any     | the channel is gone                     | HIDDEN: nothing of it is listed    |

Nothing of it is ever sent again. Only a double is deleted, and only when it is surely ours,
untouched and not due soon.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from postiz_async.delivery.marks import CLIENT_REF
from postiz_async.delivery.matching import is_post
from postiz_async.resources.finding import same_text, stored_at
from postiz_async.wire import parse_date

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from postiz_async.delivery.records import RowRecord, SentRequest
    from postiz_async.models.posts import Post, PostItem

__all__ = [
    "DUE_SOON",
    "Fate",
    "Intent",
    "Suspect",
    "Verdict",
    "intents",
    "lacking_tags",
    "suspects",
    "sweep",
]

DUE_SOON = timedelta(minutes=10)
"""Before its date a post is not touched any more: it may be published now."""

_UNPUBLISHED = {"QUEUE", "DRAFT"}


class Fate(StrEnum):
    """What a look at the server shows of a row or of one more post."""

    FINE = "fine"
    MOVED = "moved"
    DELETED = "deleted"
    ADOPTED = "adopted"
    DOUBLED = "doubled"
    EQUAL = "equal"
    HIDDEN = "hidden"


@dataclass(frozen=True, slots=True)
class Intent:
    """One post of one request of ours, as it was sent."""

    ref: str
    request: int
    moment: datetime
    item: PostItem
    short_link: bool
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The fate of a row, and the post that it is about.

    `put_at` is only of a MOVED: where it was put. `may_delete` is only of a DOUBLED: `post` is
    the one too many.
    """

    fate: Fate
    ref: str
    post: Post | None = None
    put_at: datetime | None = None
    may_delete: bool = False


@dataclass(frozen=True, slots=True)
class Suspect:
    """A post that may lack its thread or its publishing job: the last that is found of a request.

    `place` is its place in the request.
    """

    ref: str
    sent: SentRequest
    place: int
    post: Post


def intents(requests: Iterable[SentRequest]) -> list[Intent]:
    """All posts that were ever sent, oldest first."""
    return [
        Intent(ref, sent.id, moment, item, sent.body.short_link, tags)
        for sent in requests
        for moment in [parse_date(sent.body.date)]
        for tags in [tuple(tag.label for tag in sent.body.tags)]
        for ref, item in zip(sent.refs, sent.body.posts, strict=True)
    ]


def sweep(
    rows: Iterable[RowRecord],
    sent: Sequence[Intent],
    listed: Iterable[Post],
    *,
    channels: Collection[str],
    now: datetime,
) -> list[Verdict]:
    """Hold rows against what is listed.

    Args:
        rows: of the journal.
        sent: see `intents`.
        listed: posts around the dates of the rows, and wherever the missing ones may be.
        channels: ids of those that exist; of others nothing is listed.
        now: the time of the server.

    Returns:
        At most one verdict for each row that was ever sent, then those on further posts.
    """
    by_ref: dict[str, RowRecord] = {row.ref: row for row in rows}
    look = _Look({post.id: post for post in listed}, by_ref, sent, now)
    verdicts: list[Verdict] = []
    extras: list[Verdict] = []
    for ref, tries in look.tries.items():
        if not any(try_.item.integration.id in channels for try_ in tries):
            if by_ref[ref].post_id is not None:
                verdicts.append(Verdict(Fate.HIDDEN, ref))
            continue
        kept = look.own(ref)
        others = look.marked[ref]
        if kept is not None:
            verdicts.append(look.own_verdict(by_ref[ref], kept))
        elif others:
            kept, *others = others
            verdicts.append(Verdict(Fate.ADOPTED, ref, kept))
        elif by_ref[ref].post_id is not None:
            verdicts.append(Verdict(Fate.DELETED, ref))
        extras += look.doubles(ref, kept, others)
    return [*verdicts, *extras, *look.equals()]


def suspects(
    verdicts: Iterable[Verdict],
    requests: Iterable[SentRequest],
    rows: Mapping[str, RowRecord],
) -> list[Suspect]:
    """Which of the posts that are adopted may be half made, see `mending`.

    The posts of a request are made one after another, so all but the last that is there are whole.
    """
    adopted = {v.ref: v.post for v in verdicts if v.fate is Fate.ADOPTED and v.post is not None}
    found: list[Suspect] = []
    for sent in requests:
        moment = parse_date(sent.body.date)
        for place, ref in reversed(list(enumerate(sent.refs))):
            row, post = rows.get(ref), adopted.get(ref)
            if post is not None and stored_at(post) == moment:
                found.append(Suspect(ref, sent, place, post))
                break
            if row is not None and row.post_id is not None and row.request == sent.id:
                break
    return found


def lacking_tags(verdicts: Iterable[Verdict], sent: Iterable[Intent]) -> Counter[str]:
    """Tags that posts were sent with and do not have, with the number of those posts.

    Postiz drops tags that it does not know, and no route lists those that it knows.
    """
    wanted = {intent.ref: intent.tags for intent in sent}
    lacking: Counter[str] = Counter()
    for verdict in verdicts:
        if verdict.post is not None and verdict.fate in {Fate.FINE, Fate.ADOPTED}:
            there = {tag.tag.name for tag in verdict.post.tags}
            lacking.update(set(wanted.get(verdict.ref, ())) - there)
    return lacking


@dataclass(slots=True)
class _Look:
    """The posts by id, and which of them carry a mark of which row beside its own post."""

    posts: dict[str, Post]
    rows: dict[str, RowRecord]
    sent: Sequence[Intent]
    now: datetime
    tries: dict[str, list[Intent]] = field(default_factory=dict[str, list[Intent]])
    marked: defaultdict[str, list[Post]] = field(
        default_factory=lambda: defaultdict[str, list["Post"]](list)
    )
    foreign: list[Post] = field(default_factory=list["Post"])

    def __post_init__(self) -> None:
        by_moment: defaultdict[datetime, list[Intent]] = defaultdict(list)
        for intent in self.sent:
            if intent.ref in self.rows:
                self.tries.setdefault(intent.ref, []).append(intent)
                if CLIENT_REF in intent.item.settings:  # what was adopted bears no mark of ours
                    by_moment[intent.moment].append(intent)
        known = {row.post_id for row in self.rows.values()}
        for post in sorted(self.posts.values(), key=lambda post: post.id):
            if post.id in known:
                continue
            ref = self._owner(post, by_moment.get(stored_at(post), []))
            if ref is None:
                self.foreign.append(post)
            else:
                self.marked[ref].append(post)

    def own(self, ref: str) -> Post | None:
        """The listed post that the journal knows as this row's."""
        return self.posts.get(self.rows[ref].post_id or "")

    def own_verdict(self, row: RowRecord, post: Post) -> Verdict:
        """Whether a row's post is where its request put it, to the millisecond."""
        tries = self.tries[row.ref]
        put = next((i.moment for i in tries if i.request == row.request), tries[-1].moment)
        if stored_at(post) == put:
            return Verdict(Fate.FINE, row.ref, post)
        return Verdict(Fate.MOVED, row.ref, post, put_at=put)

    def doubles(self, ref: str, kept: Post | None, others: Sequence[Post]) -> Iterator[Verdict]:
        """The posts that are one too many."""
        for post in others:
            group = kept.group if kept is not None else None
            may_delete = post.group not in {None, group} and self._is_untouched(ref, post)
            yield Verdict(Fate.DOUBLED, ref, post, may_delete=may_delete)

    def equals(self) -> Iterator[Verdict]:
        """Posts of others that say the same as a row, on its channel in its second."""
        by_second: defaultdict[tuple[str, datetime], list[Intent]] = defaultdict(list)
        for tries in self.tries.values():
            last = tries[-1]
            by_second[last.item.integration.id, _second(last.moment)].append(last)
        for post in self.foreign:
            channel = post.integration.id if post.integration is not None else ""
            alike = by_second.get((channel, _second(stored_at(post))), [])
            twin = next((intent for intent in alike if _says(intent, post)), None)
            if twin is not None:
                yield Verdict(Fate.EQUAL, twin.ref, post)

    def _owner(self, post: Post, there: Sequence[Intent]) -> str | None:
        """The row whose mark a post carries: first one that misses its post, then any."""
        fits = [i for i in there if is_post(i.item, post, short=i.short_link)]
        fits.sort(key=lambda i: (self._has_post(i.ref), not _says(i, post)))
        return fits[0].ref if fits else None

    def _has_post(self, ref: str) -> bool:
        return self.own(ref) is not None or bool(self.marked.get(ref))

    def _is_untouched(self, ref: str, post: Post) -> bool:
        return (
            post.state in _UNPUBLISHED
            and stored_at(post) > self.now + DUE_SOON
            and any(
                not intent.short_link and intent.moment == stored_at(post) and _says(intent, post)
                for intent in self.tries[ref]
            )
            # without either mark it may be somebody else's equal post
            and (post.settings is not None or stored_at(post).microsecond > 0)
        )


def _says(intent: Intent, post: Post) -> bool:
    return same_text(intent.item.value[0].content, post.content, short_link=intent.short_link)


def _second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
