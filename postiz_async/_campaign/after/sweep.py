"""Compare stored rows of a journal with a list of posts, and write the findings into them. PURE.

| journal | server                                  | finding                            |
|---------|-----------------------------------------|------------------------------------|
| a post  | listed, same date                       | nothing                            |
| a post  | listed elsewhere, or milliseconds gone  | EDITED, with its date              |
| a post  | a draft, and was not to be one          | DRAFT                              |
| a post  | nowhere, but another one has our mark   | nothing: that one is adopted       |
| a post  | listed, and to be deleted as a double   | nothing: the one that stays is     |
| a post  | nowhere                                 | DELETED                            |
| no post | one has our mark                        | nothing: it is adopted             |
| any     | a further one has our mark              | DOUBLED, perhaps to be deleted     |
| any     | an equal one without our mark           | EQUAL                              |
| any     | the channel is gone                     | HIDDEN: nothing of it is listed    |
| a post  | as it was put, but lacks a tag          | UNTAGGED: Postiz did not know it   |

Nothing is sent again. Only a double is deleted, and only when it certainly bears our mark, nobody
edited it, and it is not due soon.

Several hosts may run a campaign, each with a journal of its own, and sweep at the same time. So
which post of a row stays does not depend on the journal: of those that bear its mark, the one that
was stored first (the lowest id). That one is never deleted, so that two hosts cannot delete each
other's posts. Where the server lists no marks (up to v2.23.0) nothing is deleted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from msgspec import structs

from postiz_async._campaign.journal.rows import UNSURE, Finding, RowRecord, day_and_time
from postiz_async._campaign.run.conditions import Intent, are_whole, was_made_draft
from postiz_async._delivery.matching import CLIENT_REF, is_post, listed_ref
from postiz_async._delivery.outcomes import FOUND, FOUND_UNSURE, RowState, SentRequest
from postiz_async._resources.matching import is_on, stored_at
from postiz_async._wire import format_date, parse_date
from postiz_async.models.posts import Post

DUE_SOON = timedelta(minutes=10)
"""How long before its date a post is not touched any more, because it may be published now."""

_UNPUBLISHED = {"QUEUE", "DRAFT"}


@dataclass(frozen=True, slots=True)
class SweepResult:
    """What was found of a row, and the post that it is about.

    `is_adopted`: the row takes this post over, and nothing else was found. `put_at` is the original
    date of an EDITED post. `may_delete` is only for DOUBLED: `post` is the second one. `tags` are
    those that an UNTAGGED post was sent with and does not have.
    """

    finding: Finding
    ref: str
    post: Post | None = None
    is_adopted: bool = False
    put_at: datetime | None = None
    may_delete: bool = False
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Suspect:
    """A post that may lack its thread or publishing job: the last one found of a request.

    `place` is its place in the request.
    """

    ref: str
    sent: SentRequest
    place: int
    post: Post


def sweep(
    rows: Iterable[RowRecord],
    sent: Sequence[Intent],
    listed: Iterable[Post],
    *,
    channels: Collection[str],
    now: datetime,
    copies: Collection[str] = (),
) -> list[SweepResult]:
    """Compare rows with listed posts.

    Args:
        rows: rows of the journal.
        sent: see `intents`.
        listed: posts around the dates of the rows, and at possible dates of missing ones.
        channels: ids of existing channels; posts of others are not listed.
        now: the server's time.
        copies: ids of posts that equal those of rows and shall stay beside them.

    Returns:
        At most one result for each row that was ever sent, then those on further posts and tags.
    """
    by_ref: dict[str, RowRecord] = {row.ref: row for row in rows}
    posts = {post.id: post for post in listed if post.id not in copies}
    look = _Look(posts, by_ref, sent, now)
    results: list[SweepResult] = []
    extras: list[SweepResult] = []
    for ref, tries in look.tries.items():
        if not any(try_.item.channel.id in channels for try_ in tries):
            if by_ref[ref].post_id is not None:
                results.append(SweepResult(Finding.HIDDEN, ref))
            continue
        own, first = look.own(ref), next(iter(look.marked[ref]), None)
        is_surplus = own is not None and look.may_delete(ref, own, first)
        kept = first if own is None or is_surplus else own
        if kept is None:
            if by_ref[ref].post_id is not None:
                results.append(SweepResult(Finding.DELETED, ref))
            continue
        result = SweepResult(Finding.NOTHING, ref, kept, is_adopted=True)
        if kept is own:
            result = look.own_result(by_ref[ref], kept)
        results.append(result)
        tags = lacking_tags(tries[-1].tags, kept)
        if tags and not result.finding:
            extras.append(SweepResult(Finding.UNTAGGED, ref, kept, tags=tags))
        extras += (
            SweepResult(Finding.DOUBLED, ref, post, may_delete=look.may_delete(ref, post, first))
            for post in look.all_of(ref)
            if post is not kept
        )
    return [*results, *extras, *look.equals()]


def suspects(
    results: Iterable[SweepResult],
    requests: Iterable[SentRequest],
    rows: Mapping[str, RowRecord],
    listed: Iterable[Post] = (),
) -> list[Suspect]:
    """Adopted posts that may be incomplete, see `repair`.

    The posts of a request are created one after another, so only the last existing one may be
    incomplete.
    """
    said = {result.ref: result for result in results if not result.finding}
    adopted = {ref: v.post for ref, v in said.items() if v.is_adopted and v.post}
    found: dict[str, Suspect] = {}
    last: dict[str, tuple[SentRequest, int]] = {}
    for sent in requests:
        moment = parse_date(sent.body.date)
        last |= {ref: (sent, place) for place, ref in enumerate(sent.refs)}
        for place, ref in reversed(list(enumerate(sent.refs))):
            row, post = rows.get(ref), adopted.get(ref)
            if post is not None and stored_at(post) == moment:
                found[ref] = Suspect(ref, sent, place, post)
                break
            if row is not None and row.post_id is not None and row.request == sent.id:
                break
    own = {row.post_id for row in rows.values() if row.note not in UNSURE}
    whole = are_whole(listed, own)
    moments = {parse_date(sent.body.date) for sent, _ in last.values()}
    for ref, result in said.items():
        post, row = result.post, rows[ref]
        is_new = post is not None and result.is_adopted and stored_at(post) not in moments
        if post is None or post.id in whole or not (is_new or row.note in UNSURE):
            continue
        sent, place = last[ref]
        body = structs.replace(sent.body, date=format_date(stored_at(post)))
        found.setdefault(ref, Suspect(ref, replace(sent, body=body), place, post))
    return list(found.values())


def lacking_tags(sent: Iterable[str], post: Post) -> tuple[str, ...]:
    """The tags that a post was sent with and does not have.

    Postiz drops tags that it does not know, and no route lists those that it knows.
    """
    return tuple(sorted(set(sent).difference(post.tags)))


@dataclass(slots=True)
class _Look:
    """The posts by id, and the rows whose marks further posts carry."""

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
        by_mark: dict[object, list[Intent]] = {}
        for intent in self.sent:
            if intent.ref in self.rows:
                self.tries.setdefault(intent.ref, []).append(intent)
                if CLIENT_REF in intent.item.settings:  # posts stored by others have no mark
                    by_moment[intent.moment].append(intent)
                    by_mark.setdefault(intent.item.settings[CLIENT_REF], []).append(intent)
        known = {row.post_id for row in self.rows.values()}
        for post in sorted(self.posts.values(), key=lambda post: post.id):
            mark = listed_ref(post.settings)
            if post.settings is None:
                if post.id in known:
                    continue
                ref = self._owner(post, by_moment.get(stored_at(post), []))
            else:
                ref = next((i.ref for i in by_mark.get(mark, ()) if _is_of(i, post)), None)
            if ref is not None:
                self.marked[ref].append(post)
            elif post.id not in known:
                self.foreign.append(post)

    def own(self, ref: str) -> Post | None:
        """The listed post that the journal has for this row."""
        return self.posts.get(self.rows[ref].post_id or "")

    def own_result(self, row: RowRecord, post: Post) -> SweepResult:
        """Compare the date of a row's post with that of its request, to the millisecond.

        Other milliseconds are fine for another host's post of the row, and for one whose settings
        were changed by a process that died before it wrote this down.
        """
        tries, at = self.tries[row.ref], stored_at(post)
        put = next((i.moment for i in tries if i.request == row.request), tries[-1].moment)
        by_another_host = at.microsecond > 0 and any(post.id == p.id for p in self.marked[row.ref])
        is_put_so = by_another_host or any(i.moment == at for i in tries)
        if was_made_draft(row, post):
            return SweepResult(Finding.DRAFT, row.ref, post)
        if at == put or (is_put_so and _second(at) == _second(put)):
            return SweepResult(Finding.NOTHING, row.ref, post)
        return SweepResult(Finding.EDITED, row.ref, post, put_at=put)

    def all_of(self, ref: str) -> list[Post]:
        """The posts of a row, the first stored first."""
        own = self.own(ref)
        posts = {post.id: post for post in self.marked[ref]}
        return list(posts.values() if own is None else ({own.id: own} | posts).values())

    def may_delete(self, ref: str, post: Post, first: Post | None) -> bool:
        """Whether a post is a second one that may be deleted, because the first stays.

        The first one must be going to be published: somebody may have made it a draft.
        """
        if first is None or post.id == first.id or post.settings is None:
            return False
        if first.state not in {post.state, "PUBLISHED"}:
            return False
        is_marked = any(post.id == each.id for each in self.marked[ref])
        is_apart = post.group not in {None, first.group}
        return is_marked and is_apart and self._is_untouched(ref, post)

    def equals(self) -> Iterator[SweepResult]:
        """Posts of others with the text of a row, on its channel and in its second."""
        by_second: defaultdict[tuple[str, datetime], list[Intent]] = defaultdict(list)
        for tries in self.tries.values():
            last = tries[-1]
            by_second[last.item.channel.id, _second(last.moment)].append(last)
        for post in self.foreign:
            channel = post.channel.id if post.channel is not None else ""
            alike = by_second.get((channel, _second(stored_at(post))), [])
            equal = next((intent for intent in alike if intent.says(post)), None)
            if equal is not None:
                yield SweepResult(Finding.EQUAL, equal.ref, post)

    def _owner(self, post: Post, there: Sequence[Intent]) -> str | None:
        """The row whose mark a post carries: first one without a post, then any."""
        fits = [i for i in there if is_post(i.item, post, short=i.short_link)]
        has = {i.ref: bool(self.own(i.ref) or self.marked.get(i.ref)) for i in fits}
        fits.sort(key=lambda i: (has[i.ref], not i.says(post)))
        return fits[0].ref if fits else None

    def _is_untouched(self, ref: str, post: Post) -> bool:
        """Whether nobody edited a post, and it is not about to be published.

        The web page drops milliseconds, so a date with milliseconds was set by a program.
        """
        at = stored_at(post)
        return (
            post.state in _UNPUBLISHED
            and at > self.now + DUE_SOON
            and any(not i.short_link and i.says(post) for i in self.tries[ref])
            and (at.microsecond > 0 or any(i.moment == at for i in self.tries[ref]))
        )


def _is_of(intent: Intent, post: Post) -> bool:
    """Whether a post with the mark of a row is the row's own, not a copy that somebody made.

    It is at the row's date, even if edited, or has the same text at a date set by a program (see
    `_is_untouched`), such as another host that moved the date to share a request.
    """
    at = stored_at(post)
    is_there = is_on(intent.item.channel.id, post)
    is_then = _second(at) == _second(intent.moment)
    return is_there and (is_then or (at.microsecond > 0 and intent.says(post)))


def _second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)


# ------------------------------------------------------------------ in journal and report

SWEPT = (
    Finding.DOUBLED,
    Finding.DELETED,
    Finding.EQUAL,
    Finding.DRAFT,
    Finding.EDITED,
    Finding.HIDDEN,
    Finding.UNTAGGED,
    Finding.DEDUPLICATED,
)
"""The findings that a sweep sets and clears, the most important first."""


def with_findings(
    rows: Mapping[str, RowRecord],
    results: Iterable[SweepResult],
    *,
    removed: Collection[str] = (),
    unsure: Collection[str] = (),
) -> list[RowRecord]:
    """The rows that the results of a sweep change, with their findings.

    Args:
        rows: rows of the journal, by ref.
        results: see `sweep`.
        removed: ids of the doubles that were deleted.
        unsure: refs of rows whose adopted post may be incomplete.
    """
    by_ref: defaultdict[str, list[SweepResult]] = defaultdict(list)
    for result in results:
        by_ref[result.ref].append(result)
    notes = dict.fromkeys(unsure, FOUND_UNSURE)
    after = {
        ref: _found(rows[ref], found, removed, notes.get(ref, FOUND))
        for ref, found in by_ref.items()
    }
    return [row for ref, row in after.items() if row != rows[ref]]


def _found(
    row: RowRecord, results: Sequence[SweepResult], removed: Collection[str], note: str
) -> RowRecord:
    findings = [_finding(each, removed) for each in results if each.finding]
    texts = [text for result in results if (text := _remark(result, removed))]
    for result in results:
        row = _with_post(row, result, note)
    if findings:
        weightiest = min(findings, key=SWEPT.index)
        if weightiest is Finding.UNTAGGED and row.finding in {Finding.CHANGED, Finding.STUCK}:
            return row  # which matters more
        return replace(row, finding=weightiest, remark="; ".join(texts))
    if row.finding in SWEPT:
        return replace(row, finding=Finding.NOTHING, remark="")
    return row


def _finding(result: SweepResult, removed: Collection[str]) -> Finding:
    is_gone = result.finding is Finding.DOUBLED and result.post and result.post.id in removed
    return Finding.DEDUPLICATED if is_gone else result.finding


_OWN = {Finding.NOTHING, Finding.EDITED, Finding.DRAFT}
"""Findings whose post is the row's own."""


