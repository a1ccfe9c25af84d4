"""A run under way, and its outcomes as a caller takes them: all at once, or one by one."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator
from contextlib import aclosing, suppress
from inspect import CORO_CREATED, getcoroutinestate
from typing import TYPE_CHECKING, Any, TypeAlias

import anyio

from postiz_async._campaign.run.job import Outcome
from postiz_async._concurrency import ended

if TYPE_CHECKING:
    from anyio.streams.memory import MemoryObjectSendStream

    from postiz_async._campaign.after.report import Report

    Work: TypeAlias = Callable[[MemoryObjectSendStream[Outcome]], Awaitable[None]]


class ActiveRun:
    """The work of a run in a task of its own, so that it ends well however its caller leaves.

    Args:
        work: sends, and puts each outcome into the stream.
    """

    def __init__(self, work: Work) -> None:
        self._send, self.outcomes = anyio.create_memory_object_stream[Outcome](math.inf)
        self._scope = anyio.CancelScope()
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._carry_out(work), name="postiz_async.campaign")
        self.is_stopping: bool = False
        self.is_over: bool = False
        """Whether it has ended, and its error was raised if it had one."""

    async def _carry_out(self, work: Work) -> None:
        with self._send, self._scope:
            await work(self._send)

    def stop(self) -> None:
        """Send nothing more. Any thread may call this: garbage is collected in each."""
        self.is_stopping = True
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._scope.cancel)

    async def end(self) -> None:
        """Wait for its end, with the requests in flight; raises what it raised, once."""
        if self.is_over:
            return
        cancelled = await ended(self._task)
        self.is_over = True
        self.outcomes.close()
        self._task.result()
        if cancelled is not None:
            raise cancelled


class Outcomes(AsyncIterator[Outcome]):
    """The outcomes of a run as they come; the first one that is asked for begins it.

    When it is closed, dropped or cancelled, the run stops.
    """

    def __init__(
        self,
        begin: Callable[[], Awaitable[ActiveRun]],
        on_outcome: Callable[[Outcome], Awaitable[None]],
    ) -> None:
        self._begin = begin
        self._on_outcome = on_outcome
        self._run: ActiveRun | None = None
        self._is_closed = False

    async def __anext__(self) -> Outcome:
        if self._is_closed:
            raise StopAsyncIteration
        if self._run is None:
            self._run = await self._begin()
        try:
            outcome = await self._run.outcomes.receive()
        except (anyio.EndOfStream, anyio.ClosedResourceError):
            await self._run.end()
            raise StopAsyncIteration from None
        except asyncio.CancelledError:
            await self.aclose()
            raise
        await self._on_outcome(outcome)
        return outcome

    async def aclose(self) -> None:
        """Stop the run and wait for its end. Closing twice does no harm."""
        self._is_closed = True
        if self._run is not None:
            self._run.stop()
            await self._run.end()

    def __del__(self) -> None:
        if self._run is not None and not self._run.is_over:
            self._run.stop()


class CampaignRun(Coroutine[Any, Any, "Report"]):
    """A run of a campaign, as `Campaign.run` returns it: for its report, or for its outcomes.

        report = await campaign.run()

        async for outcome in campaign.run():
            print(outcome.row, outcome.state)

    Nothing is sent before. Leaving the loop stops sending; requests in flight end first, and what
    uses the campaign next, or closes it, waits for that.
    """

    def __init__(self, outcomes: Outcomes, report: Callable[[], Awaitable[Report]]) -> None:
        self._outcomes: Outcomes | None = outcomes
        self._work = run_campaign(outcomes, report)  # which warns if nobody awaits it

    def __aiter__(self) -> AsyncIterator[Outcome]:
        if getcoroutinestate(self._work) != CORO_CREATED and self._outcomes is not None:
            raise RuntimeError("this run was awaited: call `run` again to iterate over one")
        self._work.close()
        outcomes, self._outcomes = self._outcomes, None  # or leaving the loop would not drop them
        if outcomes is None:
            raise RuntimeError("cannot iterate over a run twice: call `run` again")
        return outcomes

    def __await__(self) -> Generator[Any, Any, Report]:
        if self._outcomes is None:
            raise RuntimeError("this run was iterated: await `report()` of the campaign instead")
        return self._work.__await__()

    def send(self, value: Any) -> Any:
        """Go on, as a coroutine does."""
        return self._work.send(value)

    def throw(self, *error: Any) -> Any:
        """Raise an error where it waits, as a coroutine does."""
        return self._work.throw(*error)

    def close(self) -> None:
        """Give it up, as a coroutine does."""
        self._work.close()


async def taken(outcomes: Outcomes) -> None:
    """Take all outcomes."""
    async with aclosing(outcomes):
        async for _ in outcomes:
            pass


async def run_campaign(outcomes: Outcomes, report: Callable[[], Awaitable[Report]]) -> Report:
    """Take all outcomes; return the report."""
    await taken(outcomes)
    return await report()
