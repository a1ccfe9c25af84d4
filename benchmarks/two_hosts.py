"""One campaign on two hosts that are killed, lose their journals and get older copies back.

Claim: however they are started, killed and restored, in the end no row is lost, each is stored
once, and each host says so with exit code 0. Only a thread may stay twice, where the journal that
sent one of them is lost, so that nobody knows which is complete: that is told by exit code 1. A
fifth of all answers to creates is lost after the work, pages take the place of a twentieth, others
come late, stop in the middle or break; a journal may be put back from any copy of either host, or
be gone. Their wall clocks jump by hours, and now and then a host is started again. See
`tests/campaign/host_kills.py`.

Servers up to v2.23.0 list no marks by which hosts could know each other's posts. A tenth of the
rounds is on one: nothing may be lost there either, and what is doubled is told by exit code 1.

Baseline in the same run, for a tenth of the rounds: hosts that note what was answered in a file
and send again what was not. Run:
python benchmarks/two_hosts.py                        (300 rounds; some ten minutes on two cores)
python benchmarks/two_hosts.py --rounds 20 --seed 7   (seeds 7 to 26)
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import secrets
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from figures import Figure, note

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests/campaign"))
from host_kills import HostTally, naive_round, one_round

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable


async def rounds(
    work: Callable[[Path, int], Awaitable[HostTally]], seeds: Iterable[int]
) -> HostTally:
    """Each seed in a folder of its own."""
    total = HostTally()
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            total += await work(Path(folder), seed)
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**16), help="the first")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    first, count = options.seed, options.rounds
    print(f"seeds {first} to {first + count - 1}")
    few = range(first, first + max(1, count // 10))
    naive = asyncio.run(rounds(naive_round, few))
    print(f"\nbaseline\n{naive}")
    tally = asyncio.run(rounds(one_round, range(first, first + count)))
    print(f"\npostiz_async\n{tally}")
    old = asyncio.run(rounds(partial(one_round, release="v2.23.0"), few))
    print(f"\npostiz_async, servers that list no marks\n{old}")
    note(
        Figure(
            name="of 1,000 rows lost, doubled or wrong",
            value=1000 * len(tally.troubles) / tally.rows,
            unit="rows",
            baseline="noted when answered, else sent again",
            base=1000 * len(naive.troubles) / naive.rows,
            target=0,
        )
    )
    note(Figure(name="lost on servers without marks", value=len(old.lost), unit="rows", target=0))
    note(Figure(name="rounds", value=tally.rounds, unit="rounds"))
    troubles = [*tally.troubles, *old.lost, *old.called_refused, *old.wrong]
    for trouble in troubles:
        print(trouble)
    sys.exit(1 if troubles else 0)


if __name__ == "__main__":
    main()
