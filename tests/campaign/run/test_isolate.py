"""Refusals: whose they are, how few requests find that out, and channels that only fail."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from campaign_lab import Lab, refuse_bad, rows, with_bad
from hypothesis import given, settings, strategies as st
from spread import spread

from postiz_async._campaign.journal.summary import read_summary
from postiz_async._campaign.read.rows import Row
from postiz_async._campaign.run.isolate import IN_A_ROW, Bisection, Refusals
from postiz_async._delivery.outcomes import RowState
from postiz_async._sandbox import Fault
from postiz_async._wire import WireRequest, WireResponse
from postiz_async.errors import AuthenticationError, NotFoundError, PermissionDeniedError


def a_row(number: int) -> Row:

    return Row(number=number, ref=f"r{number}", channel="x", date=datetime(2027, 1, 1, tzinfo=UTC))


@settings(deadline=None)
@given(st.integers(2, 300), st.data())
def test_one_guilty_of_many_is_found_with_the_fewest_requests(
    count: int, data: st.DataObject
) -> None:
    guilty = data.draw(st.integers(0, count - 1))
    search, sent, stored = Bisection(tuple(map(a_row, range(count)))), 0, set[int]()
    assert not search.is_fruitful
    while group := search.group:
        sent += 1
        assert len({row.number for row in (*group, *search.others)} | stored) == count
        if any(row.number == guilty for row in group):
            search.refused()
        else:
            stored |= {row.number for row in group}
            search.stored()
    assert [row.number for row in search.suspects] == [guilty]
    assert search.is_fruitful == bool(stored)
    assert stored | {row.number for row in search.unknown} == set(range(count)) - {guilty}
    assert sent <= math.ceil(math.log2(count))


@pytest.mark.parametrize("place", [0, 3, 6, 9, 11])
async def test_that_is_what_a_job_spends(lab: Lab, channels: list[str], place: int) -> None:
    lab.judge = refuse_bad
    lab.write(with_bad(channels, 12, place))
    report = await lab.run()
    assert report.counts == {"stored": 11, "refused": 1}
    assert [record.number for record in report.troubles()] == [place + 1]
    assert len(lab.creates) <= 1 + math.ceil(math.log2(12)) + 1
    lab.assert_each_once(f"post {n}" for n in range(12) if n != place)


@settings(deadline=None)
@given(st.sets(st.integers(0, 19), max_size=6))
def test_several_guilty_rows_are_all_found(guilty: set[int]) -> None:
    """As the job does it: each search finds one, and the unknown ones go again."""
    refused: set[int] = set()
    left = [tuple(map(a_row, range(20)))]
    while left:
        rows_ = left.pop()
        if not guilty & {row.number for row in rows_}:
            continue
        search = Bisection(rows_)
        while group := search.group:
            is_bad = guilty & {row.number for row in group}
            search.refused() if is_bad else search.stored()
        refused |= {row.number for row in search.suspects}
        left.append(search.unknown)
    assert refused <= guilty
    assert bool(refused) == bool(guilty)


@pytest.mark.parametrize("number", spread(range(1, 10), every=2))
async def test_an_answer_that_is_lost_in_the_search_is_looked_up(
    lab: Lab, channels: list[str], number: int
) -> None:
    """Whichever of its requests it is: nothing is sent twice, and no one else is blamed."""
    lab.judge = refuse_bad
    guilty = {3, 8}
    lab.write(with_bad(channels, 12, *guilty))
    creates = 0
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        sending = lab.transport.send

        async def send(request: WireRequest) -> WireResponse:
            nonlocal creates
            creates += request.method == "POST"
            if creates == number and request.method == "POST":
                lab.sandbox.faults.add(Fault("drop_answer", route="create_post"))
            return await sending(request)

        lab.transport.send = send  # type: ignore[method-assign]
        report = await campaign.run()
    assert creates >= number
    assert report.counts == {"stored": 10, "refused": 2}
    lab.assert_each_once(f"post {n}" for n in range(12) if n not in guilty)


async def test_a_request_of_which_half_is_bad_comes_to_an_end(tmp_path: Path) -> None:
    lab = Lab(tmp_path, limit=10_000, latency=0.0)
    async with lab.sandbox:
        channels = [lab.channel(provider) for provider in ("mastodon", "telegram", "threads")]
        lab.judge = refuse_bad
        guilty = set(range(0, 60, 2))
        lab.write(with_bad(channels, 60, *guilty))
        report = await lab.run()
        assert report.counts == {"stored": 30, "refused": 30}
        lab.assert_each_once(f"post {n}" for n in range(60) if n not in guilty)


async def test_where_all_are_refused_no_quota_is_burnt(lab: Lab, channels: list[str]) -> None:
    lab.judge = lambda _: {"msg": "not today"}
    lab.write(with_bad(channels, 120))
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        report = await campaign.run()
        assert len(campaign.remarks) == 3
    assert report.counts["refused"] <= len(channels) * IN_A_ROW + 2
    assert report.counts["refused"] + report.counts["planned"] == 120
    assert len(lab.creates) <= 2 * math.ceil(math.log2(120)) + 2 + len(channels) * IN_A_ROW
    lab.judge = None
    again = await lab.run()
    assert again.counts == {"stored": report.counts["planned"], "refused": report.counts["refused"]}


async def test_an_answer_that_is_lost_in_the_middle_of_a_search_does_not_hold_up_the_others(
    lab: Lab, channels: list[str]
) -> None:
    lab.judge = refuse_bad
    lab.write(with_bad(channels, 12, 9))
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        lab.transport.after[len(lab.transport.sent) + 2] = lambda: lab.sandbox.faults.add(
            Fault("drop_answer", route="create_post")
        )
        report = await campaign.run()
    assert report.counts == {"stored": 11, "refused": 1}
    lab.assert_each_once(f"post {n}" for n in range(12) if n != 9)


# ------------------------------------------------------------------ a channel in trouble


def test_a_channel_is_paused_after_refusals_in_a_row_with_the_same_words() -> None:
    seen = Refusals()
    for n in range(IN_A_ROW):
        assert not seen.paused
        seen.refused(["a"], f"posts.{n}.settings is wrong, {n} times")
    assert list(seen.paused) == ["a"]
    (remark,) = seen.remarks({"a": "Our page"}, {"a": 7})
    assert remark == (
        "The channel 'Our page' was paused after 3 refusals in a row; 7 of its posts were not "
        "sent. When the cause is removed, run again to send them. The server said: "
        "posts.2.settings is wrong, 2 times"
    )
    (remark,) = seen.remarks({"a": "Our page"}, {"a": 1})
    assert "; 1 of its posts was not sent. When the cause is removed, run again to" in remark
    assert seen.remarks({"a": "Our page"}, {}) == [], "nothing waits"


def test_refusals_without_a_word_are_counted_like_others() -> None:
    refusals = Refusals()
    for _ in range(IN_A_ROW - 1):
        refusals.refused(["a"], "")
    assert refusals.paused == {}
    refusals.refused(["a"], "")
    assert refusals.paused == {"a": ""}


def test_other_words_or_a_stored_post_begin_anew() -> None:
    seen = Refusals()
    for text in ("too long", "too long", "no title", "no title"):
        seen.refused(["a"], text)
    seen.stored(["a"])
    for _ in range(IN_A_ROW - 1):
        seen.refused(["a", "a"], "no title")
    assert not seen.paused


async def test_a_channel_that_only_fails_is_paused_and_the_rest_goes_on(
    lab: Lab, channels: list[str]
) -> None:
    broken = channels[1]

    def judge(posts: list[dict[str, Any]]) -> dict[str, Any] | None:
        if all(post["integration"]["id"] != broken for post in posts):
            return None
        text = f"Integration with id {broken} not found"
        return {"message": text, "error": "Bad Request", "statusCode": 400}

    lab.judge = judge
    lab.write(rows(channels, 120))
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        report = await campaign.run()
        (remark,) = campaign.remarks
    assert report.counts["stored"] == 80
    assert report.counts["refused"] + report.counts["planned"] == 40
    refusals = lab.creates.count(400)
    assert IN_A_ROW <= refusals <= IN_A_ROW + 4  # those that had left before
    assert f"{report.counts['planned']} of its posts were not sent" in remark
    waiting = [row for row in report.rows if row.state is RowState.PLANNED]
    assert all("refused again and again" in row.note for row in waiting)
    lab.judge = None  # it is mended
    after = await lab.run()
    assert after.counts == {"stored": 80 + len(waiting), "refused": 40 - len(waiting)}


# ------------------------------------------------------------------ stops and pauses


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, b'{"msg": "No subscription found"}', AuthenticationError),
        (403, b'{"message": "Forbidden", "statusCode": 403}', PermissionDeniedError),
        (404, b'{"message": "Cannot POST /public/v1/posts", "statusCode": 404}', NotFoundError),
    ],
)
async def test_what_concerns_every_request_stops_the_job_at_once(
    lab: Lab, channels: list[str], status: int, body: bytes, kind: type[Exception]
) -> None:
    lab.write(rows(channels, 60))
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        lab.transport.answers = (status, body)
        with pytest.raises(kind):
            await campaign.run()
        assert lab.transport.answered <= 4
        lab.transport.answers = None
    assert {row.state for row in read_summary(lab.journal).rows} == {RowState.PLANNED}
    assert (await lab.run()).complete
    lab.assert_each_once(f"post {n}" for n in range(60))


@pytest.mark.parametrize("fault", [Fault("empty_401", times=None), Fault("reset", times=None)])
async def test_a_server_in_trouble_is_left_in_peace_for_growing_times(
    lab: Lab, channels: list[str], fault: Fault
) -> None:
    lab.write(rows(channels, 60))
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        began, sent = lab.clock.monotonic(), len(lab.transport.sent)
        lab.sandbox.faults.add(fault)
        lab.clock.call_at(began + 600, lab.sandbox.faults.clear)
        assert (await campaign.run()).complete
        assert len(lab.transport.sent) - sent < 200
    lab.assert_each_once(f"post {n}" for n in range(60))


async def test_requests_that_are_lost_again_and_again_do_not_burn_the_quota(
    lab: Lab, channels: list[str]
) -> None:
    """Each 500 costs a slot; ten minutes of them must not cost the window."""
    lab.write(rows(channels, 240))
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        fault = Fault("error_before", route="create_post", status=500, times=None)
        lab.sandbox.faults.add(fault)
        lab.clock.call_at(lab.clock.monotonic() + 600, lab.sandbox.faults.clear)
        assert (await campaign.run()).complete
    assert lab.creates.count(500) <= 15
    lab.assert_each_once(f"post {n}" for n in range(240))
