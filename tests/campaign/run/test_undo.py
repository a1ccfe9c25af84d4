"""Undo deletes exactly the posts of the journal that are still to come, through anything."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from campaign_lab import START, Lab, Watched, at, rows

from postiz_async._campaign.campaign import Campaign
from postiz_async._campaign.journal.file import JournalFile
from postiz_async._campaign.journal.journal import open_existing
from postiz_async._campaign.journal.rows import Finding
from postiz_async._campaign.journal.summary import read_summary
from postiz_async._campaign.run.job import JobContext, ignore
from postiz_async._campaign.run.undo import Selection, UndoResult, undo_journal
from postiz_async._campaign.run.update_plan import ChangeOptions
from postiz_async._delivery.outcomes import RowState
from postiz_async._resources.api import opened
from postiz_async._sandbox import StoredPost
from postiz_async._sandbox.faults import Fault
from postiz_async._wire import WireResponse
from postiz_async.errors import ChannelNotFoundError, ConfigurationError, PostizError
from postiz_async.models.posts import NewPost

HOW = ChangeOptions(ignore, force=False, dry_run=False)


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


@pytest.fixture
def channels(lab: Lab) -> list[str]:
    return [lab.channel("telegram"), lab.channel("mastodon", name="News")]


@pytest.fixture
async def foreign(lab: Lab, channels: list[str]) -> set[str]:
    """Posts of somebody else at the dates of the campaign, one of them with an equal text."""
    async with lab.client() as postiz:
        made = [
            await postiz.posts.schedule(
                NewPost(channels[0], text), at=datetime.fromisoformat(at(24.0)), validate=False
            )
            for text in ("theirs", "post 0")
        ]
    return {each[0].post_id for each in made}


async def sent(lab: Lab, channels: list[str], count: int = 12) -> dict[int, str]:
    """Run a campaign; the ids of its posts by row."""
    lab.write(rows(channels, count))
    report = await lab.run(existing="again")
    return {row.number: str(row.post_id) for row in report.rows}


async def undo(lab: Lab, **options: Any) -> UndoResult:
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        return await campaign.undo(**options)


def there(lab: Lab) -> set[str]:
    return {post.id for post in lab.sandbox.posts}


def states(lab: Lab) -> dict[int, RowState]:
    return {row.number: row.state for row in read_summary(lab.journal).rows}


def saved_in_postiz(lab: Lab, post_id: str, **changes: object) -> None:
    """What the web page does when somebody saves a post: another group, no milliseconds."""
    (post,) = (post for post in lab.sandbox.posts if post.id == post_id)
    date = int(post.date.replace(microsecond=0).timestamp() * 1000)
    lab.sandbox.change_post(post_id, **{"date": date, "group": f"new {post_id}", **changes})


# ------------------------------------------------------------------ which posts


async def test_all_of_the_campaign_and_nothing_else(
    lab: Lab, channels: list[str], foreign: set[str]
) -> None:
    await sent(lab, channels)
    undone = await undo(lab)
    assert (len(undone.rows), undone.left) == (12, {})
    assert there(lab) == foreign
    assert set(states(lab).values()) == {RowState.WITHDRAWN}


async def test_a_dry_run_tells_the_same_and_deletes_nothing(lab: Lab, channels: list[str]) -> None:
    ids = await sent(lab, channels)
    undone = await undo(lab, dry_run=True)
    assert {row.post_id for row in undone.rows} == set(ids.values()) == there(lab)
    assert set(states(lab).values()) == {RowState.STORED}


@pytest.mark.parametrize(
    ("chosen", "gone"),
    [
        ({"rows": range(3, 6)}, {3, 4, 5}),
        ({"channel": "News"}, {2, 4, 6, 8, 10, 12}),
        ({"channel": "telegram"}, {1, 3, 5, 7, 9, 11}),
        ({"after": START + timedelta(hours=26)}, {9, 10, 11, 12}),
        ({"after": START + timedelta(hours=25), "channel": "News", "rows": {5, 6, 12}}, {6, 12}),
    ],
)
async def test_what_is_chosen(
    lab: Lab, channels: list[str], chosen: dict[str, object], gone: set[int]
) -> None:
    ids = await sent(lab, channels)
    undone = await undo(lab, **chosen)
    assert {row.number for row in undone.rows} == gone
    assert there(lab) == {post_id for number, post_id in ids.items() if number not in gone}


async def test_rows_are_counted_as_the_file_has_them_now(lab: Lab, channels: list[str]) -> None:
    """A row that is gone had a number that is another row's now."""
    ids = await sent(lab, channels, 6)
    lab.write(rows(channels, 6)[1:])
    for _ in range(2):  # before and after a run that numbers the rows anew
        would = await undo(lab, rows={1}, dry_run=True)
        assert [(row.number, row.post_id) for row in would.rows] == [(1, ids[2])]
        await lab.run(keep=True)
    with pytest.raises(ConfigurationError, match=r"row 6 is not in .*: it has 5 rows \(1-5\)"):
        await undo(lab, rows={6})
    await undo(lab, rows={1})
    assert there(lab) == set(ids.values()) - {ids[2]}


