"""Changes of a campaign, killed again and again against a server at its worst.

Claims: after the last command each post is what the file says, once; nothing is deleted that was
not the campaign's; and 200 rows that move to one moment, or by a day, take as few requests as
there can be. Killed are runs that change posts, undos, and runs while the file changes again and
again.
Commands and server are processes, the kills are SIGKILL at random moments, a fifth of all answers
to creates and deletes is lost after the work, pages take the place of some, more hang, come late,
stop in the middle or break. The wall clock of each command jumps by hours. Posts of somebody else
lie beside, some with the same texts. See `tests/campaign/campaign_kills.py`, `verb_kills.py`. Run:
python benchmarks/edits_kills.py                     (200 kills each; some minutes)
python benchmarks/edits_kills.py --kills 40 --seed 7
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

from figures import Figure, note

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests/campaign"))
from campaign_kills import EditKills
from verb_kills import VerbKills

from postiz_async.testing import Sandbox


async def requests_of_moves(
    folder: Path, *, by_a_day: bool, rows: int = 200, channels: int = 12
) -> str:
    """So many rows move to one moment, or by a day; the requests that it takes."""
    local = Sandbox(limit=1_000)
    ids = [local.add_channel("telegram").id for _ in range(channels)]
    start = local.in_an_hour().replace(microsecond=0) + timedelta(days=30)
    file = folder / f"{'day' if by_a_day else 'moment'}.jsonl"
    each = 4 if by_a_day else 1  # rows of one moment

    def write(hours: int, days: int = 0) -> None:
        records = (
            {
                "channel": ids[n % channels],
                "date": (start + timedelta(days=days, hours=hours * (n // each))).isoformat(),
                "content": f"post {n}: " + "words " * (2 * n),
            }
            for n in range(rows)
        )
        file.write_text("\n".join(json.dumps(record) for record in records))

    async with local.client() as postiz:
        write(1)
        async with postiz.campaign(file) as campaign:
            await campaign.run()
        before = len(local.creates)
        write(*((1, 1) if by_a_day else (0,)))
        async with postiz.campaign(file) as campaign:
            await campaign.run()
        spent = len(local.creates) - before
        moments = {post.date.replace(microsecond=0) for post in local.posts}
    least = -(-sum(map(len, file.read_text().splitlines())) // 100_000)  # by the bytes alone
    least = rows // each if by_a_day else least
    ratio = spent / least
    what = "move by a day" if by_a_day else "move to one moment"
    note(
        Figure(
            name=f"requests for {rows} rows that {what}",
            value=spent,
            unit="requests",
            baseline="lower bound",
            base=least,
            compared="ratio",
            target=1,
        )
    )
    return (
        f"{rows} rows {what}: {spent} requests, lower bound {least}, "
        f"ratio {ratio:.2f}; {len(local.posts)} posts at {len(moments)} moments"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**16))
    options = parser.parse_args()
    print(f"seed {options.seed}")
    troubles: list[str] = []
    kills = 0
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for by_a_day in (False, True):
            print(asyncio.run(requests_of_moves(home, by_a_day=by_a_day)))
        for verb in ("change", "undo", "verbs"):
            for seed in (2 * options.seed, 2 * options.seed + 1):  # lists settings, and does not
                place = home / f"{verb}{seed}"
                half = options.kills // 2
                lab = VerbKills(place, seed, half) if verb == "verbs" else None
                tally = (lab or EditKills(place, seed, half, verb)).run()
                print(f"\n{verb}, seed {seed}\n{tally}")
                troubles += tally.troubles
                kills += tally.kills
    note(Figure(name="lost, doubled or wrong", value=len(troubles), unit="posts", target=0))
    note(Figure(name="kills", value=kills, unit="kills"))
    for trouble in troubles:
        print(trouble)
    sys.exit(1 if troubles else 0)


if __name__ == "__main__":
    main()
