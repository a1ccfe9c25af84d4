"""One campaign and several journals: hosts that know nothing of each other, copies, other weeks."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from campaign_lab import START, Lab, Watched, at, rows, swept

from postiz_async._campaign.after.report import Report
from postiz_async._campaign.journal.journal import Journal
from postiz_async._campaign.journal.rows import Finding
from postiz_async._campaign.journal.summary import read_summary
from postiz_async._campaign.plan.row_state import new_records
from postiz_async._campaign.read.rows import Row
from postiz_async._campaign.run.already_stored import (
    ClientRefs,
    Decision,
    Past,
    StoredRows,
    decide,
    find_rows,
)
from postiz_async._campaign.run.conditions import Intent
from postiz_async._campaign.run.job import Outcome
from postiz_async._delivery.matching import CLIENT_REF
from postiz_async._delivery.outcomes import RowState
from postiz_async._sandbox import Fault
from postiz_async.errors import CampaignError, ConfigurationError
from postiz_async.models.channels import Channel
from postiz_async.models.posts import ChannelRef, ContentItem, Post, PostChannel, PostItem

SERVER = "http://sandbox.invalid/public/v1"
COUNT = 24
TEXTS = [f"post {n}" for n in range(COUNT)]
PROVIDERS = ("mastodon", "telegram", "threads")


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    async with lab_of(tmp_path) as made:
        yield made


class lab_of:  # noqa: N801  (a context manager)
    """A lab whose campaign has 24 rows in four requests."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.lab = Lab(folder, **options)

    async def __aenter__(self) -> Lab:
        await self.lab.sandbox.__aenter__()
        self.lab.write(campaign(self.lab))
        return self.lab

    async def __aexit__(self, *exc: object) -> None:
        await self.lab.sandbox.__aexit__(*exc)


def campaign(lab: Lab) -> list[dict[str, Any]]:
    channels = [lab.channel(provider) for provider in PROVIDERS]
    return [record | {"ref": str(n)} for n, record in enumerate(rows(channels, COUNT))]


def after_creates(count: int) -> Callable[[Watched, Callable[[], None]], None]:
    """Dies when so many creates were answered."""

    def arm(transport: Watched, die: Callable[[], None]) -> None:
        begun = len(transport._sandbox.creates)

        def look() -> None:
            if len(transport._sandbox.creates) >= begun + count:
                die()
            else:
                clock.call_at(clock.monotonic() + 0.05, look)

        clock = transport._sandbox.clock
        look()

    return arm


def is_true(lab: Lab, report: Report) -> bool:
    """Whether a run may exit 0 only if each row is stored once."""
    return (report.complete and not report.doubled) == (lab.contents() == Counter(TEXTS))


# ------------------------------------------------------------------ one after the other


async def test_a_journal_that_is_behind_takes_over_what_another_host_stored(lab: Lab) -> None:
    """Host A is killed, B finishes, and A repeats its command."""
    assert await lab.killed(after_creates(1))
    first = len(lab.sandbox.posts)
    assert 0 < first < COUNT
    other = lab.host("b")
    with pytest.raises(
        CampaignError, match=rf"^{first} rows are in Postiz already .*existing=.adopt"
    ):
        await other.run()
    assert (await other.run(existing="adopt")).complete
    lab.assert_each_once(TEXTS)
    creates = len(lab.creates)
    seen: Counter[str] = Counter()

    async def saw(outcome: Any) -> None:
        seen[outcome.ref] += 1

    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        report = await campaign.run(on_outcome=saw)
    lab.assert_each_once(TEXTS)
    assert report.complete
    assert not report.doubled
    assert {row.post_id for row in report.rows} == {post.id for post in lab.sandbox.posts}
    assert set(seen.values()) == {1}
    assert len(lab.creates) <= creates + 1  # the fence of the request that was killed


