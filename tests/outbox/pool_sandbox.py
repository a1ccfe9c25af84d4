"""A server of several organisations that goes wrong, in a process of its own.

Its arguments: how fast its clock runs, the seed of its chances, the names of the organisations with
commas between, and the faults. It prints its address.
"""

from __future__ import annotations

import asyncio
import sys
import time

from postiz_async._sandbox import MemoryServer
from postiz_async._sandbox.http import serve
from postiz_async.clock import AcceleratedClock, Anchor
from postiz_async.testing import Fault

PROVIDERS = ("mastodon", "telegram")
START = 1_800_000_000.0
"""What its clock shows at the start."""

LIMIT = 1_000_000


def key_of(organization: str) -> str:
    return f"key-of-{organization}"


def channel_of(organization: str, provider: str) -> str:
    """The id of a channel."""
    return f"cm{provider}of{organization}"


async def main(speed: float, seed: int, organizations: list[str], faults: list[str]) -> None:
    clock = AcceleratedClock(speed, anchor=Anchor(time.time(), START))
    async with MemoryServer(clock=clock, limit=LIMIT, seed=seed) as box:
        for name in organizations:
            organization = box.add_organization(name, api_key=key_of(name))
            for provider in PROVIDERS:
                box.add_channel(
                    provider, organization=organization, id=channel_of(name, provider), name=name
                )
        for text in faults:
            box.faults.add(Fault.parse(text))
        async with serve(box) as served:
            print(served.url, flush=True)
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]), int(sys.argv[2]), sys.argv[3].split(","), sys.argv[4:]))