def _with_post(row: RowRecord, result: SweepResult, note: str) -> RowRecord:
    """The row with the post and date on the server; milliseconds that are marks do not count."""
    if result.post is None or result.finding not in _OWN:
        return row
    second = int(stored_at(result.post).timestamp())
    row = row if second == int(row.seconds) else replace(row, seconds=second)
    if result.is_adopted:
        return replace(row, state=RowState.STORED, post_id=result.post.id, note=note)
    if not result.finding and row.note in UNSURE and note == FOUND:
        return replace(row, note=UNSURE[row.note])
    return row


_REMARKS = {
    Finding.DELETED: "deleted in Postiz; it is not sent again",
    Finding.HIDDEN: "its channel is gone from Postiz, so it is not listed any more",
    Finding.DRAFT: "made a draft in Postiz: it does not come out until somebody schedules it",
}


def _remark(result: SweepResult, removed: Collection[str]) -> str:
    if result.finding in _REMARKS:
        return _REMARKS[result.finding]
    if result.tags:
        tags, them = ("tags", "them") if len(result.tags) > 1 else ("tag", "it")
        named = ", ".join(map(repr, result.tags))
        return (
            f"stored without the {tags} {named}: Postiz does not seem to know {them}; make {them} "
            f"there and add {them} to the post"
        )
    if result.post is None:
        return ""
    post = result.post
    if result.finding is Finding.EQUAL:
        return f"somebody else stored an equal post at the same moment: {post.id}; it is left alone"
    if result.finding is Finding.DOUBLED and post.id in removed:
        return f"was stored twice; {post.id} was deleted"
    if result.finding is Finding.DOUBLED:
        end = "the next run deletes it" if result.may_delete else "delete one of them in Postiz"
        return f"is stored twice, as {post.id} too; {end}"
    return _edited_text(result.put_at, stored_at(post)) if result.put_at else ""


def _edited_text(put_at: datetime, now_at: datetime) -> str:
    if put_at.replace(microsecond=0) == now_at.replace(microsecond=0):
        return "edited in Postiz; it is left as it is"
    return (
        f"moved in Postiz from {day_and_time(put_at)} to {day_and_time(now_at)}; it is left there"
    )
