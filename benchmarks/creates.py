"""30, 100 and 300 calls of `posts.schedule` at once, against both throttles, on the jumping clock.

Claim: no refusal, and done within 0.5 % of the optimum, (ceil(N / 30) - 1) hours, at the priority
that calls have by default. The priority `bulk` leaves slots to others; on servers of before v2.20.0
(memory) that costs time, because slots come back one by one there. The usual limiters under the
same conditions are in benchmarks/quota_policies.py. Run: python benchmarks/creates.py
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Literal

import quota_scenes  # noqa: F401  (which knows the way to the tests)
from figures import Figure, note
from throttle_in_memory import MemoryThrottle

from postiz_async import NewPost, Priority
from postiz_async._sandbox import MemoryServer
from postiz_async.clock import JumpingClock
from postiz_async.testing import Sandbox
from postiz_async.testing._transport import sandbox_client

LIMIT = 30
LATENCY = 0.2


async def run(creates: int, storage: Literal["redis", "memory"], priority: Priority) -> str:
    """One job; returns its line."""
    async with MemoryServer(clock=JumpingClock(), limit=LIMIT) as sandbox:
        if storage == "memory":
            sandbox._pipeline._throttle = MemoryThrottle(LIMIT)  # noqa: SLF001
        channel = sandbox.add_channel("mastodon").id
        at = Sandbox().in_an_hour() + timedelta(days=300)
        async with (
            sandbox_client(sandbox, latency=LATENCY) as postiz,
            asyncio.TaskGroup() as group,
        ):
            for number in range(creates):
                post = NewPost(channel, f"post {number}")
                group.create_task(postiz.posts.schedule(post, at=at, priority=priority))
        first, *_, last = (create.at for create in sandbox.creates)
        best = (-(-creates // LIMIT) - 1) * 3600
        ratio = f"{(last - first) / best:.4f}" if best else "-"
        if priority is Priority.INTERACTIVE:
            name = f"{creates} creates at once, counted in {storage}"
            refusals = Figure(
                name=f"{name}: 429s", value=sandbox.refusals, unit="refusals", target=0
            )
            note(refusals)
            if best:
                makespan = Figure(
                    name=name,
                    value=(last - first) / 3600,
                    unit="h",
                    baseline="optimum",
                    base=best / 3600,
                    compared="ratio",
                    target=1.005,
                )
                note(makespan)
        return (
            f"{storage:8} {priority.name.lower():12} {creates:6} {len(sandbox.posts):7} "
            f"{sandbox.refusals:9} {(last - first) / 3600:8.2f} {ratio:>18}"
        )


def main() -> None:
    print("storage  priority         creates  stored  refusals    hours  makespan/optimum")
    for priority in Priority:
        for storage in ("redis", "memory"):
            for creates in (30, 100, 300):
                print(asyncio.run(run(creates, storage, priority)))


if __name__ == "__main__":
    main()
