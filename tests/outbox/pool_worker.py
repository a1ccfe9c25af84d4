"""A sender's process: sends what is in an outbox in PostgreSQL, for all organisations.

Its arguments: the address of the database, and a file for what it says. It is killed, or told to
end by SIGTERM from when it says so. Where the database is away when it starts, it tries again.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

from outbox_worker import clock_of
from pool_sandbox import key_of

from postiz_async import AdvancedOptions, PostizPool
from postiz_async._transport import make_transport
from postiz_async._transport.settings import ConnectionSettings
from postiz_async.errors import StoreError

if TYPE_CHECKING:
    from postiz_async.types import Attempt

LISTED = "listed posts"
LISTENS = "it can be told to end"
log = logging.getLogger("postiz_async.outbox")


async def credentials(organization: str) -> str:
    return key_of(organization)


def note(attempt: Attempt) -> None:
    if attempt.endpoint == "list_posts":
        log.info(LISTED)


async def main(database: str) -> None:
    url, done = os.environ["POSTIZ_API_URL"], asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, done.set)
    print(LISTENS, flush=True)
    clock = clock_of(url)
    async with aclosing(make_transport(ConnectionSettings(speed=clock.speed))) as transport:
        while not done.is_set():
            pool = PostizPool(
                base_url=url,
                outbox=database,
                credentials=credentials,
                advanced=AdvancedOptions(clock=clock, transport=transport, on_attempt=note),
            )
            try:
                async with pool:
                    await done.wait()
            except StoreError as error:
                log.warning("could not start: %s", error)
                await asyncio.sleep(0.1)


if __name__ == "__main__":
    logging.basicConfig(filename=Path(sys.argv[2]), format="%(process)d %(levelname)s %(message)s")
    logging.getLogger("postiz_async").setLevel(logging.INFO)
    asyncio.run(main(sys.argv[1]))
