"""What it saves that one sender at a time has an organisation: list calls and swaps.

Claim: with leases that lie, which say yes to everybody, each post is stored once all the same; what
leases save is requests and swaps. 1, 2 and 4 senders of one organisation share an outbox, in a file
and in PostgreSQL, and a tenth of all answers to creates is lost. Baseline of each line: a store
whose `line`, `take` and `hold` say yes to whoever asks. Run:
python benchmarks/outbox_leases.py [--posts 150] [--seed 7]
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import math
import secrets
import sys
import tempfile
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from figures import Figure, note, skip

from postiz_async.stores import _postgres_deliveries, _sqlite_deliveries

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests/outbox"))
from outbox_lab import SHORT, OutboxLab
from postgres_lab import Place
from postgres_server import why_no_postgres

if TYPE_CHECKING:
    from collections.abc import Collection, Generator

    from postiz_async.stores._deliveries import DeliveryColumns, Scope, ScopeWork
    from postiz_async.types import Attempt

WORKERS = (1, 2, 4)
LIMIT = 60


@dataclass
class Tally:
    """What a run took."""

    lists: int = 0
    creates: int = 0
    swaps: int = 0
    doubled: int = 0


class Counting:
    """Counts swaps, and lies about who has a scope if it is told to."""

    tally: Tally
    lies = False

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._has_it = False

    async def swap(self, number: int, version: int, value: bytes, columns: DeliveryColumns) -> Any:
        self.tally.swaps += 1
        return await cast("Any", super()).swap(number, version, value, columns)

    async def line(
        self, holder: str, seconds: float, limit: int, only: str | None = None
    ) -> list[Scope]:
        if not self.lies:
            return cast(
                "list[Scope]", await cast("Any", super()).line(holder, seconds, limit, only)
            )
        if self._has_it:
            return []
        await self._give(None)
        found = await cast("Any", super()).line(holder, seconds, limit, only)
        self._has_it = bool(found)
        return cast("list[Scope]", found)

    async def next_in(self, only: str | None = None) -> float:
        if self.lies and self._has_it:
            return math.inf
        return float(await cast("Any", super()).next_in(only))

    async def take(
        self, scope: str, holder: str, seconds: float, limit: int, besides: Collection[int] = ()
    ) -> ScopeWork | None:
        taken = None
        while taken is None:
            if self.lies:
                await self._give(holder)
            taken = await cast("Any", super()).take(scope, holder, seconds, limit, besides)
            if not self.lies:
                break
        return cast("ScopeWork | None", taken)

    async def hold(self, scopes: Collection[str], holder: str, seconds: float) -> set[str]:
        if self.lies:
            return {*scopes}
        return cast("set[str]", await cast("Any", super()).hold(scopes, holder, seconds))

    async def rest(self, scope: str, holder: str, seconds: float, **why: Any) -> None:
        self._has_it = False
        await cast("Any", super()).rest(scope, holder, seconds, **why)

    async def _give(self, holder: str | None) -> None:
        """The one scope of this benchmark is whose it is said to be."""
        change = cast("Any", self)._change  # noqa: SLF001
        await change({"holder": holder}, given="UPDATE $scopes SET ready_at = 0, holder = :holder")


class FileDeliveries(Counting, _sqlite_deliveries.SqliteDeliveries):
    """In a file."""


class DatabaseDeliveries(Counting, _postgres_deliveries.PostgresDeliveries):
    """In PostgreSQL."""


@contextmanager
def counted(*, lies: bool) -> Generator[Tally]:
    """Clients use stores that count, for the length of the block."""
    tally = Tally()
    Counting.tally, Counting.lies = tally, lies
    kept = _sqlite_deliveries.SqliteDeliveries, _postgres_deliveries.PostgresDeliveries
    _sqlite_deliveries.SqliteDeliveries = FileDeliveries  # type: ignore[misc, assignment]
    _postgres_deliveries.PostgresDeliveries = DatabaseDeliveries  # type: ignore[misc, assignment]
    try:
        yield tally
    finally:
        _sqlite_deliveries.SqliteDeliveries, _postgres_deliveries.PostgresDeliveries = kept  # type: ignore[misc]


async def run(lab: OutboxLab, workers: int, posts: int, tally: Tally) -> None:
    """Let senders send; all at once, as after a restart of all."""
    lab.lose("drop_answer", times=None, probability=0.1)

    def on_attempt(attempt: Attempt) -> None:
        tally.lists += attempt.endpoint == "list_posts"

    async with lab.sandbox, AsyncExitStack() as stack:
        async with lab.client(sends=False) as taking:
            await lab.put(taking, posts, hours=72)
        senders = [
            await stack.enter_async_context(lab.client(on_attempt=on_attempt))
            for _ in range(workers)
        ]
        while set(await senders[0].outbox.counts()) != {"stored"}:
            await lab.clock.sleep(60)
    tally.creates = len(lab.sandbox.creates)
    texts = [post.content for post in lab.sandbox.posts]
    tally.doubled = abs(len(texts) - posts) + len(texts) - len({*texts})


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--where", choices=["file", "PostgreSQL"], nargs="*")
    parser.add_argument("--posts", type=int, default=150)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**16))
    asked = parser.parse_args()
    logging.disable(logging.WARNING)
    print(f"seed {asked.seed}, {asked.posts} posts")
    wrong = 0
    for where in asked.where or ("file", "PostgreSQL"):
        if where == "PostgreSQL" and why_no_postgres():
            skip(why_no_postgres())
            continue
        for workers in WORKERS:
            found = dict[bool, Tally]()
            for lies in (False, True):
                with counted(lies=lies) as tally, tempfile.TemporaryDirectory() as folder:
                    options = {"seed": asked.seed, "limit": LIMIT, "window": SHORT}
                    database = None if where == "file" else Place.made()
                    lab = OutboxLab(Path(folder), database=database, **options)
                    await run(lab, workers, asked.posts, tally)
                found[lies] = tally
                print(
                    f"{where:10} {workers} senders, {'lies' if lies else 'kept'}: {tally}",
                    flush=True,
                )
                wrong += tally.doubled
            for name in ("lists", "swaps", "creates"):
                note(
                    Figure(
                        name=f"{name}, {workers} senders, {where}",
                        value=getattr(found[False], name),
                        unit="",
                        baseline="leases that lie",
                        base=getattr(found[True], name),
                    )
                )
    note(Figure(name="posts lost or doubled", value=wrong, unit="posts", target=0))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    asyncio.run(main())
