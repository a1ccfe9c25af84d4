"""The journal of a campaign: the crash-safe state of every row and every request.

Each step is one transaction. A request is on the disk, with its marks, before its first byte is
sent, and its outcome after its answer (`requests`).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, TypeVar

import anyio
import anyio.to_thread
import msgspec

from postiz_async._campaign.journal.file import JournalFile
from postiz_async._campaign.journal.places import JournalPlace, OpenPlace
from postiz_async._campaign.journal.purposes import MOVE, REMARK, Becomes, Purpose, RowEnd
from postiz_async._campaign.journal.rows import UNSTORED, Copy, Finding, RowRecord
from postiz_async._campaign.journal.tables import (
    SENT,
    Tables,
    each_request,
    put_rows,
    read_meta,
    read_rows,
    rows_of,
    take_over,
    write_left_out,
)
from postiz_async._concurrency import in_thread, run_to_completion
from postiz_async._delivery.matching import from_milliseconds, in_milliseconds
from postiz_async._delivery.outcomes import Account, SentRequest
from postiz_async._delivery.record import DeliveryPost, DeliveryRecord, write_record
from postiz_async._quota.snapshot import Snapshot
from postiz_async._resources.api import OpenClient
from postiz_async._wire import parse_date
from postiz_async.clock import Clock, SystemClock
from postiz_async.errors import CampaignError, Problem, by_reader
from postiz_async.models.media import Media
from postiz_async.models.posts import PostRequest
from postiz_async.stores import in_micros, new_version

T = TypeVar("T")

TAKES_PART = 300.0
"""Seconds for which a run counts as taking part without renewing it."""


class Journal:
    """An open journal; a journal file can be open in one process only."""

    def __init__(self, place: JournalPlace, opened: OpenPlace, clock: Clock) -> None:
        self.place: JournalPlace = place
        self.name: str = str(place)
        """The place, for messages."""
        self.clock = clock
        self.hold: float = opened.hold
        """Seconds for which a request that left belongs to its sender; 0: no other process has the
        journal."""
        self._opened = opened
        self._turn = anyio.Lock()
        self.campaign, time = opened.do(lambda t: (read_meta(t).campaign, t.kept_time()))
        """The name of the campaign, which marks the posts of its rows."""
        self.ahead: float = time - clock.monotonic()
        """Seconds by which the journal's clock is ahead of our monotonic one."""

    @classmethod
    async def open(
        cls, place: JournalPlace | Path, *, campaign: str, base_url: str, clock: Clock | None = None
    ) -> Journal:
        """Open the journal at a place, or create it.

        Args:
            place: the place of the journal.
            campaign: the name of the campaign.
            base_url: the root of the server's API.
            clock: measures the age of requests; None: the machine's clock.

        Raises:
            CampaignError: the journal is in use, damaged, of another version, or belongs to another
                server, or the file is no journal. Such a file is never overwritten.
        """
        where = JournalFile(place) if isinstance(place, Path) else place
        told = clock or SystemClock()

        def opening() -> Journal:
            return cls(where, where.open(campaign, base_url, told), told)

        return await in_thread(opening, undo=lambda journal: journal.close())

    async def aclose(self) -> None:
        """Close the journal."""
        await run_to_completion(self._close_in_turn())

    async def _close_in_turn(self) -> None:
        async with self._turn:
            await anyio.to_thread.run_sync(self.close)

    def close(self) -> None:
        """Close the journal (blocking)."""
        self._opened.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def do(self, work: Callable[[Tables], T], *, whole: bool = False) -> T:
        """Run one transaction in a thread, as a whole or not at all, even if cancelled.

        Args:
            work: what to do in it; a database may run it more than once, so that it must not use
                up an iterator.
            whole: see `OpenFile.do`.

        Raises:
            CampaignError: the journal cannot be used.
            StoreError: the database cannot be used.
        """
        with anyio.CancelScope(shield=True):
            async with self._turn:
                return await in_thread(partial(self._opened.do, work, whole=whole))
        raise AssertionError("a shielded block is never left by cancellation")

    async def read(self, query: Callable[[Tables], T]) -> T:
        """Run a query of `tables` and return its result."""
        return await self.do(query)

    @property
    def is_shared(self) -> bool:
        """Whether other processes may have the journal open, too."""
        return self.hold > 0

    # -------------------------------------------------------------- runs

    async def join(self, run: str, contents: str) -> None:
        """Announce a run for some minutes, so that no run with other rows starts; repeat to renew.

        Args:
            run: a unique name of the run.
            contents: the fingerprint of its rows.

        Raises:
            CampaignError: another run is at work with different rows.
        """

        def work(t: Tables) -> None:
            now = in_micros(t.time())
            others = t.execute(_OTHERS, now=now, id=run, contents=contents).fetchone()[0]
            if others:
                raise CampaignError(
                    f"Another host is running the campaign {self.campaign!r} with other rows. Use "
                    "the same file on all hosts, wait until that run has ended, or give this "
                    "campaign a name of its own (--name)."
                )
            t.execute(_FORGET_RUNS, now=now)
            t.execute(_JOIN, id=run, contents=contents, until=now + in_micros(TAKES_PART))
            t.execute(_CONTENTS, contents=contents)

        await self.do(work)

    async def part(self, run: str) -> None:
        """End the announcement of a run."""
        await self.do(lambda t: t.execute(_PART, id=run).rowcount)

    # -------------------------------------------------------------- rows

    async def rows(self, refs: Iterable[str] | None = None) -> dict[str, RowRecord]:
        """Rows by ref: those with these refs, or all."""
        given = None if refs is None else list(refs)
        return await self.do(
            lambda t: {r.ref: r for r in (read_rows(t) if given is None else rows_of(t, given))}
        )

    async def put(self, rows: Iterable[RowRecord]) -> None:
        """Add rows, or replace unsent ones; others stay."""
        given = list(rows)
        await self.do(lambda t: put_rows(t, given), whole=True)

    async def renumber(self, numbers: Mapping[str, int]) -> None:
        """Note the present row numbers of the campaign file, whatever the state of the rows."""
        values = [{"number": number, "ref": ref} for ref, number in numbers.items()]
        await self.do(lambda t: t.each(_RENUMBER, values))

    async def keep(self, refs: Iterable[str], stays: Literal["", "gone", "draft"]) -> None:
        """Note what posts of rows are kept as; nothing: as their rows say."""
        values = [{"ref": ref, "stays": stays, "version": new_version()} for ref in refs]
        await self.do(lambda t: t.each(_KEEP, values))

    async def turn_away(self, purpose: Purpose, refs: Iterable[str], end: RowEnd) -> None:
        """Write down why planned rows are not sent."""
        given = list(refs)
        await self.do(lambda t: purpose.turn_away(t, given, end))

    async def plan_again(self, purpose: Purpose, rows: Iterable[RowRecord]) -> None:
        """Plan rows again, as the campaign has them now."""
        given = list(rows)
        await self.do(lambda t: purpose.plan_again(t, given))

    async def leave_out(self, problems: Iterable[Problem]) -> None:
        """Note the problems of rows that this run leaves out."""
        given = list(problems)
        await self.do(lambda t: write_left_out(t, given))

    async def shift(self, refs: Iterable[str], date: float, remark: str) -> None:
        """Give planned rows a later date."""
        columns = {"finding": Finding.SHIFTED.value, "remark": remark, "date": in_micros(date)}
        values = [{"ref": ref, "version": new_version(), **columns} for ref in refs]

        def work(t: Tables) -> None:
            t.each(REMARK, values)
            t.each(MOVE, values)

        await self.do(work)

    async def found(self, rows: Iterable[RowRecord]) -> list[RowRecord]:
        """Write later findings on rows: state, post, date, finding.

        Rows that another process changed since they were read stay as they are.

        Returns:
            The rows that were written, as they are now.
        """
        version = new_version()
        given = list(rows)

        def work(t: Tables) -> list[RowRecord]:
            done = t.each(_FOUND, [_found(row, version) for row in given])
            if done == len(given):
                return [replace(row, version=version) for row in given]
            return [row for row in rows_of(t, [row.ref for row in given]) if row.version == version]

        return await self.do(work) if given else []

    # -------------------------------------------------------------- requests

    async def requests(self, *, adopted: bool = True) -> list[SentRequest]:
        """All requests that may have been sent, the oldest first.

        Args:
            adopted: include the substitutes for requests of adopted posts.
        """
        return await self.do(lambda t: list(each_request(t, "" if adopted else SENT)))

    async def account(self) -> Account:
        """The posts and moments of this campaign, and the posts that it leaves beside its own."""

        def work(t: Tables) -> Account:
            ids, moments = t.execute(_POSTS), t.execute(_MOMENTS)
            return Account(
                frozenset(post_id for (post_id,) in ids),
                frozenset(from_milliseconds(moment) for (moment,) in moments),
            )

        return await self.do(work)

    async def knows(self, purpose: Purpose, post_id: str) -> bool:
        """Whether a post is recorded as being as it should be."""
        return await self.do(lambda t: purpose.knows(t, post_id))

    async def marks(self, first: int, last: int) -> list[int]:
        """The marks in use between two moments, in milliseconds since the epoch."""
        return await self.do(lambda t: [m for (m,) in t.execute(_MARKS, first=first, last=last)])

    async def adopt(
        self, rows: Iterable[RowRecord], bodies: Iterable[PostRequest]
    ) -> list[RowRecord]:
        """Adopt stored posts: rows with their post ids, and an equivalent create request for each.

        The bodies count as requests in which the rows were sent, though no run of this journal sent
        them. A row recorded with one of these posts gives it up. A row stays as it is if it is
        stored, is in a request whose outcome is unknown, or has another version by now: somebody
        may have deleted the post since it was listed.

        Args:
            rows: the rows.
            bodies: a request for each.

        Returns:
            The adopted rows.
        """
        given = list(zip(rows, bodies, strict=True))

        def work(t: Tables) -> list[RowRecord]:
            done: list[RowRecord] = []
            for row, body in given:
                known = next(read_rows(t, "AND ref = :ref", ref=row.ref), None)
                is_free = known is None or known.state in UNSTORED
                if is_free and row.version == (0 if known is None else known.version):
                    take_over(t, row, _stands_for(t, row, body))
                    done.append(row)
            return done

        return await self.do(work, whole=True)

    # -------------------------------------------------------------- changes that cost nothing

    async def change_freely(self, row: RowRecord, said: str, body: PostRequest) -> int:
        """Write down a change by a route that costs nothing, before it leaves.

        Args:
            row: the row of the changed post.
            said: what the post says after it.
            body: the equivalent create request.

        Returns:
            The number of the change.
        """

        def work(t: Tables) -> int:
            t.execute(_MAY_SAY, ref=row.ref, said=said)
            return _stands_for(t, row, body)

        return await self.do(work, whole=True)

    async def changed_freely(
        self, number: int, ref: str, becomes: Becomes, body: PostRequest
    ) -> None:
        """Write down that a free change was made.

        Args:
            number: the number of the change.
            ref: the ref of its row.
            becomes: the row as it is now.
            body: the equivalent create request, with the post's present date.
        """

        def work(t: Tables) -> None:
            moment = in_milliseconds(parse_date(body.date))
            encoded = msgspec.json.encode(body)
            t.execute(_DATE, number=number, moment=moment, body=encoded)
            becomes.write(t, ref, request=number, post_id=None, note="")

        await self.do(work, whole=True)

    async def not_changed(self, number: int, ref: str) -> None:
        """Forget a change of a row that was refused."""

        def work(t: Tables) -> None:
            t.execute(_FORGET, number=number)
            t.execute(_MAY_SAY, ref=ref, said="")

        await self.do(work, whole=True)

    # -------------------------------------------------------------- copies, uploads, quota

    async def leave(self, copies: Iterable[Copy]) -> None:
        """Note posts that equal those of rows and shall stay beside them."""
        values = [{"post_id": each.post_id, "ref": each.ref, "mark": each.mark} for each in copies]
        await self.do(lambda t: t.each(_LEAVE_COPY, values))

    async def uploads(self) -> dict[str, Media]:
        """The uploads of this job: content hash to medium."""

        def work(t: Tables) -> dict[str, Media]:
            return {sha: msgspec.json.decode(kept, type=Media) for sha, kept in t.execute(_UPLOADS)}

        return await self.do(work)

    async def uploaded(self, sha256: str, media: Media) -> None:
        """Note an upload."""
        value = msgspec.json.encode(media)
        await self.do(lambda t: t.execute(_UPLOADED, sha256=sha256, media=value).rowcount)

    async def save(self, kept: Snapshot) -> None:
        """Save the state of the quota, as a `SnapshotStore`."""
        value = msgspec.json.encode(kept)
        await self.do(lambda t: t.execute(_SAVE, value=value).rowcount)


