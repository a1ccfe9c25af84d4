"""A reader of events is killed again and again, and sees each of them nevertheless."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from outbox_lab import OutboxLab
from processes import PYTHON, child_environment, ended, launch, until

READER = str(Path(__file__).with_name("event_reader.py"))
KILLS, EACH = 5, 6


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").split() if path.exists() else []


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
async def test_a_killed_reader_goes_on_from_its_cursor(tmp_path: Path) -> None:
    lab = OutboxLab(tmp_path)
    seen = tmp_path / "seen"
    names: list[str] = []
    command = [*PYTHON, READER, str(tmp_path), lab.sandbox.organization.api_key]
    async with lab.sandbox, lab.client(sends=False) as postiz:

        async def end_some() -> None:
            for ticket in await lab.put(postiz, EACH):
                await postiz.outbox.withdraw(ticket)
                names.append(ticket.id)

        for number in range(KILLS):
            await end_some()
            wanted = len({*lines(seen)}) + 3 + number % 2
            with ended(launch([*command, "0.01"], child_environment(tmp_path, {}))) as reader:
                await until(lambda wanted=wanted: len({*lines(seen)}) >= wanted)
                reader.kill()
        await end_some()
        with ended(launch([*command, "0.01"], child_environment(tmp_path, {}))) as reader:
            await until(lambda: {*lines(seen)} == {*names})
            reader.kill()
    told = lines(seen)
    assert [*dict.fromkeys(told)] == names, "in order"
    assert len(told) <= len(names) + KILLS, "only the one that was not written down comes again"
