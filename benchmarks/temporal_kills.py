"""Workers of Temporal that are killed again and again, while a fifth of all answers is lost.

Claim: each key is one post. Workflows run on a development server of Temporal, with three workers
of the program of docs/task-queues.md, whose quota and keys are in one file. A random worker is
killed with SIGKILL at a random moment and started anew; of the answers to creates a fifth is lost
after the work, and pages take the place of a twentieth. The workers' wall clocks jump by hours. See
`tests/docs/temporal_worker_kills.py`. Run:
python benchmarks/temporal_kills.py                     (1,000 keys, 100 kills; some minutes)
python benchmarks/temporal_kills.py --keys 100 --kills 10 --seed 7
"""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
from pathlib import Path

from figures import Figure, note, skip

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests/docs"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests/outbox"))
from temporal_server import why_no_dev_server
from temporal_worker_kills import SPEED, TemporalKills


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=1_000)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**16))
    parser.add_argument("--speed", type=float, default=SPEED, help="slower on a busy machine")
    parser.add_argument("--keep", type=Path, help="a folder for what the workers say")
    options = parser.parse_args()
    if why_no_dev_server():
        skip(why_no_dev_server())
        return
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        tally = TemporalKills(
            options.keep or Path(folder),
            options.seed,
            keys=options.keys,
            kills=options.kills,
            speed=options.speed,
        ).run()
    print(tally)
    note(Figure(name="lost, doubled or wrong", value=len(tally.troubles), unit="posts", target=0))
    note(Figure(name="keys", value=tally.keys, unit="keys"))
    note(Figure(name="posts", value=tally.stored, unit="posts"))
    note(Figure(name="kills", value=tally.kills, unit="kills"))
    for trouble in tally.troubles:
        print(trouble)
    sys.exit(1 if tally.troubles or tally.stored != options.keys else 0)


if __name__ == "__main__":
    main()