async def test_a_journal_that_was_restored_from_a_copy(lab: Lab) -> None:
    assert await lab.killed(after_creates(1))
    copy = lab.folder / "backup"
    shutil.copy(lab.journal, copy)
    assert (await lab.run()).complete
    for path in lab.folder.glob("campaign.journal*"):
        path.unlink()
    shutil.copy(copy, lab.journal)
    assert RowState.PLANNED in {row.state for row in read_summary(lab.journal).rows}
    report = await lab.run()
    lab.assert_each_once(TEXTS)
    assert report.complete
    assert not report.doubled


async def test_a_second_journal_with_planned_rows(lab: Lab) -> None:
    """It was made before anything was stored: its run was killed before its first request."""
    second = lab.folder / "second.journal"
    opening = Journal.open(second, campaign=lab.path.name, base_url=SERVER)
    async with await opening as journal, lab.client() as postiz, lab.campaign(postiz) as campaign:
        channels = {channel.id: channel for channel in campaign.channels}
        named = {row.ref: channels[row.channel] for row in campaign.rows}
        await journal.put(new_records(campaign.rows, named))
    assert (await lab.run()).complete
    lab.journal = second
    report = await lab.run()
    lab.assert_each_once(TEXTS)
    assert report.complete
    assert not report.doubled


async def test_a_journal_that_was_moved_without_what_lies_beside_it(lab: Lab) -> None:
    """After a kill SQLite's `-wal` lies there; the journal tells of each settled request alone."""
    there = lab.folder / "there"
    there.mkdir()

    def arm(transport: Watched, die: Callable[[], None]) -> None:
        def killed() -> None:
            shutil.copy(lab.journal, there / "campaign.journal")
            die()

        after_creates(3)(transport, killed)

    assert await lab.killed(arm)
    stored = {row.post_id for row in read_summary(lab.journal).rows if row.post_id is not None}
    assert stored
    lab.journal = there / "campaign.journal"
    assert {row.post_id for row in read_summary(lab.journal).rows} - {None} == stored
    report = await lab.run()
    lab.assert_each_once(TEXTS)
    assert report.complete
    assert not report.doubled


async def test_rows_of_type_now_are_not_published_once_more(lab: Lab) -> None:
    lab.write([record | {"type": "now"} for record in campaign(lab)])
    assert await lab.killed(after_creates(1))
    copy = lab.folder / "backup"
    shutil.copy(lab.journal, copy)
    assert (await lab.run()).complete
    await lab.clock.sleep(3 * 86_400)
    for path in lab.folder.glob("campaign.journal*"):
        path.unlink()
    shutil.copy(copy, lab.journal)
    await lab.run()
    assert lab.contents() == Counter(TEXTS)


async def test_what_was_late_here_and_stored_elsewhere_is_stored(lab: Lab) -> None:
    assert await lab.killed(after_creates(1))
    other = lab.host("b")
    shutil.copy(lab.journal, other.journal)
    assert (await other.run()).complete
    await lab.clock.sleep(30 * 3_600)  # all dates are over
    report = await lab.run()
    assert report.complete
    lab.assert_each_once(TEXTS)


# ------------------------------------------------------------------ at the same time


@pytest.mark.parametrize("latencies", [(0.1, 0.1), (0.1, 0.13), (0.02, 0.4)])
@pytest.mark.parametrize("limit", [3, 30])
async def test_two_hosts_that_start_at_the_same_moment(
    tmp_path: Path, latencies: tuple[float, float], limit: int
) -> None:
    """Both lists are answered before anything is stored; in the end each row is there once."""
    async with lab_of(tmp_path, limit=limit, work_per_post=0.01) as lab:
        hosts = [lab, lab.host("b")]
        for each, latency in zip(hosts, latencies, strict=True):
            each.latency = latency
        lab.sandbox.faults.add(Fault("late_answer", route="list_posts", times=2, delay=5.0))
        reports = await asyncio.gather(*(each.run() for each in hosts))
        assert all(report.complete for report in reports)
        assert lab.contents() == Counter(TEXTS)
        ids = {post.content: post.id for post in lab.sandbox.posts}
        for each in hosts:
            report = await each.run()  # which of them swept first does not matter then
            assert report.complete
            assert not report.doubled
            assert {row.post_id for row in report.rows} == set(ids.values())
        assert lab.contents() == Counter(TEXTS)
        assert ids == {post.content: post.id for post in lab.sandbox.posts}
        stored = sum(create.posts for create in lab.sandbox.creates if create.status == 201)
        if latencies[0] != latencies[1]:  # what is there when a request may leave is left out
            assert stored < 2 * COUNT


