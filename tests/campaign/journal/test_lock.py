"""What the lock of a journal promises."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest
from processes import PYTHON, child_environment, ended, launch, read_line

from postiz_async._campaign.journal.lock import FileLock
from postiz_async.errors import CampaignError

HOLDER = """
import sys, time
from pathlib import Path
from postiz_async._campaign.journal.lock import FileLock
lock = FileLock(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(600)
"""


def assert_held(path: Path) -> None:
    with pytest.raises(CampaignError, match=r"Another process .*`postiz-async status`"):
        FileLock(path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "c.journal.lock"


def test_it_has_one_holder_and_its_file_stays(path: Path) -> None:
    lock = FileLock(path)
    assert_held(path)
    lock.release()
    lock.release()
    assert path.exists()
    FileLock(path).release()


def test_letting_go_twice_closes_nothing_of_others(path: Path) -> None:
    """The next file that is opened has the same number."""
    first = FileLock(path)
    first.release()
    second = FileLock(path)
    first.release()
    assert_held(path)
    os.fstat(1)  # closed, it would have been standard output
    second.release()


def test_it_may_be_taken_in_one_thread_and_let_go_in_another(path: Path) -> None:
    taken: list[FileLock] = []
    thread = threading.Thread(target=lambda: taken.append(FileLock(path)))
    thread.start()
    thread.join()
    assert_held(path)
    taken[0].release()
    FileLock(path).release()


def test_it_dies_with_its_process(path: Path, tmp_path: Path) -> None:
    program = tmp_path / "holder.py"
    program.write_text(HOLDER)
    command = [*PYTHON, str(program), str(path)]
    with ended(launch(command, child_environment(tmp_path))) as process:
        read_line(process, lambda line: "held" in line)
        assert_held(path)
        process.kill()
        process.wait()
        FileLock(path).release()


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
@pytest.mark.parametrize("leads", ["there", "nowhere"])
def test_a_link_in_its_place_is_refused(path: Path, leads: str) -> None:
    path.with_name("there").write_text("precious")
    path.symlink_to(path.with_name(leads))
    with pytest.raises(CampaignError, match="is a symbolic link, and a lock has to be a file"):
        FileLock(path)
    assert not path.with_name("nowhere").exists()


def test_a_folder_that_is_missing_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(CampaignError, match="cannot be written: No such file or directory"):
        FileLock(tmp_path / "missing" / "c.journal.lock")
    assert not (tmp_path / "missing").exists()
