"""Senders of an outbox for `engines.py`: `python outbox_sender.py postgresql://...`."""

from __future__ import annotations

import asyncio
import sys

from held import KEY

from postiz_async import PostizPool


async def main(database: str) -> None:
    async with PostizPool(outbox=database, credentials=KEY.format):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