def _stands_for(t: Tables, row: RowRecord, body: PostRequest) -> int:
    """A substitute request for an adopted post, which was not sent by this journal's runs."""
    post = DeliveryPost(row.channel, row.post_id or "", row.ref)
    record = DeliveryRecord(state="stored", posts=(post,), date=body.date, served_at=row.seconds)
    [(number,)] = t.execute(
        _STANDS_FOR,
        id=uuid.uuid4().hex,
        version=new_version(),
        moment=in_milliseconds(parse_date(body.date)),
        value=write_record(record),
        body=msgspec.json.encode(body),
    ).fetchall()
    return int(number)


def _found(row: RowRecord, version: int) -> dict[str, object]:
    names = ("ref", "post_id", "note", "remark", "link")
    columns: dict[str, object] = {name: getattr(row, name) for name in names}
    others = {"state": row.state.value, "finding": row.finding.value}
    return {
        **columns,
        **others,
        "date": in_micros(row.seconds),
        "was": row.version,
        "version": version,
    }


_OTHERS = """
SELECT count(*) FROM {s}campaign_runs
WHERE campaign = :campaign AND until > :now AND id <> :id AND contents <> :contents
"""

_FORGET_RUNS = "DELETE FROM {s}campaign_runs WHERE campaign = :campaign AND until <= :now"