async def test_a_number_that_is_there_twice_matters_only_to_who_says_it(
    lab: Lab, channels: list[str]
) -> None:
    """A row was taken out of the file, and another one has its number now."""
    await sent(lab, channels, 6)
    lab.write(rows(channels, 6)[1:])
    await lab.run(keep=True)
    place = JournalFile(lab.journal)
    async with lab.client() as postiz, await open_existing(opened(postiz), place) as journal:
        context = JobContext.of(opened(postiz), journal)
        with pytest.raises(ConfigurationError, match="row 1: several posts have that number"):
            await undo_journal(context, Selection(rows={1, 2}), HOW)
        assert len(there(lab)) == 6
        undone = await undo_journal(context, Selection(), HOW)
    assert sorted(row.number for row in undone.rows) == [1, 1, 2, 3, 4, 5]
    assert there(lab) == set()


async def test_a_name_that_was_another_channel_is_refused(lab: Lab) -> None:
    """Somebody renames the channel News, and another one is called News from then on."""
    old, new = lab.channel("mastodon", name="News"), lab.channel("bluesky", name="Later")
    lab.write(
        {"channel": name, "date": at(24 + n), "content": f"post {n}", "ref": f"r{n}"}
        for n, name in enumerate(("News", new))
    )
    await lab.run()
    lab.sandbox.change_channel(old, name="Old news")
    lab.sandbox.change_channel(new, name="News")
    with pytest.raises(ConfigurationError, match="'News' was another channel") as refused:
        await undo(lab, channel="News")
    assert old in str(refused.value)
    assert len(there(lab)) == 2
    await undo(lab, channel=new)
    assert {post.channel_id for post in lab.sandbox.posts} == {old}


async def test_a_channel_that_is_not_there_is_refused(lab: Lab, channels: list[str]) -> None:
    await sent(lab, channels)
    with pytest.raises(ChannelNotFoundError, match="there is no channel 'nix'"):
        await undo(lab, channel="nix")
    assert len(there(lab)) == 12


async def test_what_is_out_stays(lab: Lab, channels: list[str]) -> None:
    ids = await sent(lab, channels)
    await lab.clock.sleep(24.5 * 3600)
    undone = await undo(lab)
    assert {why: {row.number for row in rows} for why, rows in undone.left.items()} == {
        "published": {1, 2, 3, 4}
    }
    assert there(lab) == {ids[number] for number in range(1, 5)}
    published = [post.state for post in lab.sandbox.posts]
    assert published == ["PUBLISHED"] * 4


async def test_what_is_due_now_stays(lab: Lab, channels: list[str]) -> None:
    await sent(lab, channels)
    await lab.clock.sleep(24 * 3600 - 30)
    undone = await undo(lab)
    assert [len(rows) for rows in undone.left.values()] == [4]
    assert list(undone.left) == ["due"]


@pytest.mark.parametrize("hours", [23.999, 48.0])
async def test_a_draft_is_never_due(lab: Lab, channels: list[str], hours: float) -> None:
    """Nothing publishes it, however near or long ago its date is."""
    lab.write([row | {"type": "draft"} for row in rows(channels, 2)])
    await lab.run()
    await lab.clock.sleep(hours * 3600)
    undone = await undo(lab)
    assert (len(undone.rows), undone.left) == (2, {})
    assert there(lab) == set()