async def test_each_row_is_told_of_once(tmp_path: Path) -> None:
    lab = Lab(tmp_path, limit=30)
    lab.latency = 0.0
    channel = {"channel": lab.channel("telegram")}
    lab.write(channel | {"content": f"post {n}", "date": at(72 + n // 3)} for n in range(120))
    hosts = [lab, lab.host("b")]
    # both lists are answered before anything is stored, or the second would ask what to do
    lab.sandbox.faults.add(Fault("late_answer", route="list_posts", times=None, delay=5.0))
    told: list[Counter[str]] = [Counter(), Counter()]

    async def run(host: Lab, told: Counter[str]) -> None:
        async def saw(outcome: Outcome) -> None:
            told[outcome.ref] += 1

        async with host.client() as postiz, host.campaign(postiz) as campaign:
            assert (await campaign.run(saw)).complete

    async with lab.sandbox:
        await asyncio.gather(*map(run, hosts, told))
    assert [set(each.values()) for each in told] == [{1}, {1}]
    assert [len(each) for each in told] == [120, 120]


async def test_hosts_with_files_of_other_names_share_a_campaign(lab: Lab) -> None:
    other = lab.host("b")
    other.path = other.path.rename(other.folder / "copy-of-it.jsonl")
    reports = await asyncio.gather(lab.run(name="spring"), other.run(name="spring"))
    assert all(report.complete for report in reports)
    if lab.sandbox.refusals == 0:  # hosts that share no quota store may meet a 429
        lab.assert_each_once(TEXTS)
    assert lab.contents() == Counter(TEXTS)


@pytest.mark.parametrize("answer", ["drop_answer", "error_after"])
async def test_a_double_is_deleted_though_the_answer_is_lost(lab: Lab, answer: Any) -> None:
    hosts = [lab, lab.host("b")]
    lab.sandbox.faults.add(Fault(answer, route="delete_post_group", times=2))
    reports = await asyncio.gather(*(each.run() for each in hosts))
    assert lab.contents() == Counter(TEXTS)
    assert all(is_true(lab, report) for report in reports)


async def test_a_double_that_cannot_be_deleted_is_no_success(lab: Lab) -> None:
    hosts = [lab, lab.host("b")]
    lab.sandbox.faults.add(Fault("reset", route="delete_post_group", times=None))
    reports = await asyncio.gather(*(each.run() for each in hosts))
    twice = [content for content, count in lab.contents().items() if count > 1]
    assert twice
    for report in reports:
        assert report.complete
        assert report.doubled == len(twice)
        named = [row for row in report.troubles() if row.finding is Finding.DOUBLED]
        assert {f"post {row.number - 1}" for row in named} == set(twice)


async def test_an_old_server_shows_no_marks_so_nothing_is_deleted(tmp_path: Path) -> None:
    async with lab_of(tmp_path, release="v2.23.0") as lab:
        hosts = [lab, lab.host("b")]
        ended = await asyncio.gather(*(each.run() for each in hosts), return_exceptions=True)
        contents = lab.contents()
        assert set(contents) <= set(TEXTS)
        for each in ended:
            if isinstance(each, CampaignError):
                assert "in Postiz already" in str(each)
            else:
                assert not isinstance(each, BaseException)
                assert is_true(lab, each)
                assert each.doubled
        sent = sum(create.posts for create in lab.sandbox.creates if create.status == 201)
        assert len(lab.sandbox.posts) == sent


async def test_an_old_server_and_a_journal_that_is_behind(tmp_path: Path) -> None:
    """Whose the posts are cannot be seen, so the user says it."""
    async with lab_of(tmp_path, release="v2.23.0") as lab:
        assert await lab.killed(after_creates(1))
        other = lab.host("b")
        assert (await other.run(existing="adopt")).complete
        before = len(lab.creates)
        with pytest.raises(
            CampaignError, match=r"rows are in Postiz already .*does not know these"
        ):
            await lab.run()
        assert len(lab.creates) == before
        assert (await lab.run(existing="adopt")).complete
        lab.assert_each_once(TEXTS)


# ------------------------------------------------------------------ other campaigns


@pytest.mark.parametrize(
    "change",
    [
        {"content": "other words, {}"},
        {"date": at(24 * 8)},
        {"channel": "Other page"},
        {"thread": ["and more"]},
    ],
)
@pytest.mark.parametrize("together", [False, True])
async def test_another_campaign_of_the_same_name_and_refs_is_another(
    lab: Lab, change: dict[str, Any], *, together: bool
) -> None:
    """As `campaign.csv` each week, with refs from 1: nobody's posts are adopted or deleted."""
    lab.channel("mastodon", name="Other page")
    records = [json.loads(line) for line in lab.path.read_text("utf-8").splitlines()]
    other = lab.host("next-week")
    changed = [record | change for record in records]
    for number, record in enumerate(changed):
        record["content"] = record["content"].format(number)
    other.write(changed)
    distinct = [record["content"] for record in records]
    others = [record["content"] for record in changed]
    existing = "again" if "thread" in change else "refuse"
    first = lab.run(existing=existing)
    if together:
        reports = await asyncio.gather(first, other.run(existing=existing))
    else:
        reports = [await first, await other.run(existing=existing)]
    assert all(report.complete for report in reports)
    assert lab.contents() == Counter([*distinct, *others])
    ids = [{row.post_id for row in report.rows} for report in reports]
    assert ids[0].isdisjoint(ids[1])
    for each in (lab, other):
        async with each.client() as postiz:
            await swept(postiz, each)
    assert lab.contents() == Counter([*distinct, *others])


async def test_what_is_sent_again_on_purpose_stays(lab: Lab) -> None:
    await lab.run()
    other = lab.host("b")
    report = await other.run(existing="again")
    assert report.complete
    assert not report.doubled
    assert lab.contents() == Counter(TEXTS * 2)
    marks = Counter(post.settings[CLIENT_REF] for post in lab.sandbox.posts)
    assert set(marks.values()) == {1}
    for _ in range(2):
        report = await other.run()
        assert report.complete
        assert not report.doubled
    assert lab.contents() == Counter(TEXTS * 2)


async def test_an_edited_post_of_another_host_is_taken_over_as_it_is(lab: Lab) -> None:
    """Its mark says whose it is, whatever somebody wrote into it since."""
    assert await lab.killed(after_creates(1))
    other = lab.host("b")
    shutil.copy(lab.journal, other.journal)
    assert (await other.run()).complete
    post = next(post for post in lab.sandbox.posts if post.content == TEXTS[-1])
    lab.sandbox.change_post(post.id, content="better words")
    assert (await lab.run()).complete
    assert lab.contents() == Counter([*TEXTS[:-1], "better words"])


# ------------------------------------------------------------------ the name


async def test_a_journal_keeps_the_name_of_its_campaign(lab: Lab) -> None:
    await lab.run(name="spring")
    assert read_summary(lab.journal).campaign == "spring"
    assert (await lab.run()).complete
    with pytest.raises(
        CampaignError, match=r"is of the campaign 'spring', and this run says 'fall'"
    ):
        await lab.run(name="fall")
    assert (await lab.run(name="spring")).complete
    lab.assert_each_once(TEXTS)


async def test_a_campaign_is_called_like_its_file(lab: Lab) -> None:
    await lab.run()
    assert read_summary(lab.journal).campaign == "campaign.jsonl"
    async with lab.client() as postiz:
        with pytest.raises(ConfigurationError, match="name is empty"):
            postiz.campaign(lab.path, name=" ")


# ------------------------------------------------------------------ what is half made


async def test_a_half_made_post_of_another_host_gets_its_job(lab: Lab) -> None:
    """That host died in the middle of its request, and never comes back."""
    lab.sandbox.faults.add(Fault("stop", route="create_post", after_items=3, half=True))
    other = lab.host("b")
    assert await other.killed(after_creates(1))
    assert not all(post.has_job for post in lab.sandbox.posts)
    assert (await lab.run(existing="adopt")).complete
    lab.assert_each_once(TEXTS)
    assert all(post.has_job for post in lab.sandbox.posts)
    assert {row.note for row in read_summary(lab.journal).rows} == {"", "was in Postiz already"}


# ------------------------------------------------------------------ equal rows


def row(ref: str, **more: Any) -> Row:
    date = START + timedelta(days=1)
    return Row(number=2, ref=ref, channel="c1", date=date, content="good morning", **more)


CHANNEL = Channel(id="c1", name="Ours", provider="mastodon")


def found(rows: list[Row], posts: list[Post], past: Past, *campaign: Row) -> StoredRows:
    everything = [*rows, *campaign]
    refs = ClientRefs(past, everything, {each.ref: CHANNEL for each in everything})
    return find_rows(rows, posts, client_refs=refs, past=past)


def post(number: int, at: datetime, mark: str | None = None) -> Post:
    return Post(
        id=f"cm{number}",
        publish_date=at,
        content="good morning",
        state="QUEUE",
        channel=PostChannel(id="c1"),
        group=f"g{number}",
        settings=None if mark is None else json.dumps({CLIENT_REF: mark}),
    )


def test_a_post_of_an_equal_row_is_not_taken_for_this_one() -> None:
    """Two rows say the same at the same moment; another host stored the first of them."""
    first, second = row("1"), row("2")
    past = Past("c.csv")
    marks = ClientRefs(past, [first, second], {"1": CHANNEL, "2": CHANNEL})
    there = [post(1, first.date.replace(microsecond=5_000), marks(first))]
    assert found([second], there, past, first) == StoredRows()
    assert found([first, second], there, past) == StoredRows(ours={"1": there})
    nobodys = [post(2, first.date, "")]
    assert found([second], [*there, *nobodys], past, first) == StoredRows(equal={"2": nobodys})


def test_an_old_servers_post_at_the_instant_of_our_own_request_is_of_that_request() -> None:
    """It lists no marks. The row of it is known if it is looked for, else it is left alone."""
    first, second = row("1"), row("2")
    instant = first.date.replace(microsecond=5_000)
    item = PostItem(
        channel=ChannelRef(id="c1"),
        value=[ContentItem(content="good morning")],
        settings={},
    )
    sent = (Intent("1", 1, instant, item, short_link=False),)
    past = Past("c.csv", sent=sent)
    there = [post(1, instant), post(2, instant.replace(microsecond=6_000))]
    assert found([first], there[:1], past) == StoredRows(ours={"1": there[:1]})
    assert found([second], there[:1], past) == StoredRows()
    assert found([second], there, past) == StoredRows(equal={"2": there[1:]})


@pytest.mark.parametrize("existing", ["refuse", "adopt", "again"])
def test_who_is_asked_of_what_is_there(existing: Any) -> None:
    there = {ref: [post(number, START)] for number, ref in enumerate("abcd")}
    seen = StoredRows(
        ours={"a": there["a"], "b": there["b"]}, equal={"c": there["c"], "d": there["d"]}
    )
    decision = decide(seen, existing, known={"a", "c", "d"}, to_send={"a", "b", "c"})
    taken = {ref: of[0] for ref, of in there.items()}
    ours = {"a": (taken["a"], True)}
    if existing == "refuse":
        assert decision == Decision(take=ours, ask=["b", "c"])
    elif existing == "adopt":
        assert decision.take == ours | {"b": (taken["b"], True), "c": (taken["c"], False)}
    else:
        assert decision.take == ours
        assert [(copy.ref, copy.post_id) for copy in decision.leave] == [("b", "cm1"), ("c", "cm2")]
