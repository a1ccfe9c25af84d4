"""A campaign that is killed again and again against a server at its worst.

Claim: each row is stored exactly once, or named in the report with what became of it. Runner and
server are processes, the kills are SIGKILL at random moments, a fifth of all answers to creates
is lost after the work, pages (200, 302, 403, 408, 502) take the place of a twentieth, and a further
tenth of the requests hangs, is carried out late, stops in the middle or breaks. The runner's wall
clock jumps by hours. See `tests/campaign/campaign_kills.py`.

Baseline in the same run, for a twentieth of the kills: a runner that notes what was answered in a
file and sends again what was not. Run:
python benchmarks/kills.py                     (1,000 kills; a quarter of an hour on two cores)
python benchmarks/kills.py --kills 100 --seed 7
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import subprocess
import sys
import tempfile
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from figures import Figure, note

from postiz_async import InvalidPostError, NewPost, PostizError
from postiz_async._cli.connection import Connection, find_target, open_client

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests/campaign"))
from campaign_kills import ATTEMPTS, SPEED, RunKills, many_kills
from processes import PATIENCE, ended

if TYPE_CHECKING:
    from collections.abc import Sequence


class NaiveKills(RunKills):
    """Kills the runner below in the place of ours."""

    def command(self, file: Path, _verb: str) -> list[str]:
        return [sys.executable, __file__, "--naive", str(file)]

    def finish(self, file: Path, verb: str) -> None:
        for _ in range(ATTEMPTS):
            with ended(self.start_command(file, verb)) as process:
                with suppress(subprocess.TimeoutExpired):
                    process.communicate(timeout=4 * PATIENCE)
                if process.returncode == 0:
                    return

    def judge(self, file: Path, records: Sequence[dict[str, Any]]) -> None:
        self.tally.rows += len(records)
        stored = [str(post["settings"].get("naive_ref")) for post in self.server.posts]
        for record in records:
            count = stored.count(f"{file.parent.name} {record['ref']}")
            self.tally.states["stored" if count else "not stored"] += 1
            if count > 1:
                self.tally.doubled.append(record["ref"])
            elif not count:
                self.tally.lost.append(record["ref"])


class Notebook:
    """The refs of rows that were answered, in a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.refs = set(path.read_text(encoding="utf-8").split()) if path.exists() else set[str]()

    def note(self, ref: str) -> None:
        self.refs.add(ref)
        with self.path.open("a") as out:
            out.write(f"{ref}\n")
            out.flush()
            os.fsync(out.fileno())


async def send_naively(records: list[dict[str, Any]], done: Notebook, campaign: str) -> None:
    """Send row by row; note what was answered; send again what was not."""
    async with open_client(find_target(Connection())) as postiz:
        for record in records:
            mark = {"naive_ref": f"{campaign} {record['ref']}"}
            thread = tuple(record.get("thread", ()))
            post = NewPost(record["channel"], record["content"], (), mark, thread)
            at = datetime.fromisoformat(record["date"])
            while record["ref"] not in done.refs:
                try:
                    await postiz.posts.schedule(post, at=at, validate=False)
                except InvalidPostError:  # its date has passed
                    break
                except PostizError:
                    await postiz.clock.sleep(5)
                else:
                    done.note(record["ref"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**16))
    parser.add_argument("--speed", type=float, default=SPEED, help="slower on a busy machine")
    parser.add_argument("--naive", type=Path)
    options = parser.parse_args()
    if options.naive is not None:
        file: Path = options.naive
        records = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        asyncio.run(send_naively(records, Notebook(file.with_suffix(".done")), file.parent.name))
        return
    print(f"seed {options.seed}")
    with tempfile.TemporaryDirectory() as folder:
        few = max(1, options.kills // 20)
        naive = many_kills(Path(folder) / "naive", few, options.seed, series=NaiveKills)
        print(f"\nbaseline\n{naive}")
        tally = many_kills(Path(folder) / "ours", options.kills, options.seed)
    print(f"\npostiz_async\n{tally}")
    for name, ours, theirs in (
        ("lost", tally.lost, naive.lost),
        ("doubled", tally.doubled, naive.doubled),
        ("called refused although stored", tally.called_refused, naive.called_refused),
        ("otherwise wrong", tally.wrong, naive.wrong),
    ):
        note(
            Figure(
                name=f"of 1,000 rows {name}",
                value=1000 * len(ours) / tally.rows,
                unit="rows",
                baseline="noted when answered, else sent again",
                base=1000 * len(theirs) / naive.rows,
                target=0,
            )
        )
    note(Figure(name="kills", value=tally.kills, unit="kills"))
    note(Figure(name="rows", value=tally.rows, unit="rows"))
    for trouble in tally.troubles:
        print(trouble)
    sys.exit(1 if tally.troubles else 0)


if __name__ == "__main__":
    main()