EDITS: list[Callable[[StoredPost], dict[str, object]]] = [
    lambda _: {"content": "better words"},
    lambda post: {"date": int((post.date + timedelta(days=40)).timestamp() * 1000)},
    lambda _: {},
    lambda _: {"state": "DRAFT"},
]


@pytest.mark.parametrize("edit", EDITS)
async def test_what_people_edited_stays_unless_said(
    lab: Lab, channels: list[str], edit: Callable[[StoredPost], dict[str, object]]
) -> None:
    ids = await sent(lab, channels)
    (post,) = (post for post in lab.sandbox.posts if post.id == ids[5])
    saved_in_postiz(lab, ids[5], **edit(post))
    undone = await undo(lab)
    assert [row.number for row in undone.left["edited"]] == [5]
    assert there(lab) == {ids[5]}
    assert states(lab)[5] is RowState.STORED
    undone = await undo(lab, force=True)
    assert [row.number for row in undone.rows] == [5]
    assert there(lab) == set()


async def test_what_is_edited_in_the_moment_of_its_deletion_stays(
    lab: Lab, channels: list[str]
) -> None:
    ids = await sent(lab, channels)
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        transport = lab.transport
        deleting = transport.send

        async def send(request: Any) -> Any:
            if request.method == "DELETE" and lab.sandbox.posts[0].id == ids[1]:
                saved_in_postiz(lab, ids[1], content="better words")
            return await deleting(request)

        transport.send = send  # type: ignore[method-assign]
        undone = await campaign.undo(rows={1, 2})
    assert [row.number for row in undone.left["edited"]] == [1]
    assert ids[1] in there(lab)
    assert states(lab)[1] is RowState.STORED
    assert states(lab)[2] is RowState.WITHDRAWN


async def test_a_group_that_holds_another_post_is_not_deleted(
    lab: Lab, channels: list[str], foreign: set[str]
) -> None:
    ids = await sent(lab, channels)
    (post,) = (post for post in lab.sandbox.posts if post.id == ids[1])
    other = min(foreign)
    lab.sandbox.change_post(other, group=post.group)
    undone = await undo(lab)
    assert [row.number for row in undone.left["shared"]] == [1]
    assert there(lab) == foreign | {ids[1]}


async def test_posts_of_a_channel_that_is_gone_are_named(lab: Lab, channels: list[str]) -> None:
    await sent(lab, channels)
    lab.sandbox.change_channel(channels[1], deleted_at=1)
    undone = await undo(lab)
    assert len(undone.left["hidden"]) == 6
    assert len(undone.rows) == 6


async def test_what_people_deleted_is_withdrawn_too(lab: Lab, channels: list[str]) -> None:
    ids = await sent(lab, channels)
    lab.sandbox.change_post(ids[1], deleted_at=1)
    undone = await undo(lab)
    assert len(undone.rows) == 12
    assert set(states(lab).values()) == {RowState.WITHDRAWN}


async def test_what_others_delete_at_the_same_time_is_withdrawn_too(
    lab: Lab, channels: list[str]
) -> None:
    """Newer servers answer 404 to a deletion of what is gone."""
    await sent(lab, channels)
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        sending = lab.transport.send

        async def send(request: Any) -> Any:
            answer = await sending(request)
            return WireResponse(404, {}, b"{}") if request.method == "DELETE" else answer

        lab.transport.send = send  # type: ignore[method-assign]
        undone = await campaign.undo()
    assert (len(undone.rows), undone.left) == (12, {})
    assert there(lab) == set()
    assert set(states(lab).values()) == {RowState.WITHDRAWN}


async def test_a_server_without_groups_deletes_by_id(tmp_path: Path) -> None:
    lab = Lab(tmp_path, release="v2.20.0")
    channels = [lab.channel("telegram"), lab.channel("mastodon")]
    await sent(lab, channels, 4)
    assert len((await undo(lab)).rows) == 4
    assert there(lab) == set()