_JOIN = """
INSERT INTO {s}campaign_runs (campaign, id, contents, until)
VALUES (:campaign, :id, :contents, :until)
ON CONFLICT (campaign, id) DO UPDATE SET until = excluded.until
"""

_CONTENTS = "UPDATE {s}campaigns SET contents = :contents WHERE id = :campaign"

_PART = "DELETE FROM {s}campaign_runs WHERE campaign = :campaign AND id = :id"

_RENUMBER = """
UPDATE {s}campaign_rows SET number = :number WHERE campaign = :campaign AND ref = :ref
"""

_KEEP = """
UPDATE {s}campaign_rows SET stays = :stays, version = :version
WHERE campaign = :campaign AND ref = :ref
"""

_FOUND = """
UPDATE {s}campaign_rows SET state = :state, post_id = :post_id, date = :date, note = :note,
    finding = :finding, remark = :remark, link = :link, version = :version
WHERE campaign = :campaign AND ref = :ref AND version = :was
"""

_POSTS = """
SELECT post_id FROM {s}campaign_rows WHERE campaign = :campaign AND post_id IS NOT NULL
UNION SELECT post_id FROM {s}campaign_copies WHERE campaign = :campaign
"""

_MOMENTS = "SELECT DISTINCT moment FROM {s}campaign_requests WHERE campaign = :campaign"

