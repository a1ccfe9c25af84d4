"""Rows whose date comes too early: in doubt, late, or changed after they were stored."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest
from campaign_lab import START, Lab, Watched, at, counted, rows

from postiz_async._campaign.journal.rows import Finding
from postiz_async._delivery.options import checked_late
from postiz_async._sandbox import Fault
from postiz_async.errors import APIConnectionError, ConfigurationError, UsageError


def lose(lab: Lab, kind: str = "reset", **options: object) -> None:
    lab.sandbox.faults.add(Fault(kind, route="create_post", **options))  # type: ignore[arg-type]


# ------------------------------------------------------------------ in doubt

MINUTES = 1 / 60


@pytest.mark.parametrize("minutes", [2, 5, 11])
async def test_what_is_due_before_its_absence_is_proved_ends_undecided(
    lab: Lab, channels: list[str], minutes: int
) -> None:
    lab.write(rows(channels, 6, hours=minutes * MINUTES))
    lose(lab)
    report = await lab.run()
    assert report.counts == {"undecided": 6}
    assert lab.contents() == Counter()
    assert all("look for it in Postiz" in row.note for row in report.troubles())
    assert (await lab.run()).counts == {"undecided": 6}


async def test_neither_does_late_send_publish_it_in_doubt(lab: Lab, channels: list[str]) -> None:
    lab.write(rows(channels, 6, hours=5 * MINUTES))
    lose(lab, "late_work", delay=1_500.0)
    assert (await lab.run(late="send")).counts == {"undecided": 6}
    await lab.clock.sleep(3_600)
    lab.assert_each_once(f"post {n}" for n in range(6))
    assert (await lab.run()).complete  # it is taken over when it turns up
    lab.assert_each_once(f"post {n}" for n in range(6))


async def test_what_is_found_in_time_is_stored_whatever_its_date(
    lab: Lab, channels: list[str]
) -> None:
    lab.write(rows(channels, 6, hours=5 * MINUTES))
    lose(lab, "drop_answer")
    assert (await lab.run()).complete
    lab.assert_each_once(f"post {n}" for n in range(6))


async def test_it_is_sent_in_time_when_the_user_wants_that(lab: Lab, channels: list[str]) -> None:
    lab.write(rows(channels, 6, hours=5 * MINUTES))
    lose(lab)
    assert (await lab.run(on_doubt="send")).complete
    lab.assert_each_once(f"post {n}" for n in range(6))
    assert lab.sandbox.creates[-1].at < 300
    assert lab.creates == [400, 201]


async def test_what_is_due_later_waits_for_certainty_all_the_same(
    lab: Lab, channels: list[str]
) -> None:
    lab.write(rows(channels, 6, hours=0.5))
    lose(lab)
    assert (await lab.run(on_doubt="send")).complete
    assert lab.sandbox.creates[-1].at > 720


async def test_drafts_are_never_in_doubt(lab: Lab, channels: list[str]) -> None:
    lab.write([row | {"type": "draft"} for row in rows(channels, 6, hours=5 * MINUTES)])
    lose(lab)
    assert (await lab.run()).complete
    lab.assert_each_once(f"post {n}" for n in range(6))


async def test_a_post_for_now_is_not_published_twice(lab: Lab, channels: list[str]) -> None:
    lab.write([row | {"type": "now"} for row in rows(channels, 2)])
    lose(lab)
    assert (await lab.run()).counts == {"undecided": 2}
    assert (await lab.run(on_doubt="send")).complete
    lab.assert_each_once(f"post {n}" for n in range(2))


async def test_an_undecided_row_with_a_later_date_is_sent(lab: Lab, channels: list[str]) -> None:
    records = [row | {"ref": f"r{n}"} for n, row in enumerate(rows(channels, 6, hours=0.1))]
    lab.write(records)
    lose(lab)
    assert (await lab.run()).counts == {"undecided": 6}
    lab.write([row | {"date": at(30)} for row in records])
    assert (await lab.run()).complete
    lab.assert_each_once(f"post {n}" for n in range(6))


def lost_and_far(
    lab: Lab, channels: list[str], count: int, kind: str = "reset", **options: object
) -> list[dict[str, object]]:
    """A campaign of rows that are due soon, whose answer is lost, and of one that has time."""
    records = [*rows(channels, count, hours=0.1), *rows(channels, 1, hours=40)]
    records[-1]["content"] = "far"
    lab.write(records)
    lose(lab, kind, times=1, **options)
    return records


async def test_an_undecided_row_without_a_ref_is_known_with_its_later_date(
    lab: Lab, channels: list[str]
) -> None:
    records = lost_and_far(lab, channels, 6)
    assert (await lab.run()).counts == {"undecided": 6, "stored": 1}
    lab.write([record | {"date": at(30)} for record in records[:6]] + records[6:])
    assert (await lab.run()).counts == {"stored": 7}
    lab.assert_each_once([*(f"post {n}" for n in range(6)), "far"])


async def test_an_undecided_row_that_is_taken_out_of_the_file_is_done_with(
    lab: Lab, channels: list[str]
) -> None:
    records = lost_and_far(lab, channels, 3)
    assert (await lab.run()).counts == {"undecided": 3, "stored": 1}
    lab.write(records[3:])
    report = await lab.run()
    assert (report.counts, report.complete) == ({"skipped": 3, "stored": 1}, True)
    [why] = {row.note for row in report.rows if row.post_id is None}
    assert why.startswith("its answer was lost, Postiz was searched and does not have it, and it")
    lab.write(records)
    assert (await lab.run()).counts == {"late": 3, "stored": 1}, "it is put back as it was"
    lab.assert_each_once(["far"])


async def test_one_that_cannot_be_read_any_more_is_not_taken_out(
    lab: Lab, channels: list[str]
) -> None:
    records = lost_and_far(lab, channels, 3)
    await lab.run()
    lab.write([records[0] | {"date": "soon"}, *records[1:]])
    assert (await lab.run(skip_invalid=True)).counts == {"undecided": 3, "stored": 1}


async def test_one_that_turns_up_after_it_was_taken_out_is_taken_over(
    lab: Lab, channels: list[str]
) -> None:
    records = lost_and_far(lab, channels, 3, "late_work", delay=1_500.0)
    assert (await lab.run()).counts == {"undecided": 3, "stored": 1}
    lab.write(records[3:])
    assert (await lab.run()).counts == {"skipped": 3, "stored": 1}
    await lab.clock.sleep(1_800)
    assert counted(await lab.run()) == {"stored": 4}
    lab.write(records)
    assert counted(await lab.run()) == {"stored": 4}
    lab.assert_each_once([*(f"post {n}" for n in range(3)), "far"])


async def test_one_whose_channel_is_gone_stays_undecided_for_nothing_could_be_looked_for(
    lab: Lab, channels: list[str]
) -> None:
    records = [*rows(channels[:1], 1, hours=0.1), *rows(channels[1:], 1, hours=40)]
    lab.write(records)
    lose(lab, times=1)
    assert (await lab.run()).counts == {"undecided": 1, "stored": 1}
    async with lab.client() as postiz:
        await postiz.channels.delete(channels[0])
    lab.write(records[1:])
    report = await lab.run()
    assert (report.counts, report.complete) == ({"undecided": 1, "stored": 1}, False)


async def dates_moved(lab: Lab, records: list[dict[str, object]]) -> None:
    """Later, all rows get another date; nobody looked in Postiz."""
    await lab.clock.sleep(1_800)
    lab.write([record | {"date": at(30)} for record in records[:6]] + records[6:])


async def stays_as_it_was(lab: Lab, texts: list[str]) -> None:
    for _ in range(3):
        report = await lab.run()
        assert counted(report) == {"stored": 7}
        lab.assert_each_once(texts)
        await lab.clock.sleep(12 * 3_600)
    assert [row.finding for row in report.rows].count(Finding.CHANGED) == 6


async def test_one_that_turns_out_to_be_stored_is_not_sent_with_its_later_date(
    lab: Lab, channels: list[str]
) -> None:
    records = lost_and_far(lab, channels, 6, "late_work", delay=1_500.0)
    assert (await lab.run()).counts == {"undecided": 6, "stored": 1}
    await dates_moved(lab, records)
    await stays_as_it_was(lab, [*(f"post {n}" for n in range(6)), "far"])


async def test_neither_is_one_that_was_in_flight_when_its_run_was_killed(
    lab: Lab, channels: list[str]
) -> None:
    records = lost_and_far(lab, channels, 6, "late_answer", delay=900.0)

    def in_flight(_: object, die: Callable[[], None]) -> None:
        lab.clock.call_at(lab.clock.monotonic() + 20, die)

    assert await lab.killed(in_flight)
    await dates_moved(lab, records)

    answers = itertools.count(1)

    def after_one_more_answer(transport: Watched, die: Callable[[], None]) -> None:
        transport.after[len(transport.sent) + next(answers)] = die

    while await lab.killed(after_one_more_answer):
        pass
    assert next(answers) > 4
    await stays_as_it_was(lab, [*(f"post {n}" for n in range(6)), "far"])


async def test_a_server_that_is_gone_until_the_date_leaves_it_undecided(
    lab: Lab, channels: list[str]
) -> None:
    lab.write(rows(channels, 6, hours=0.3))
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        lab.transport.after[len(lab.transport.sent) + 1] = lambda: lab.sandbox.faults.add(
            Fault("drop_answer", route="create_post", times=1),
        )
        lab.clock.call_at(
            lab.clock.monotonic() + 5, lambda: lab.sandbox.faults.add(Fault("reset", times=None))
        )
        with pytest.raises(APIConnectionError):
            await campaign.run()
        report = await campaign.report()
    assert report.counts == {"undecided": 6}
    assert "could not be reached until its date" in report.troubles()[0].note
    lab.sandbox.faults.clear()
    await lab.run()
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        assert (await campaign.report()).complete
    lab.assert_each_once(f"post {n}" for n in range(6))


# ------------------------------------------------------------------ late


async def test_a_late_row_without_a_ref_is_forgotten_when_it_gets_another_date(
    lab: Lab, channels: list[str]
) -> None:
    records = [
        {"channel": channels[0], "date": at(0.5 + n / 1000), "content": f"{n}"} for n in range(100)
    ]
    lab.write(records)
    late = (await lab.run()).counts["late"]
    again = [row | {"date": at(30 + n)} for n, row in enumerate(records[-late:])]
    lab.write([*records[:-late], *again])
    report = await lab.run()
    assert counted(report) == {"stored": 100, "skipped": late}
    assert report.complete
    assert all("not in the campaign file" in row.note for row in report.troubles())
    lab.write(records[:-late])
    assert (await lab.run(keep=True)).counts == report.counts
    lab.assert_each_once(f"{n}" for n in range(100))


async def test_late_rows_move_to_a_later_date(lab: Lab, channels: list[str]) -> None:
    records = [
        {"channel": channels[0], "date": at(0.5 + n / 1000), "content": f"{n}"} for n in range(40)
    ]
    lab.write(records)
    report = await lab.run(late=timedelta(minutes=15))
    assert report.complete
    lab.assert_each_once(f"{n}" for n in range(40))
    shifted = [row for row in report.rows if row.finding is Finding.SHIFTED]
    assert [row.number for row in shifted] == list(range(31, 41))
    for row in shifted:
        sent = next(p for p in lab.sandbox.posts if p.id == row.post_id)
        assert 0 <= sent.date.timestamp() - row.seconds < 1
        assert row.seconds >= START.timestamp() + 3_600 + 900
        assert row.remark.startswith("was late; moved from 2027-01-01 08:3")
    assert (await lab.run(late=timedelta(minutes=15))).rows == report.rows


async def test_rows_that_were_kept_late_can_be_shifted_afterwards(
    lab: Lab, channels: list[str]
) -> None:
    lab.write(rows(channels, 6, hours=0.2))
    lab.sandbox.faults.add(Fault("reset", times=None, route="list_posts"))
    lab.clock.call_at(lab.clock.monotonic() + 1_000, lab.sandbox.faults.clear)
    assert (await lab.run()).counts == {"late": 6}
    report = await lab.run(late=timedelta(hours=1))
    assert report.complete
    assert {row.finding for row in report.rows} == {Finding.SHIFTED}


@pytest.mark.parametrize(
    ("said", "late"),
    [
        ("skip", "skip"),
        ("send", "send"),
        ("90s", timedelta(seconds=90)),
        ("15m", timedelta(minutes=15)),
        ("2h", timedelta(hours=2)),
        ("1d", timedelta(days=1)),
        (90, timedelta(seconds=90)),
        (90.5, timedelta(seconds=90.5)),
        (timedelta(hours=1), timedelta(hours=1)),
    ],
)
def test_what_to_do_with_late_rows_is_read(said: str | float | timedelta, late: object) -> None:
    assert checked_late(said) == late


@pytest.mark.parametrize("said", ["", "shift", "15", "-1m", "x", math.nan, math.inf, True])
def test_anything_else_is_refused(said: str | float) -> None:
    with pytest.raises(UsageError) as refused:
        checked_late(said)
    assert str(refused.value).startswith(f"--late (late=) is {said!r}; say skip, send, or how much")


@pytest.mark.parametrize("late", [timedelta(0), timedelta(days=367)])
async def test_a_shift_of_no_time_or_of_more_than_a_year_is_refused(
    lab: Lab, late: timedelta
) -> None:
    async with lab.client() as postiz:
        with pytest.raises(ConfigurationError, match="cannot be shifted"):
            lab.campaign(postiz, late=late)


# ------------------------------------------------------------------ changed after they were stored


async def test_a_changed_row_whose_post_is_left_is_reported_until_it_is_as_it_was(
    lab: Lab, channels: list[str]
) -> None:
    records = [row | {"ref": f"r{n}"} for n, row in enumerate(rows(channels, 6))]
    lab.write(records)
    [post] = [row.post_id for row in (await lab.run()).rows if row.ref == "r0"]
    lab.sandbox.change_post(str(post), state="PUBLISHED")
    lab.write([records[0] | {"content": "something else"}, *records[1:]])
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        assert [each.row.ref for each in campaign.edits.changed] == ["r0"]
        report = await campaign.run()
    assert report.changes.left == {"published": (1,)}
    (changed,) = report.troubles()
    assert (changed.ref, changed.finding) == ("r0", Finding.CHANGED)
    assert "postiz-async plan says why" in changed.remark
    lab.assert_each_once(f"post {n}" for n in range(6))
    lab.write(records)
    assert (await lab.run()).troubles() == []
