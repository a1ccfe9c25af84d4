"""Processes that share a store, with faults, kills and cancellations: a key, an answer, a post."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from typing import Any

import hypothesis.strategies as st
from delivery_machine import PROCESSES, DeliveryMachine
from hypothesis import settings
from hypothesis.stateful import (
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from key_lab import START, KeyLab, Process, ids, in_the_end

from postiz_async import NewPost, PostizError
from postiz_async._delivery.record import KeyMarks
from postiz_async.models.posts import Created

KEYS = ("order-1", "order-2")
"""Their posts are equal, and go to one moment: only the marks tell them apart."""


class Keys(DeliveryMachine):
    lab: KeyLab

    def __init__(self) -> None:
        super().__init__()
        self.stack = AsyncExitStack()
        self.processes: list[Process] = []
        self.calls: list[tuple[str, asyncio.Task[list[Created] | None]]] = []
        self.answers: dict[str, set[tuple[str, ...]]] = {key: set() for key in KEYS}
        self.used: set[str] = set()

    @initialize(
        release=st.sampled_from(["HEAD", "v2.23.0"]),
        limit=st.sampled_from([2, 30]),
        thread=st.booleans(),
        with_clock=st.booleans(),
    )
    def begin(self, release: str, limit: int, thread: bool, with_clock: bool) -> None:  # noqa: FBT001
        self.lab = KeyLab(release=release, limit=limit, with_clock=with_clock)
        self.thread = ("second",) if thread else ()
        self.do(self.stack.enter_async_context(self.lab.sandbox))
        for _ in range(PROCESSES):
            self.processes.append(self.do(self.opened()))

    async def opened(self) -> Process:
        return await self.stack.enter_async_context(self.lab.process(latency=0.5))

    def call(self, process: Process, key: str, max_wait: float | None) -> Any:
        posts = [NewPost(self.lab.channel, "the same", thread=self.thread) for _ in range(2)]
        at = START.replace(year=2028)
        return process.postiz.posts.schedule(*posts, at=at, max_wait=max_wait, idempotency_key=key)

    # -------------------------------------------------------------- what happens

    @rule(
        number=st.integers(0, PROCESSES - 1),
        key=st.sampled_from(KEYS),
        max_wait=st.sampled_from([0.0, 5.0, 30.0, None]),
    )
    def begin_call(self, number: int, key: str, max_wait: float | None) -> None:
        process = self.processes[number]

        async def run() -> list[Created] | None:
            try:
                return await process.run(self.call(process, key, max_wait))
            except PostizError:
                return None

        self.used.add(key)
        self.calls.append((key, self.loop.create_task(run())))

    @rule(number=st.integers(0, PROCESSES - 1), steps=st.integers(1, 25))
    def a_process_dies(self, number: int, steps: int) -> None:
        """Now or soon; another one takes its place."""
        old = self.processes[number]
        old.dies_at = old.steps + steps
        self.processes[number] = self.do(self.opened())

    @rule(number=st.integers(0, PROCESSES - 1))
    def callers_are_gone(self, number: int) -> None:
        process = self.processes[number]
        process.cancels_at = process.steps
        process.cancel()

    @precondition(lambda self: self.calls)
    @rule()
    def a_call_ends(self) -> None:
        self.end(*self.calls.pop(0))

    def end(self, key: str, task: asyncio.Task[list[Created] | None]) -> None:
        with suppress(asyncio.CancelledError):
            answer = self.do(_waited(task))
            if answer is not None:
                self.answers[key].add(tuple(ids(answer)))

    # -------------------------------------------------------------- what holds

    @invariant()
    def no_post_is_there_twice(self) -> None:
        for key in self.used:
            for place in range(2):
                assert len(self.lab.of_key(key, place)) <= 1, (key, place)

    def teardown(self) -> None:
        try:
            if self.processes:
                self.finish()
        finally:
            self.do(self.stack.aclose())
            self.loop.close()

    def finish(self) -> None:
        """Everything comes to its end, and nothing goes wrong any more."""
        for call in self.calls:
            self.end(*call)
        self.lab.sandbox.faults.clear()
        self.do(self.lab.clock.sleep(1_000))
        for key in sorted(self.used):
            self.do(self.is_answered(key))
        assert len(self.lab.sandbox.posts) == 2 * len(self.used)

    async def is_answered(self, key: str) -> None:
        process = await self.opened()
        answer = await in_the_end(self.lab.clock, lambda: self.call(process, key, None))
        marks = KeyMarks(self.lab.quota, key)
        for place, post_id in enumerate(ids(answer)):
            [post] = self.lab.of_key(key, place)
            assert post.id == post_id
            assert post.settings["client_ref"] == marks.ref(place)
            assert len(post.thread) == len(self.thread)
            assert post.has_job
        assert self.answers[key] <= {tuple(ids(answer))}


async def _waited(task: asyncio.Task[list[Created] | None]) -> list[Created] | None:
    return await task


def test_a_key_ends_in_one_answer_and_its_posts_are_there_once() -> None:
    run_state_machine_as_test(Keys, settings=settings(stateful_step_count=20))
