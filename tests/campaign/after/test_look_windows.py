"""A sweep that reads the list window by window says what one that has everything at once says."""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st
from journal_lab import write_request
from msgspec.structs import replace

from postiz_async._campaign.after.look import look_at, suspects_of
from postiz_async._campaign.after.sweep import Suspect, suspects, sweep, with_findings
from postiz_async._campaign.journal.journal import Journal
from postiz_async._campaign.journal.rows import ADOPTED_UNSURE, Copy, Finding, RowRecord
from postiz_async._campaign.journal.tables import Tables, take_over
from postiz_async._campaign.read.rows import SaidRow
from postiz_async._campaign.run.conditions import intents
from postiz_async._delivery.listing import Calendar
from postiz_async._delivery.matching import CLIENT_REF
from postiz_async._delivery.outcomes import FOUND_UNSURE, RowState, SentRequest
from postiz_async._resources.listing import SEARCHED
from postiz_async._resources.matching import stored_at
from postiz_async._wire import format_date
from postiz_async.models.posts import (
    ChannelRef,
    ContentItem,
    Post,
    PostChannel,
    PostItem,
    PostRequest,
    TagRef,
)

_SAY = """
UPDATE campaign_rows SET finding = :finding WHERE campaign = :campaign AND ref = :ref
"""

FIRST = datetime(2027, 1, 15, 9, tzinfo=UTC)
NOW = FIRST - timedelta(days=1)
URL = "http://postiz.invalid/public/v1"


def post(number: int, item: PostItem, moment: datetime, *, lists_settings: bool) -> Post:
    return Post(
        id=f"cm{number:06}",
        publish_date=moment,
        content=item.value[0].content,
        state="QUEUE",
        channel=PostChannel(id=item.channel.id),
        group=f"g{number}",
        settings=msgspec.json.encode(item.settings).decode() if lists_settings else None,
        tags=["known"],
    )


FATES = (
    *("fine",) * 6,
    *("moved", "bare", "deleted", "lost", "absent", "noted", "found", "again", "changed"),
    *("withdrawn", "withdrawn there", "open", "open stored", "adopted", "adopted bare", "untagged"),
    "mistagged",
)
EXTRAS = (
    *("nothing",) * 6,
    *("double", "early double", "far double", "equal", "twin", "copy", "of nobody"),
    *("of another run", "repeated", "edited", "drafted"),
)


