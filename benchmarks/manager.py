"""From the plan of a marketing department to its stored posts: commands, answers and requests.

Claim: a workbook at its worst (a title and a logo above the header, two sheets, several channels in
a cell, day and time apart, months in words, merged cells, comments, settings in columns of their
own, notes that are nobody's) is stored in at most three commands and one answer.
Each command is a process on a terminal, the server another. Run: python benchmarks/manager.py
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from figures import Figure, note

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from manager_workbook import POSTS, write_plan
from processes import child_environment, sandbox_process
from terminals import on_terminal

KINDS = ("plan.xlsx", "plan.ods", "plan.csv")


def managed(folder: Path, name: str) -> tuple[int, int, int, int]:
    """The commands, answers, stored posts and create requests of one plan."""
    folder.mkdir()
    with sandbox_process(folder / "home") as server:
        environment = child_environment(folder / "home", server.environment)
        environment["TZ"] = "Europe/Berlin"
        path = write_plan(folder, name, picture="bilder/sonne.png")
        told = [
            on_terminal(["plan", path], environment, ""),
            on_terminal(["run", path], environment),
        ]
        if any(each.code for each in told):
            raise SystemExit(f"{name} was refused:\n" + "\n".join(each.text for each in told))
        state = server.state
    return len(told), sum(each.asked for each in told), state["posts"], state["creates"]


def main() -> None:
    """Store the plan in each form."""
    with tempfile.TemporaryDirectory() as home:
        for name in KINDS:
            commands, answers, posts, creates = managed(Path(home) / name.replace(".", "-"), name)
            print(
                f"{name}: {commands} commands, {answers} answer, {posts} posts, {creates} requests"
            )
            if posts != POSTS:
                raise SystemExit(f"{name}: {posts} posts in place of {POSTS}")
            note(Figure(name=f"commands, {name}", value=commands, unit="commands", target=3))
            note(Figure(name=f"answers, {name}", value=answers, unit="answers", target=1))


if __name__ == "__main__":
    main()