# ------------------------------------------------------------------ afterwards


async def test_a_later_run_sends_them_again_only_if_that_is_said(
    lab: Lab, channels: list[str]
) -> None:
    ids = await sent(lab, channels)
    await undo(lab, rows={1, 2, 3})
    report = await lab.run()
    assert report.counts == {"stored": 9, "withdrawn": 3}
    assert (report.complete, report.troubles()) == (True, [])
    assert len(there(lab)) == 9
    report = await lab.run(existing="again")
    assert report.counts == {"stored": 12}
    lab.assert_each_once(f"post {n}" for n in range(12))
    assert there(lab) & set(ids.values()) == {ids[n] for n in range(4, 13)}
    assert [row.finding for row in report.rows] == [Finding.NOTHING] * 12
    assert len((await undo(lab)).rows) == 12
    assert there(lab) == set()


# ------------------------------------------------------------------ through trouble


@pytest.mark.parametrize("kind", ["drop_answer", "reset", "error_before", "error_after"])
async def test_lost_answers(lab: Lab, channels: list[str], foreign: set[str], kind: str) -> None:
    await sent(lab, channels)
    lab.sandbox.faults.add(Fault(kind, route="delete_post_group", times=5))
    assert len((await undo(lab)).rows) == 12
    assert there(lab) == foreign


async def test_requests_without_an_answer_are_looked_up_first(
    lab: Lab, channels: list[str], foreign: set[str]
) -> None:
    lab.write(rows(channels, 12))

    def arm(transport: Watched, die: Callable[[], None]) -> None:
        creates = 0

        def judge(_: object) -> None:
            nonlocal creates
            creates += 1
            if creates == 2:
                die()

        transport.judge = judge

    died = await lab.killed(arm, existing="again")
    assert died
    assert RowState.SENDING in states(lab).values()
    undone = await undo(lab)
    assert there(lab) == foreign
    after = states(lab).values()
    assert set(after) <= {RowState.WITHDRAWN, RowState.PLANNED}
    assert len(undone.rows) == sum(state is RowState.WITHDRAWN for state in after) > 0


@pytest.mark.exhaustive
async def test_it_goes_on_wherever_it_died(lab: Lab, channels: list[str]) -> None:
    """It dies before and after each of its requests, one after another."""

    async def act(campaign: Campaign) -> None:
        await campaign.undo()

    def arm(number: int, *, before: bool) -> Callable[[Watched, Callable[[], None]], None]:
        def armed(transport: Watched, die: Callable[[], None]) -> None:
            when = transport.before if before else transport.after
            when[len(transport.sent) + number] = die

        return armed

    for before in (True, False):
        number, died = 0, True
        while died:
            number += 1
            await sent(lab, channels, 6)
            died = await lab.killed(arm(number, before=before), act)
            await undo(lab)
            assert there(lab) == set()
            assert set(states(lab).values()) == {RowState.WITHDRAWN}
            for path in lab.folder.glob("campaign.journal*"):
                path.unlink()
        assert number > 6


@pytest.mark.parametrize("route", ["list_posts", "delete_post_group"])
async def test_an_outage_is_over_as_soon_as_postiz_answers(
    lab: Lab, channels: list[str], route: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing else shows that Postiz is back: an undo creates nothing."""
    await sent(lab, channels)
    lab.sandbox.faults.add(Fault("error_before", route=route, times=None, status=503))
    lab.clock.call_at(lab.clock.monotonic() + 100, lab.sandbox.faults.clear)
    assert len((await undo(lab)).rows) == 12
    assert [text.partition(" ")[0] for text in caplog.messages] == ["paused", "goes"]


async def test_an_outage_stops_it_resumably(lab: Lab, channels: list[str]) -> None:
    await sent(lab, channels)
    lab.sandbox.faults.add(Fault("error_before", route="delete_post_group", times=1000, status=503))
    with pytest.raises(PostizError):
        await undo(lab)
    assert RowState.WITHDRAWING in states(lab).values()
    report = await lab.run()
    assert not report.complete
    assert len(there(lab)) == 12
    lab.sandbox.faults.clear()
    await undo(lab)
    assert there(lab) == set()
