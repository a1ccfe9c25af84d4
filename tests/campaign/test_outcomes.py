"""A run is awaited or iterated over, and ends well however its caller leaves it."""

from __future__ import annotations

import asyncio
import gc
import warnings
from typing import Any

import pytest
from campaign_lab import Lab, rows

from postiz_async._campaign.journal.summary import read_summary
from postiz_async._campaign.outcomes import Outcomes
from postiz_async.errors import AuthenticationError, UsageError
from postiz_async.types import Outcome, RowState

OPEN = {RowState.SENDING, RowState.UNKNOWN}


async def test_breaking_out_stops_sending_and_the_next_call_waits_for_what_is_in_flight(
    lab: Lab, channels: list[str]
) -> None:
    lab.write(rows(channels, 120))
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        async for outcome in campaign.run():
            assert outcome.state is RowState.STORED
            break
        report = await campaign.report()
        sent = len(lab.creates)
        assert 1 <= sent <= 5
        assert not OPEN & {row.state for row in report.rows}, "each answer is written down"
        assert len(lab.sandbox.posts) == report.counts["stored"]
        await lab.clock.sleep(4_000)
        assert len(lab.creates) == sent
        assert (await campaign.run()).complete
    lab.assert_each_once(f"post {n}" for n in range(120))


async def test_a_run_that_was_iterated_says_where_its_report_is(
    lab: Lab, channels: list[str]
) -> None:
    lab.write(rows(channels, 3))
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        run = campaign.run()
        assert len([outcome async for outcome in run]) == 3
        with pytest.raises(RuntimeError, match="report"):
            await run


async def test_a_run_that_was_awaited_cannot_be_iterated(lab: Lab, channels: list[str]) -> None:
    lab.write(rows(channels, 3))
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        run = campaign.run()
        assert (await run).complete
        with pytest.raises(RuntimeError, match="awaited"):
            aiter(run)


async def test_outcomes_that_were_closed_send_nothing(lab: Lab, channels: list[str]) -> None:
    lab.write(rows(channels, 3))
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        outcomes = aiter(campaign.run())
        assert isinstance(outcomes, Outcomes)
        await outcomes.aclose()
        assert [each async for each in outcomes] == []
    assert lab.creates == []


async def test_an_error_in_the_loop_comes_out_and_stops_the_run(
    lab: Lab, channels: list[str]
) -> None:
    lab.write(rows(channels, 120))
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        with pytest.raises(ZeroDivisionError):  # noqa: PT012
            async for _ in campaign.run():
                raise ZeroDivisionError
        assert (await campaign.report()).counts["planned"] > 60
        assert (await campaign.run()).complete


async def test_a_loop_that_is_cancelled_ends_what_is_in_flight_before_it_is_let_go(
    lab: Lab, channels: list[str]
) -> None:
    lab.write(rows(channels, 120))
    seen: list[Outcome] = []

    async def take(campaign: Any) -> None:
        async for outcome in campaign.run():
            seen.append(outcome)
            if len(seen) == 1:
                begun.set()

    begun = asyncio.Event()
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        task = asyncio.create_task(take(campaign))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not OPEN & {row.state for row in read_summary(lab.journal).rows}
        assert (await campaign.run()).complete
    lab.assert_each_once(f"post {n}" for n in range(120))


async def test_a_run_is_a_coroutine_for_tasks_and_time_limits(
    lab: Lab, channels: list[str]
) -> None:
    lab.write(rows(channels, 120))
    first = asyncio.Event()
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        task = asyncio.create_task(campaign.run(lambda _: first.set()))
        await first.wait()
        with pytest.raises(UsageError, match="being run already"):
            await campaign.run()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not OPEN & {row.state for row in read_summary(lab.journal).rows}
        async with asyncio.TaskGroup() as group:
            ran = group.create_task(campaign.run())
        assert ran.result().complete
    lab.assert_each_once(f"post {n}" for n in range(120))


async def test_hooks_may_be_synchronous_or_not(lab: Lab, channels: list[str]) -> None:
    lab.write(rows(channels, 4))
    seen: list[Outcome] = []

    async def slowly(outcome: Outcome) -> None:
        await lab.clock.sleep(1)
        seen.append(outcome)

    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        assert (await campaign.run(seen.append)).complete
        assert sorted(outcome.row for outcome in seen) == [1, 2, 3, 4]
        seen.clear()
        await campaign.undo(on_outcome=slowly)
        assert sorted(outcome.row for outcome in seen) == [1, 2, 3, 4]


@pytest.mark.parametrize("hook", [1, "print", lambda: None, lambda one, two: (one, two)])
async def test_a_hook_that_cannot_be_called_is_refused_before_anything_is_sent(
    lab: Lab, channels: list[str], hook: Any
) -> None:
    lab.write(rows(channels, 4))
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        with pytest.raises(UsageError, match="on_outcome"):
            campaign.run(hook)
        with pytest.raises(UsageError, match="on_outcome"):
            await campaign.undo(on_outcome=hook)
        with pytest.raises(UsageError, match="on_outcome"):
            await campaign.run(on_outcome=hook)
        with pytest.raises(UsageError, match="on_look"):
            await campaign.wait_published(on_look=hook)
    assert lab.creates == []


async def test_print_is_a_hook(
    lab: Lab, channels: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    lab.write(rows(channels, 2))
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        assert (await campaign.run(print)).complete
    assert capsys.readouterr().out.count("Outcome(") == 2


async def test_a_run_that_nobody_awaits_sends_nothing_and_is_warned_of(
    lab: Lab, channels: list[str]
) -> None:
    lab.write(rows(channels, 2))
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        with pytest.warns(RuntimeWarning, match="never awaited"):  # noqa: PT031
            campaign.run()
            gc.collect()
        with warnings.catch_warnings(action="error"):
            assert len([outcome async for outcome in campaign.run()]) == 2
    assert lab.creates == [201]


async def test_what_stops_a_run_is_raised_once_after_the_outcomes_before_it(
    lab: Lab, channels: list[str]
) -> None:
    lab.write(rows(channels, 2))
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        lab.sandbox.organization.api_key = "another"
        with pytest.raises(AuthenticationError):
            await campaign.run()
        with pytest.raises(AuthenticationError):
            [outcome async for outcome in campaign.run()]
        lab.sandbox.organization.api_key = "sandbox"
        assert (await campaign.run()).complete


async def test_an_error_that_nobody_waited_for_is_raised_by_what_comes_next(
    lab: Lab, channels: list[str]
) -> None:
    lab.write(rows(channels, 40))
    async with lab.client() as postiz:
        with pytest.raises(AuthenticationError, match="401"):  # noqa: PT012
            async with lab.campaign(postiz) as campaign:
                async for _ in campaign.run():
                    lab.sandbox.organization.api_key = "renewed"
                    break


async def test_a_campaign_is_opened_and_closed_without_a_block_and_in_any_task(
    lab: Lab, channels: list[str]
) -> None:
    lab.write(rows(channels, 120))
    async with lab.client() as postiz:
        campaign = await lab.campaign(postiz).open()

        async def begin() -> None:
            async for _ in campaign.run():
                break

        await asyncio.create_task(begin())
        await asyncio.create_task(campaign.aclose())
        await campaign.aclose()
        assert not OPEN & {row.state for row in read_summary(lab.journal).rows}
        sent = await postiz.sent_campaign(lab.path).open()
        try:
            assert (await sent.undo()).unsent > 60
        finally:
            await sent.aclose()
    assert not lab.sandbox.posts