class ReadCampaign:
    """Requests of several rows each, and what is listed of them."""

    def __init__(self, *, lists_settings: bool) -> None:
        self.lists_settings = lists_settings
        self.requests: list[SentRequest] = []
        self.rows: dict[str, RowRecord] = {}
        self.listed: list[Post] = []
        self.states: dict[int, str] = {}
        self.copies: set[str] = set()

    def send(self, rows: Sequence[tuple[str, str, str]], *, hours: int, second: int) -> None:
        """A request; two of one hour and second share their second."""
        number = len(self.requests) + 1
        moment = FIRST + timedelta(hours=hours, seconds=second, milliseconds=number)
        items = [
            PostItem(
                channel=ChannelRef(id=channel),
                value=[ContentItem(content=f"text {second}")],
                settings={CLIENT_REF: f"m{number}-{place}"},
            )
            for place, (channel, _, _) in enumerate(rows)
        ]
        refs = tuple(f"r{number}-{place}" for place in range(len(rows)))
        request = self._request(items, moment, refs)
        for ref, item, (_, fate, extra) in zip(refs, items, rows, strict=True):
            self._row(ref, item, moment, request, fate, extra)

    def _request(self, items: list[PostItem], moment: datetime, refs: tuple[str, ...]) -> int:
        tags = [TagRef(value=name, label=name) for name in ("known",)]
        body = PostRequest(type="schedule", date=format_date(moment), posts=items, tags=tags)
        number = len(self.requests) + 1
        self.requests.append(SentRequest(number, body, refs, 0.0))
        return number

    def _row(
        self, ref: str, item: PostItem, moment: datetime, request: int, fate: str, extra: str
    ) -> None:
        if fate == "again":  # the same row was planned again, and sent at another time
            moment += timedelta(days=2, milliseconds=100)
            request = self._request([item], moment, (ref,))
        if fate == "adopted bare":  # as somebody stored it by hand
            moment, item = moment.replace(microsecond=0), replace(item, settings={})
        state = fate.split(maxsplit=1)[0]
        if state in {"open", "adopted", "changed"}:
            request = self._request([item], moment, (ref,))
            self.states[request] = state
        if fate in {"untagged", "mistagged"}:
            sent = self.requests[request - 1]
            tags = [TagRef(value="unknown", label="unknown")] if fate == "mistagged" else []
            body = replace(sent.body, tags=tags)
            self.requests[request - 1] = SentRequest(sent.id, body, sent.refs, 0.0)
        own = self._post(item, moment)
        put = {
            "withdrawn": [],
            "open": [],
            "moved": [replace(own, publish_date=moment + timedelta(days=5))],
            "bare": [replace(own, publish_date=moment.replace(microsecond=0))],
            "deleted": [],
            "absent": [],
        }.get(fate, [own])
        if item.channel.id != "gone":
            others = self._others(item, own, put, extra)
            self.listed += [*put, *others]
        is_known = fate not in {"lost", "absent", "open", "open stored"}
        is_stored = RowState.STORED if is_known else RowState.UNKNOWN
        notes = {"noted": FOUND_UNSURE, "adopted": ADOPTED_UNSURE}
        self.rows[ref] = RowRecord(
            ref,
            len(self.rows) + 1,
            "f",
            item.channel.id,
            moment.timestamp() // 1,
            RowState.WITHDRAWN if "withdrawn" in fate else is_stored,
            request,
            own.id if is_known else None,
            notes.get(fate, ""),
            Finding.DOUBLED if fate == "found" else Finding.NOTHING,
            said=SaidRow(date=moment, channel=item.channel.id).write(),
        )

    def _post(self, item: PostItem, moment: datetime) -> Post:
        number = len(self.listed) + len(self.rows) + 1_000 * len(self.requests)
        return post(number, item, moment, lists_settings=self.lists_settings)

    def _others(self, item: PostItem, own: Post, put: list[Post], extra: str) -> list[Post]:
        if extra == "edited":
            put[:] = [replace(each, content="edited") for each in put]
        if extra == "drafted":
            put[:] = [replace(each, state="DRAFT") for each in put]
        moment, later = own.publish_date, timedelta(days=3)
        other = replace(self._post(item, moment), id=f"{own.id}x", group="another")
        if extra == "copy":
            self.copies.add(other.id)
        bare = replace(other, publish_date=moment.replace(microsecond=0))
        unmarked = "{}" if self.lists_settings else None
        foreign = '{"client_ref": "another"}' if self.lists_settings else None
        found: dict[str, list[Post]] = {
            "double": [other],
            "drafted": [other],
            "copy": [other],
            "early double": [replace(other, id=f"ca{own.id}")],
            "far double": [replace(other, publish_date=moment + timedelta(days=1, hours=-3))],
            "twin": [replace(other, settings=unmarked)],
            "equal": [replace(bare, settings=unmarked)],
            "of nobody": [replace(bare, settings=unmarked, content="x")],
            "of another run": [replace(other, settings=foreign, content="x")],
            "repeated": [
                replace(each, publish_date=each.publish_date + later, actual_date=stored_at(each))
                for each in put
            ],
        }
        return found.get(extra, [])

    def seen(self) -> dict[str, RowRecord]:
        """The rows that something may be said of."""
        is_open = [sent for sent in self.requests if self.states.get(sent.id) == "open"]
        held = {ref for sent in is_open for ref in sent.refs}
        withdrawn = {ref for ref, row in self.rows.items() if row.state is RowState.WITHDRAWN}
        return {ref: row for ref, row in self.rows.items() if ref not in held | withdrawn}

    def left_out(self) -> set[str]:
        """The posts that nothing is said of."""
        rows = self.rows.values()
        withdrawn = {row.post_id for row in rows if row.state is RowState.WITHDRAWN and row.post_id}
        return self.copies | withdrawn

    async def posts(self, rows: Mapping[str, RowRecord]) -> list[Post]:
        """The posts of the days on which something was put, and of all days if one is missing."""
        calendar = Calendar(self.server().posts.list)
        sent = [i for i in intents(self.requests) if i.item.channel.id != "gone"]
        if sent:
            here = [rows[intent.ref] for intent in sent if intent.ref in rows]
            dates = [row.at for row in here]
            moments = [intent.moment for intent in sent]
            for moment in (*moments, *dates):  # together, days between would be listed too
                await calendar.look([moment])
            ids = {row.post_id for row in here if row.post_id is not None}
            await calendar.search(ids, min(moments) - SEARCHED, max(moments) + SEARCHED)
        return list(calendar.posts.values())

    async def write(self, journal: Journal) -> None:
        """Write it down, as runs would have done."""

        def work(t: Tables) -> None:
            for sent in self.requests:
                is_open = self.states.get(sent.id) == "open"
                write_request(t, sent, "lost" if is_open else "stored")
            for row in self.rows.values():
                take_over(t, row, row.request)
                t.execute(_SAY, ref=row.ref, finding=row.finding.value)

        await journal.do(work)
        await journal.leave([Copy(each, "r", "m") for each in self.copies])

    def server(self) -> Any:
        """As much of a client as a look needs."""

        async def listed(*, start: datetime, end: datetime) -> list[Post]:
            return [each for each in self.listed if start <= each.publish_date <= end]

        async def channels() -> list[Any]:
            return [SimpleNamespace(id=name) for name in ("c1", "c2")]

        return SimpleNamespace(
            posts=SimpleNamespace(list=listed),
            channels=SimpleNamespace(list=channels),
            scheduler=SimpleNamespace(server_now=lambda: NOW),
        )


