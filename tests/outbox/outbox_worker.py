"""A web worker's process: hands over what it is told, prints the tickets, sends until it is idle.

Its arguments: the folder of outbox and quota, and the numbers of its posts.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import urllib.request
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from postiz_async import AdvancedOptions, APIConnectionError, NewPost, Postiz
from postiz_async.clock import AcceleratedClock, Anchor
from postiz_async.stores.sqlite import SqliteStore


def clock_of(url: str) -> AcceleratedClock:
    """The clock that the sandbox runs on."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{url}/sandbox/clock", timeout=240) as answer:
        says = json.load(answer)
    return AcceleratedClock(says["speed"], anchor=Anchor(says["real"], says["shown"]))


async def main(folder: Path, numbers: list[int]) -> None:
    clock = clock_of(os.environ["POSTIZ_API_URL"])
    store = SqliteStore(folder / "quota.sqlite")
    async with (
        aclosing(store),
        Postiz(
            store=store, outbox=folder / "outbox.sqlite", advanced=AdvancedOptions(clock=clock)
        ) as postiz,
    ):
        while True:
            try:
                channels = await postiz.channels.list()
            except APIConnectionError:
                await clock.sleep(5)
            else:
                break
        channel = next(each for each in channels if each.provider == "mastodon")
        at = datetime.fromtimestamp(clock.anchor.shown, UTC) + timedelta(days=20)
        for number in numbers:
            await postiz.outbox.put(NewPost(channel, f"post {number}"), at=at)
            print(number, flush=True)
        while set(await postiz.outbox.counts()) & {"planned", "sending", "unknown"}:
            await clock.sleep(60)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), [int(text) for text in sys.argv[2:]]))
