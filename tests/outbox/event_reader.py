"""A reader's process: writes down each event and then its cursor, from which the next one goes on.

Its arguments: the folder of the outbox, the key, and how many seconds it takes for an event.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from postiz_async import OutboxOptions, Postiz


async def main(folder: Path, api_key: str, seconds: float) -> None:
    place = folder / "cursor"
    after = place.read_text(encoding="utf-8") if place.exists() else None
    options = OutboxOptions(folder / "outbox.sqlite", sends=False)
    async with Postiz(api_key=api_key, base_url="http://sandbox.invalid", outbox=options) as postiz:
        with (folder / "seen").open("a", encoding="utf-8") as seen:
            async for event in postiz.outbox.events(after=after):
                seen.write(event.ticket.id + "\n")
                seen.flush()
                await asyncio.sleep(seconds)
                new = place.with_suffix(".new")
                new.write_text(event.cursor, encoding="utf-8")
                new.replace(place)


asyncio.run(main(Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])))