_MARKS = """
SELECT mark FROM {s}campaign_requests
WHERE campaign = :campaign AND mark BETWEEN :first AND :last
"""

_STANDS_FOR = """
INSERT INTO {s}campaign_requests (campaign, id, version, kind, state, posts, moment, value, body)
VALUES (:campaign, :id, :version, 'create', 'stored', 1, :moment, :value, :body) RETURNING number
"""

_DATE = """
UPDATE {s}campaign_requests SET moment = :moment, body = :body
WHERE campaign = :campaign AND number = :number
"""

_FORGET = "DELETE FROM {s}campaign_requests WHERE campaign = :campaign AND number = :number"

_MAY_SAY = """
UPDATE {s}campaign_rows SET may_say = :said WHERE campaign = :campaign AND ref = :ref
"""

_LEAVE_COPY = """
INSERT INTO {s}campaign_copies (campaign, post_id, ref, mark)
VALUES (:campaign, :post_id, :ref, :mark) ON CONFLICT (campaign, post_id) DO NOTHING
"""

_UPLOADS = "SELECT sha256, media FROM {s}campaign_uploads WHERE campaign = :campaign"

_UPLOADED = """
INSERT INTO {s}campaign_uploads (campaign, sha256, media) VALUES (:campaign, :sha256, :media)
ON CONFLICT (campaign, sha256) DO UPDATE SET media = excluded.media
"""

