"""Senders of one outbox in PostgreSQL that are killed again and again, while all else breaks too.

Claim: each ticket that was committed is stored exactly once, and none that was rolled back. Four
senders on one database send for four organisations; in each round one of them is killed with
SIGKILL at a random moment and started anew. A fifth of all answers to creates is lost after the
work, pages take the place of a twentieth, and ten times of all for a while; a twentieth is carried
out minutes late, a twentieth by half. PostgreSQL is started again ten times; connections break
before the answer to a COMMIT or a swap; senders are stopped beyond their leases and continued, the
last one for longer than it takes until absence is believed. The
senders' wall clocks jump by hours. See `tests/outbox/sender_kills.py`. Run, with a PostgreSQL:
python benchmarks/outbox_kills.py                     (300 rounds; less than ten minutes)
python benchmarks/outbox_kills.py --kills 50 --seed 7
"""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
from pathlib import Path

from figures import Figure, note, skip

from postiz_async._outbox.sending import LEASE
from postiz_async._quota import SILENT

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests/outbox"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests/stores"))
from postgres_server import why_no_postgres
from sender_kills import SPEED, SenderKills


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--restarts", type=int, default=10)
    parser.add_argument("--covers", type=int, default=10, help="pages that stand for a while")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**16))
    parser.add_argument("--speed", type=float, default=SPEED, help="slower on a busy machine")
    parser.add_argument("--keep", type=Path, help="a folder for what the senders say")
    options = parser.parse_args()
    if why_no_postgres():
        skip(why_no_postgres())
        return
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        tally = SenderKills(
            options.keep or Path(folder),
            options.seed,
            kills=options.kills,
            restarts=options.restarts,
            stops=(3 * LEASE, 3 * LEASE, 3 * LEASE, 1.5 * SILENT),
            covers=options.covers,
            speed=options.speed,
        ).run()
    print(tally)
    note(Figure(name="lost, doubled or wrong", value=len(tally.troubles), unit="posts", target=0))
    note(Figure(name="tickets committed", value=tally.tickets, unit="tickets"))
    note(Figure(name="kills", value=tally.kills, unit="kills"))
    for trouble in tally.troubles:
        print(trouble)
    sys.exit(1 if tally.troubles else 0)


if __name__ == "__main__":
    main()
