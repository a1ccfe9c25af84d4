"""Campaigns that three hosts run together in PostgreSQL, killed again and again.

Claims: each row is stored once, whatever is killed, and each host ends with the whole campaign. The
hosts and the server are processes, the kills are SIGKILL at random moments, a fifth of all answers
to creates is lost after the work, pages take the place of some, more hang, come late, stop in the
middle or break; the wall clock of each host jumps by hours. See `tests/campaign/campaign_kills.py`.

Run:
python benchmarks/campaign_hosts_kills.py            (300 kills; some minutes)
python benchmarks/campaign_hosts_kills.py --kills 40 --seed 7
"""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests/campaign"))
from campaign_kills import SharedRunKills, many_kills


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        tally = many_kills(
            Path(home), given.kills, given.seed, at_a_time=1, series=SharedRunKills, speed=200.0
        )
    print(f"seed {given.seed}: {tally}")
    if tally.troubles:
        sys.exit("\n".join(tally.troubles))


if __name__ == "__main__":
    main()
