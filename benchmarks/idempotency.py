"""Calls with idempotency keys from processes that are killed again and again.

Claim: however often a call is made, from however many processes, killed and started again, with a
tenth of all answers to creates lost, pages in the place of a twentieth, and ten times of all for a
while: each key has one post,
and each call the answer of its key. Processes and server are processes of their own, the kills are
SIGKILL at random moments, and their wall clocks jump by hours. See `tests/delivery/key_kills.py`.

Baseline in the same run, for a fifth of the calls: the same without keys, as programs do it that
look into a table of their own whether something was sent, send it, note it there, and try again
after an error. Run:
python benchmarks/idempotency.py                      (10,000 calls, 1,000 keys; some minutes)
python benchmarks/idempotency.py --store postgres
python benchmarks/idempotency.py --calls 1000 --keys 100 --kills 20 --seed 7
"""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
from pathlib import Path

from figures import Figure, note

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests/delivery"))
from key_kills import SPEED, KeyKills


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--keys", type=int, default=1_000)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--covers", type=int, default=10, help="pages that stand for a while")
    parser.add_argument("--store", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**16))
    parser.add_argument("--speed", type=float, default=SPEED, help="slower on a busy machine")
    options = parser.parse_args()
    print(f"seed {options.seed}, {options.processes} processes, store {options.store}")
    with tempfile.TemporaryDirectory() as folder:

        def kills(name: str, share: int, *, has_keys: bool) -> KeyKills:
            return KeyKills(
                Path(folder) / name,
                options.seed,
                processes=options.processes,
                calls=options.calls // share,
                keys=options.keys // share,
                kills=options.kills // share,
                covers=options.covers if has_keys else 0,
                speed=options.speed,
                store=options.store,
                has_keys=has_keys,
            )

        naive = kills("baseline", 5, has_keys=False).run()
        print(f"\nbaseline\n{naive}", flush=True)
        tally = kills("ours", 1, has_keys=True).run()
    print(f"\npostiz_async\n{tally}")
    note(
        Figure(
            name="of 1,000 keys lost, doubled or wrong",
            value=1000 * len(tally.troubles) / tally.keys,
            unit="keys",
            baseline="a table of what was sent",
            base=1000 * len(naive.troubles) / naive.keys,
            target=0,
        )
    )
    note(Figure(name="calls answered", value=tally.answers, unit="calls"))
    note(Figure(name="kills", value=tally.kills, unit="kills"))
    for trouble in tally.troubles:
        print(trouble)
    sys.exit(1 if tally.troubles else 0)


if __name__ == "__main__":
    main()
