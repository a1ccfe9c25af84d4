"""Files that are written as a whole, and what is not a file to be replaced."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest

from postiz_async.stores import _files
from postiz_async.stores._files import replace_file

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="files of POSIX")


def test_a_new_file_is_its_owners_alone_and_an_old_one_keeps_its_permissions(
    tmp_path: Path,
) -> None:
    path = tmp_path / "r.csv"
    replace_file(path, "one\n")
    assert (path.read_text("utf-8"), path.stat().st_mode & 0o777) == ("one\n", 0o600)
    path.chmod(0o644)
    replace_file(path, "two\r\n")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"two\r\n", 0o644)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("leads", ["there", "nowhere", "itself"])
def test_a_link_is_replaced_and_what_it_leads_to_stays(tmp_path: Path, leads: str) -> None:
    (tmp_path / "there").write_text("precious")
    link = tmp_path / "itself"
    link.symlink_to(tmp_path / leads)
    replace_file(link, "new")
    assert (link.is_symlink(), link.read_text("utf-8")) == (False, "new")
    assert (tmp_path / "there").read_text("utf-8") == "precious"
    assert not (tmp_path / "nowhere").exists()


def test_who_reads_meanwhile_has_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text("old")
    with path.open() as reader:
        replace_file(path, "new")
        assert reader.read() == "old"


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for wrong in ("folder", "no/such/folder.csv"):
        with pytest.raises(OSError, match=r"directory"):
            replace_file(tmp_path / wrong, "text")
    with pytest.raises(UnicodeEncodeError):
        replace_file(tmp_path / "half.csv", "\ud800")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_pipe_and_a_device_are_written_to(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    came: list[str] = []
    reader = threading.Thread(target=lambda: came.append(pipe.read_text("utf-8")))
    reader.start()
    replace_file(pipe, "through")
    reader.join()
    assert (came, pipe.is_fifo()) == (["through"], True)
    replace_file(Path(os.devnull), "away")
    assert Path(os.devnull).is_char_device()


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="no descriptors as paths")
def test_a_file_that_was_opened_for_this_process_is_written_to(tmp_path: Path) -> None:
    """As `--result /dev/stdout > out.csv` has it: the link there is nobody's to replace."""
    with (tmp_path / "out.csv").open("w") as file:
        replace_file(Path(f"/dev/fd/{file.fileno()}"), "text")
    assert (tmp_path / "out.csv").read_text("utf-8") == "text"
    assert _files._takes_writing(Path("/dev/stdout"))
