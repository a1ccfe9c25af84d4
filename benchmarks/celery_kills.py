"""Workers of Celery that are killed again and again, while a fifth of all answers is lost.

Claim: 1,000 keys are 1,000 posts, none lost and none doubled, although 100 times a process of a
pool or a worker itself is killed with SIGKILL at a random moment, and a fifth of all answers to
creates is lost after the work. See `tests/docs/celery_worker_kills.py`. Run, with a Redis:
python benchmarks/celery_kills.py                         (some minutes)
python benchmarks/celery_kills.py --keys 100 --kills 10 --seed 7
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
from celery_worker_kills import SPEED, CeleryKills
from redis_server import why_no_redis


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=1_000)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**16))
    parser.add_argument("--speed", type=float, default=SPEED, help="slower on a busy machine")
    parser.add_argument("--keep", type=Path, help="a folder for what the workers say")
    options = parser.parse_args()
    if why_no_redis():
        skip(why_no_redis())
        return
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        tally = CeleryKills(
            options.keep or Path(folder),
            options.seed,
            keys=options.keys,
            kills=options.kills,
            speed=options.speed,
        ).run()
    print(tally)
    note(Figure(name="lost, doubled or wrong", value=len(tally.troubles), unit="posts", target=0))
    note(Figure(name="keys", value=tally.keys, unit="keys"))
    note(Figure(name="kills", value=tally.kills, unit="kills"))
    for trouble in tally.troubles:
        print(trouble)
    sys.exit(1 if tally.troubles else 0)


if __name__ == "__main__":
    main()