rows = st.lists(
    st.tuples(st.sampled_from(("c1", "c2", "c2", "gone")), st.sampled_from(FATES),
              st.sampled_from(EXTRAS)),
    min_size=1, max_size=3,
)  # fmt: skip
campaigns = st.lists(st.tuples(rows, st.integers(0, 30), st.integers(0, 1)), max_size=6)


@given(requests=campaigns, rng=st.randoms(), lists_settings=st.booleans())
async def test_windows_say_what_the_whole_says(
    requests: list[tuple[list[tuple[str, str, str]], int, int]],
    rng: random.Random,
    *,
    lists_settings: bool,
) -> None:
    campaign = ReadCampaign(lists_settings=lists_settings)
    for sent, hours, second in requests:
        campaign.send(sent, hours=hours, second=second)
    rng.shuffle(campaign.listed)
    seen, all_sent = campaign.seen(), campaign.requests
    listed = await campaign.posts(seen)
    whole = sweep(
        seen.values(),
        intents(all_sent),
        listed,
        channels={"c1", "c2"},
        now=NOW,
        copies=campaign.left_out(),
    )
    with tempfile.TemporaryDirectory() as folder:
        opening = partial(Journal.open, campaign="c", base_url=URL)
        async with await opening(Path(folder) / "c.journal") as journal:
            await campaign.write(journal)
            look = await look_at(campaign.server(), journal.read)
            half = await suspects_of(campaign.server(), journal.read, look)
    said = told(look.results) + Counter({"fine": sum(look.sift.fine.values())})
    assert said == told(whole)
    assert by_ref(with_findings(look.rows, look.results)) == by_ref(with_findings(seen, whole))
    assert halves(half) == halves(suspects(whole, all_sent, seen, listed))


def halves(found: Sequence[Suspect]) -> set[tuple[object, ...]]:
    """What may be half made; a post is the same in whichever place of its repetitions."""
    return {(each.ref, each.place, each.sent.body.date, each.post.id) for each in found}


def by_ref(found: Sequence[Any]) -> dict[str, Any]:
    """What is found of rows, in whatever order."""
    return {each.ref: each for each in found}


def told(results: Sequence[Any]) -> Counter[object]:
    """What is said, of what is fine only how often."""
    return Counter(
        "fine"
        if not each.finding and not each.is_adopted
        else (each.finding, each.ref, each.post and each.post.id, each.put_at, each.may_delete)
        for each in results
    )


async def test_what_is_fine_is_counted_and_forgotten(tmp_path: Path) -> None:
    campaign = ReadCampaign(lists_settings=True)
    for hours in range(40):
        campaign.send([("c1", "fine", "nothing"), ("c2", "fine", "nothing")], hours=hours, second=0)
    async with await Journal.open(tmp_path / "c.journal", campaign="c", base_url=URL) as journal:
        await campaign.write(journal)
        look = await look_at(campaign.server(), journal.read)
    assert sum(look.sift.fine.values()) == 80
    assert not (look.rows)
    assert not (look.requests)
    assert not (look.results)
    assert not (look.sift.posts)


@pytest.mark.parametrize(("fate", "is_searched"), [("absent", False), ("deleted", True)])
async def test_long_ranges_are_listed_only_for_posts_that_were_there(
    fate: str, tmp_path: Path, *, is_searched: bool
) -> None:
    campaign, ranges = ReadCampaign(lists_settings=True), list[timedelta]()
    campaign.send([("c1", fate, "nothing")], hours=0, second=0)
    server = campaign.server()
    list_posts = server.posts.list

    async def noted(*, start: datetime, end: datetime) -> list[Post]:
        ranges.append(end - start)
        return await list_posts(start=start, end=end)

    server.posts.list = noted
    async with await Journal.open(tmp_path / "c.journal", campaign="c", base_url=URL) as journal:
        await campaign.write(journal)
        await look_at(server, journal.read)
    assert (max(ranges) > timedelta(days=1)) is is_searched


async def test_an_adopted_post_is_due_at_its_own_date() -> None:
    """By which it is decided whether it can still be repaired."""
    campaign = ReadCampaign(lists_settings=True)
    campaign.send([("c1", "deleted", "far double")], hours=0, second=0)
    [there] = campaign.listed
    sent = campaign.requests
    found = sweep(campaign.rows.values(), intents(sent), [there], channels={"c1"}, now=NOW)
    [suspect] = suspects(found, sent, campaign.rows, [there])
    assert suspect.post is there
    assert suspect.sent.body.date == format_date(stored_at(there)) != sent[0].body.date