_SAVE = "UPDATE {s}campaigns SET quota = :value WHERE id = :campaign"


# ------------------------------------------------------------------ a journal that may be open


@dataclass(slots=True)
class CampaignJournal:
    """The journal of a campaign: where it is, and its open form, if there is one."""

    postiz: OpenClient
    place: JournalPlace
    opened: Journal | None = None

    async def is_there(self) -> bool:
        """Whether there is a journal."""
        return await in_thread(lambda: self.place.is_there)

    async def existing(self) -> Journal:
        """The open journal of a campaign that was run.

        Raises:
            CampaignError: there is no journal, another run has it open, or it belongs to another
                server.
        """
        if self.opened is None:
            self.opened = await open_existing(self.postiz, self.place)
        return self.opened

    async def made(self, campaign: str) -> Journal:
        """The open journal of a campaign of this name, created if it does not exist."""
        if self.opened is None:
            self.opened = await _opened(self.postiz, self.place, campaign)
        return self.opened

    async def require_kept(self) -> None:
        """Make sure that an open journal is still where it was opened.

        Raises:
            CampaignError: it is not, so what was done is not known any more.
        """
        if self.opened is not None and not await self.is_there():
            adopt = by_reader("--adopt", 'existing="adopt"')
            raise CampaignError(
                f"{self.place} was removed or moved while the campaign was run, so what became of "
                "each row cannot be told. What was sent is in Postiz. Put the journal back, or run "
                f"the campaign again with {adopt}: it takes over what is there."
            )

    async def read(self, query: Callable[[Tables], T]) -> T:
        """Read the journal, whether it is open or not."""
        return await (self.ask if self.opened is None else self.opened.read)(query)

    async def ask(self, query: Callable[[Tables], T]) -> T:
        """Read the journal without opening it, as any process may."""
        return await in_thread(partial(self.place.query, query, self.postiz.clock))

    async def aclose(self) -> None:
        """Close the journal, if it is open."""
        journal, self.opened = self.opened, None
        if journal is not None:
            await journal.aclose()


async def open_existing(postiz: OpenClient, place: JournalPlace) -> Journal:
    """Open the journal of a campaign that was run.

    Raises:
        CampaignError: there is no journal, another run has it open, or it belongs to another
            server.
    """

    def read(t: Tables) -> tuple[str, bool]:
        stored = next(read_rows(t, "AND post_id IS NOT NULL"), None)
        return read_meta(t).campaign, stored is not None

    campaign, has_stored = await in_thread(partial(place.query, read, postiz.clock))
    journal = await _opened(postiz, place, campaign)
    postiz.scheduler.has_answered = postiz.scheduler.has_answered or has_stored
    return journal


async def _opened(postiz: OpenClient, place: JournalPlace, campaign: str) -> Journal:
    return await Journal.open(
        place, campaign=campaign, base_url=postiz.base_url, clock=postiz.clock
    )
