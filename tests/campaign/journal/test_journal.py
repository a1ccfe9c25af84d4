from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sqlite3
import struct
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace as replaced
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import anyio
import pytest
from journal_lab import ends, is_lost, leaves
from msgspec.structs import replace

from postiz_async._campaign.journal.journal import Journal
from postiz_async._campaign.journal.purposes import NewPosts, RowEnd, RowsTakenError
from postiz_async._campaign.journal.requests import open_requests
from postiz_async._campaign.journal.rows import Copy, RowRecord
from postiz_async._campaign.journal.summary import read_summary
from postiz_async._campaign.journal.tables import (
    Tables,
    owners_of,
    read_copies,
    read_kept,
    rows_of,
    rows_sent_in,
    sent_between,
)
from postiz_async._campaign.run.resume import past_of
from postiz_async._delivery.outcomes import RowState
from postiz_async._quota.snapshot import Snapshot
from postiz_async._wire import parse_date
from postiz_async.errors import CampaignError
from postiz_async.models.media import Media
from postiz_async.models.posts import ChannelRef, ContentItem, Post, PostItem, PostRequest

SERVER = "http://postiz.invalid/public/v1"
BODY = PostRequest(
    type="schedule",
    date="2027-01-15T09:00:00.001Z",
    posts=[
        PostItem(
            channel=ChannelRef(id="c1"),
            value=[ContentItem(content="Grüße ☃")],
            settings={"client_ref": "r"},
        )
    ],
)


def row(ref: str, number: int = 2, **more: object) -> RowRecord:
    return RowRecord(ref, number, f"print-{ref}", "c1", 1_800_000_000.5, **more)  # type: ignore[arg-type]


async def open_journal(path: Path, base_url: str = SERVER) -> Journal:
    return await Journal.open(path, campaign="campaign.csv", base_url=base_url)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "campaign.journal"


@pytest.fixture
async def journal(path: Path) -> AsyncIterator[Journal]:
    async with await open_journal(path) as made:
        yield made


async def states(journal: Journal) -> dict[str, RowState]:
    return {ref: record.state for ref, record in (await journal.rows()).items()}


# ------------------------------------------------------------------ what it remembers


async def test_what_is_written_is_there_after_opening_again(path: Path) -> None:
    kept = Snapshot(as_of=1.0, limit=30, remaining=3)
    media = Media(id="m", path="https://host/a.png")
    later = replace(BODY, date="2027-01-15T09:00:00.002Z")
    async with await open_journal(path) as journal:
        await journal.put([row("a"), row("b", 3), row("c", 4)])
        first = await leaves(journal, BODY, ("a",), 5.0)
        second = await leaves(journal, later, ("b",), 6.0)
        await ends(first, {"a": "cm1"})
        await journal.uploaded("sha", media)
        await journal.save(kept)
    async with await open_journal(path) as journal:
        assert await journal.rows() == {
            "a": row("a", state=RowState.STORED, request=first.number, post_id="cm1"),
            "b": row("b", 3, state=RowState.SENDING, request=second.number),
            "c": row("c", 4),
        }
        (lost,) = await open_requests(journal, NewPosts())
        assert lost.sent == second.sent
        assert (lost.sent.body, lost.sent.refs, lost.sent.sent_at) == (later, ("b",), 6.0)
        assert await journal.uploads() == {"sha": media}
        assert await journal.read(read_kept) == kept
    summary = read_summary(path)
    assert (summary.base_url, summary.campaign, summary.requests) == (SERVER, "campaign.csv", 2)
    assert summary.kept == kept


async def test_the_file_alone_tells_of_each_outcome(journal: Journal, path: Path) -> None:
    """It may be moved or copied after a kill, without the `-wal` that SQLite leaves beside it."""
    alone = path.with_name("alone.journal")
    await journal.put([row("a"), row("b")])
    number = await leaves(journal, BODY, ("a",), 1.0)
    await ends(number, {"a": "cm1"})
    shutil.copy(path, alone)
    assert [each.post_id for each in read_summary(alone).rows] == ["cm1", None]
    stored = replaced((await journal.rows())["b"], state=RowState.STORED, post_id="cm2")
    await journal.adopt([stored], [BODY])
    shutil.copy(path, alone)
    assert [each.post_id for each in read_summary(alone).rows] == ["cm1", "cm2"]


async def test_an_older_copy_is_not_mixed_with_what_lies_beside_it(path: Path) -> None:
    """Somebody puts a backup in the place of a journal whose process was killed."""
    backup = path.with_name("backup")
    journal = await open_journal(path)
    await journal.put([row(f"r{n}", n) for n in range(50)])
    for n in range(2):
        request = await leaves(journal, BODY, (f"r{n}",), 1.0)
        await ends(request, {f"r{n}": f"cm{n}"})
        if n == 0:
            shutil.copy(path, backup)
    beside = path.with_name(path.name + "-wal").read_bytes()
    await journal.aclose()  # which takes it away; a kill would have left it
    path.with_name(path.name + "-wal").write_bytes(beside)
    shutil.copy(backup, path)
    async with await open_journal(path) as restored:
        rows = await restored.rows()
        assert [rows[f"r{n}"].post_id for n in range(2)] == ["cm0", None]
        assert len(rows) == 50


async def test_what_is_taken_over_does_not_undo_what_is_stored_or_in_doubt(
    journal: Journal,
) -> None:
    await journal.put([row(ref) for ref in "abc"])
    stored = await leaves(journal, BODY, ("a",), 1.0)
    await ends(stored, {"a": "cm1"})
    await leaves(journal, BODY, ("b",), 2.0)
    known = {"d": row("d")} | await journal.rows()
    taken = [replaced(known[ref], state=RowState.STORED, post_id=f"other-{ref}") for ref in "abcd"]
    done = await journal.adopt(taken, [BODY] * 4)
    assert [each.ref for each in done] == ["c", "d"]
    rows = await journal.rows()
    assert [rows[ref].post_id for ref in "abcd"] == ["cm1", None, "other-c", "other-d"]
    assert rows["b"].state is RowState.SENDING
    assert len(await journal.requests()) == 4
    assert len(await journal.requests(adopted=False)) == 2


async def test_what_changed_since_a_post_was_listed_is_not_taken_over(journal: Journal) -> None:
    """Another host deleted the post meanwhile, and planned its row again."""
    await journal.put([row("a")])
    listed = replaced((await journal.rows())["a"], state=RowState.STORED, post_id="cm1")
    request = await leaves(journal, BODY, ("a",))
    await ends(request, {}, {})
    assert (await states(journal)) == {"a": RowState.PLANNED}
    assert await journal.adopt([listed], [BODY]) == []
    assert (await states(journal)) == {"a": RowState.PLANNED}


async def test_posts_that_stay_beside_rows_are_remembered(path: Path) -> None:
    copies = [Copy("cm1", "a", "mark"), Copy("cm2", "a")]
    async with await open_journal(path) as journal:
        await journal.leave(copies)
        await journal.leave(copies[:1])
    async with await open_journal(path) as journal:
        assert await journal.read(read_copies) == copies


async def test_a_post_of_two_rows_is_that_of_both(journal: Journal) -> None:
    await journal.put([row("gone"), row("here", 2)])
    rows = (await journal.rows()).values()
    await journal.found(replaced(each, post_id="p") for each in rows)
    post = Post(id="p", publish_date=parse_date(BODY.date), content="", state="QUEUE")
    assert (await past_of(journal.read, "c", [post], {"here"})).post_ids == {"p"}


async def test_requests_are_found_by_their_exact_date(journal: Journal) -> None:
    await journal.put([row("a"), row("b", 3), row("c", 4)])
    moment = parse_date(BODY.date)
    later = replace(BODY, date="2027-01-15T09:00:00.002Z")
    await leaves(journal, BODY, ("a",), 5.0)
    await leaves(journal, later, ("b",), 6.0)
    await journal.adopt([replaced((await journal.rows())["c"], post_id="p")], [BODY])
    end = moment + timedelta(milliseconds=1)

    async def asked(first: datetime, last: datetime, *, adopted: bool) -> list[tuple[str, ...]]:
        query = partial(sent_between, first=first, last=last, adopted=adopted)
        return [sent.refs for sent in await journal.read(query)]

    assert await asked(moment, moment, adopted=False) == [("a",)]
    assert await asked(moment, end, adopted=True) == [("a",), ("b",), ("c",)]
    assert await asked(end, end + timedelta(days=9), adopted=True) == [("b",)]
    assert await asked(end + timedelta(milliseconds=1), end + timedelta(days=9), adopted=True) == []
    owners = await journal.read(partial(owners_of, post_ids={"p", "of somebody else"}))
    assert owners == {"p": [("c", 3)]}


@pytest.mark.parametrize(
    "asking",
    [
        lambda t: sent_between(t, parse_date(BODY.date), parse_date(BODY.date)),
        lambda t: owners_of(t, {"p"}),
        lambda t: rows_sent_in(t, [1]),
        lambda t: rows_of(t, ["a"]),
    ],
)
async def test_a_few_of_very_many_are_found_without_reading_all(
    path: Path, asking: Callable[[Tables], object]
) -> None:
    steps: list[str] = []
    async with await open_journal(path) as journal:
        connection = journal._opened._connection
        asked: list[str] = []
        connection.set_trace_callback(asked.append)
        await journal.read(asking)
        connection.set_trace_callback(None)
        for query in (query for query in asked if query.startswith("SELECT")):
            steps += [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}")]
    assert steps
    assert all(step.startswith(("SEARCH", "USE TEMP B-TREE")) for step in steps), steps


async def test_a_transaction_is_begun_before_the_first_statement(journal: Journal) -> None:
    """Python begins one with an INSERT, but in Turkish does not know the word before 3.13."""
    assert await journal.read(lambda t: t.connection.in_transaction)  # type: ignore[attr-defined]


async def test_outcomes_of_a_request_are_written_together(journal: Journal) -> None:
    await journal.put([row("a"), row("b"), row("c")])
    number = await leaves(journal, BODY, ("a", "b", "c"), 1.0)
    await ends(number, {"a": "cm1"}, {"c": RowEnd(RowState.SKIPPED, "gone")})
    rows = await journal.rows()
    assert [rows[ref].state for ref in "abc"] == [
        RowState.STORED,
        RowState.PLANNED,
        RowState.SKIPPED,
    ]
    assert rows["c"].note == "gone"
    assert await open_requests(journal, NewPosts()) == []


async def test_what_may_be_stored_is_never_planned_again(journal: Journal) -> None:
    """The last line of defence against a double: also when its caller is wrong."""
    await journal.put([row(ref) for ref in "abcd"])
    sent = await leaves(journal, BODY, ("a",), 1.0)
    await ends(sent, {"a": "cm1"})
    await leaves(journal, BODY, ("b",), 2.0)
    lost = await leaves(journal, BODY, ("c",), 2.0)
    await is_lost(lost)
    await journal.put([row(ref, 9) for ref in "abcd"])
    assert await states(journal) == {
        "a": RowState.STORED,
        "b": RowState.SENDING,
        "c": RowState.UNKNOWN,
        "d": RowState.PLANNED,
    }
    for ref in ("a", "b", "c", "unheard of"):
        with pytest.raises(RowsTakenError, match=rf"^row {ref} is [a-z]+$"):
            await leaves(journal, BODY, ("d", ref), 3.0)
    assert (await states(journal))["d"] is RowState.PLANNED


async def test_rows_may_move_in_the_file_whatever_their_state(journal: Journal) -> None:
    await journal.put([row("a", 2), row("b", 3)])
    sent = await leaves(journal, BODY, ("a",), 1.0)
    await ends(sent, {"a": "cm1"})
    await journal.renumber({"a": 8, "b": 9})
    rows = await journal.rows()
    assert [(rows[ref].number, rows[ref].state) for ref in "ab"] == [
        (8, RowState.STORED),
        (9, RowState.PLANNED),
    ]


# ------------------------------------------------------------------ one holder, one server


async def test_a_journal_is_held_by_one_at_a_time(path: Path) -> None:
    async with await open_journal(path):
        with pytest.raises(CampaignError, match="Another process is working on this journal"):
            await open_journal(path)
    async with await open_journal(path):
        pass


async def test_a_failed_opening_lets_go_of_the_lock(path: Path) -> None:
    async with await open_journal(path):
        pass
    with pytest.raises(CampaignError, match=r"belongs to http://postiz\.invalid"):
        await open_journal(path, "http://other.invalid/public/v1")
    async with await open_journal(path):
        pass


async def test_another_process_is_shut_out_too(path: Path) -> None:
    async with await open_journal(path):
        code = (
            "import asyncio, sys; from pathlib import Path\n"
            "from postiz_async._campaign.journal.journal import Journal\n"
            f"opening = Journal.open(Path(sys.argv[1]), campaign='c', base_url={SERVER!r})\n"
            "asyncio.run(opening)"
        )
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, str(path), stderr=asyncio.subprocess.PIPE
        )
        _, err = await process.communicate()
        assert b"Another process is working on this journal" in err


@pytest.mark.parametrize("where", ["missing/folder/x.journal", "n" * 300, "file/x.journal"])
async def test_a_place_where_nothing_can_be_written_is_named(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(CampaignError, match="cannot be written"):
        await open_journal(tmp_path / where)
    with pytest.raises(CampaignError, match="is a directory, not a journal"):
        await open_journal(tmp_path)


# ------------------------------------------------------------------ what is not a journal


def foreign(path: Path, *, wal: bool) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("CREATE TABLE t (x); INSERT INTO t VALUES (1);")
        if wal:
            connection.execute("PRAGMA journal_mode = WAL")


async def whole_journal(path: Path) -> None:
    async with await open_journal(path) as journal:
        await journal.put([row(f"r{n}", n) for n in range(400)])


def spoil(path: Path, kind: str) -> None:
    """Make what should be a journal, or lies there as one, into something else."""
    if kind.startswith("foreign"):
        foreign(path, wal=kind.endswith("wal"))
        return
    if kind == "without meta":
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("DELETE FROM campaigns")
        return
    data = path.read_bytes() if path.exists() else b""
    spoiled = {
        "garbage": os.urandom(9_000),
        "text": b"a,b\n" * 99,
        "short": b"x",
        "cut": data[: len(data) // 2],
        "cut to the head": data[:100],
        "scribbled": data[:8_192] + os.urandom(4_096) + data[12_288:],
        "newer": data[:60] + struct.pack(">I", 99) + data[64:],
    }
    path.write_bytes(spoiled[kind])


FROM_A_JOURNAL = {"cut", "cut to the head", "scribbled", "newer", "without meta"}


def everything_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".lock"}


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("garbage", "is damaged or no journal"),
        ("text", "is damaged or no journal"),
        ("short", "is damaged or no journal"),
        ("foreign", "is not a journal of this program"),
        ("foreign wal", "is not a journal of this program"),
        ("cut", "is damaged or no journal"),
        ("cut to the head", "is damaged or no journal"),
        ("scribbled", "is damaged or no journal"),
        ("newer", "was written by another version"),
        ("without meta", "is damaged or no journal"),
    ],
)
async def test_what_is_no_sound_journal_is_refused_and_left_byte_for_byte(
    path: Path, kind: str, words: str
) -> None:
    if kind in FROM_A_JOURNAL:
        await whole_journal(path)
    spoil(path, kind)
    before = everything_in(path.parent)
    with pytest.raises(CampaignError, match=words):
        await open_journal(path)
    if kind != "scribbled":  # a summary does not read every page
        with pytest.raises(CampaignError, match=words):
            read_summary(path)
    after = everything_in(path.parent)
    assert after[path.name] == before[path.name]
    assert set(after) - set(before) <= {f"{path.name}-shm", f"{path.name}-wal"}


async def test_an_empty_file_becomes_a_journal(path: Path) -> None:
    await anyio.Path(path).touch()
    async with await open_journal(path) as journal:
        await journal.put([row("a")])
    assert len(read_summary(path).rows) == 1


async def test_a_half_made_journal_of_a_killed_process_does_not_matter(path: Path) -> None:
    path.with_name(path.name + ".new").write_bytes(b"SQLite format 3\0 half made")
    async with await open_journal(path):
        pass
    assert not path.with_name(path.name + ".new").exists()


def test_there_is_no_summary_of_nothing(path: Path) -> None:
    with pytest.raises(CampaignError, match="this campaign has not been run"):
        read_summary(path)


# ------------------------------------------------------------------ readers, crashes


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
async def test_what_a_reader_cannot_share_with_a_run_is_not_read(path: Path) -> None:
    """Without the file beside it nobody would know what a run writes at that moment."""
    await whole_journal(path)
    os.mkfifo(path.with_name(path.name + "-shm"))
    with pytest.raises(CampaignError, match="disk I/O error"):
        read_summary(path)


async def test_a_summary_can_be_read_while_a_run_is_writing(path: Path) -> None:
    async with await open_journal(path) as journal:
        for count in range(1, 20):
            await journal.put([row(f"r{count}", count)])
            summary = await anyio.to_thread.run_sync(read_summary, path)
            assert len(summary.rows) == count


async def test_a_copy_taken_at_any_moment_is_a_sound_journal(path: Path, tmp_path: Path) -> None:
    """What a crash of the machine leaves: the file and its log as they are on the disk."""
    async with await open_journal(path) as journal:
        await journal.put([row(f"r{n}", n) for n in range(6)])
        for n in range(6):
            number = await leaves(journal, BODY, (f"r{n}",), float(n))
            copy = tmp_path / f"copy{n}"
            copy.mkdir()
            for part in (path, path.with_name(path.name + "-wal")):
                shutil.copy(part, copy / part.name)
            if n % 2:
                await ends(number, {f"r{n}": f"cm{n}"})
            async with await open_journal(copy / path.name) as twin:
                rows = await twin.rows()
                assert rows[f"r{n}"].state is RowState.SENDING
                assert [sent.refs for sent in await open_requests(twin, NewPosts())] == [
                    (f"r{k}",) for k in range(n + 1) if k == n or not k % 2
                ]


CHILD = f"""
import asyncio, sys
from pathlib import Path
from postiz_async._campaign.journal.journal import Journal
from postiz_async._campaign.journal.rows import RowRecord

async def main():
    journal = await Journal.open(Path(sys.argv[1]), campaign="c", base_url={SERVER!r})
    n = 0
    while True:
        await journal.put([RowRecord(f"r{{n}}-{{k}}", n, "f", "c1", 1.0) for k in range(50)])
        print(n, flush=True)
        n += 1

asyncio.run(main())
"""


async def test_a_killed_process_leaves_whole_transactions_and_no_lock(path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, str(path), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    while int(await process.stdout.readline()) < 15:
        pass
    process.send_signal(signal.SIGKILL)
    said = [int(line) for line in (await process.stdout.read()).splitlines()]
    await process.wait()
    async with await open_journal(path) as journal:
        rows = await journal.rows()
    assert len(rows) % 50 == 0
    assert len(rows) // 50 > max([15, *said])


async def test_a_cancelled_task_neither_tears_nor_loses_a_transaction(journal: Journal) -> None:
    async def write(n: int) -> None:
        await journal.put([row(f"r{n}-{k}", n) for k in range(20)])

    for n in range(30):
        task = asyncio.create_task(write(n))
        for _ in range(n % 7):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await journal.turn_away(NewPosts(), [f"r{n}-0"], RowEnd(RowState.LATE))
    counts: dict[int, int] = {}
    for record in (await journal.rows()).values():
        counts[record.number] = counts.get(record.number, 0) + 1
    assert set(counts.values()) <= {20}


@pytest.mark.parametrize("turns", range(12))
async def test_a_task_that_is_cancelled_while_it_opens_a_journal_keeps_no_lock(
    path: Path, turns: int
) -> None:
    async def use() -> None:
        async with await open_journal(path) as journal:
            await journal.put([row("a")])

    for _ in range(5):
        task = asyncio.create_task(use())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        async with await open_journal(path):
            pass


async def test_a_look_at_a_journal_at_rest_leaves_nothing_beside_it(path: Path) -> None:
    async with await open_journal(path) as journal:
        await journal.put([row("a")])
    before = {file.name: file.read_bytes() for file in path.parent.iterdir()}
    assert path.name + "-wal" not in before
    assert len(read_summary(path).rows) == 1
    assert {file.name: file.read_bytes() for file in path.parent.iterdir()} == before


@contextmanager
def nobody_may_write(folder: str) -> Iterator[None]:
    """Root may, so it is somebody else meanwhile."""
    is_root = os.geteuid() == 0
    for path in Path(folder).iterdir():
        path.chmod(path.stat().st_mode & 0o555)
    Path(folder).chmod(0o555)
    if is_root:
        os.seteuid(65_534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)
        Path(folder).chmod(0o755)


@pytest.mark.skipif(sys.platform == "win32", reason="folders of POSIX")
async def test_a_journal_that_nobody_may_write_can_be_looked_at() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "campaign.journal"
        async with await open_journal(path) as journal:
            await journal.put([row("a")])
        path.chmod(0o644)  # as somebody does who wants others to look at it
        with nobody_may_write(folder):
            assert len(read_summary(path).rows) == 1
            # root is another user there, who may not open the lock
            with pytest.raises(CampaignError, match=r"cannot be (written|used now: .* readonly)"):
                await open_journal(path)


@pytest.mark.parametrize("is_busy", [False, True])
@pytest.mark.parametrize("turns", range(1, 8))
async def test_a_task_that_is_cancelled_while_it_closes_a_journal_lets_go_of_the_lock(
    path: Path, *, turns: int, is_busy: bool
) -> None:
    journal = await open_journal(path)
    writing = asyncio.create_task(journal.put([row(f"r{n}", n) for n in range(1_000)]))
    await asyncio.sleep(0)
    if not is_busy:
        await writing
    closing = asyncio.create_task(journal.aclose())
    for _ in range(turns):
        await asyncio.sleep(0)
    closing.cancel()
    await asyncio.gather(closing, writing, return_exceptions=True)
    async with await open_journal(path) as again:
        assert len(await again.rows()) == 1_000


def everything(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


@pytest.mark.skipif(sys.platform == "win32", reason="links of POSIX")
async def test_a_link_to_a_journal_is_that_journal(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "elsewhere" / "other.journal"
    link.parent.mkdir()
    link.symlink_to(path)
    async with await open_journal(link) as journal:  # also when there is none yet
        await journal.put([row("a")])
        assert len(read_summary(path).rows) == len(read_summary(link).rows) == 1
        with pytest.raises(CampaignError, match="Another process is working"):
            await open_journal(path)
    before = everything(tmp_path)
    assert len(read_summary(link).rows) == 1
    assert everything(tmp_path) == before
    assert link.is_symlink()
    async with await open_journal(path), await open_journal(path.with_name("b.journal")):
        with pytest.raises(CampaignError, match="Another process is working"):
            await open_journal(link)


async def test_a_closed_journal_says_that_it_cannot_be_used(path: Path) -> None:
    journal = await open_journal(path)
    await journal.aclose()
    with pytest.raises(CampaignError, match="cannot be used"):
        await journal.rows()


def test_a_row_shows_itself_without_its_content() -> None:
    shown = repr(RowRecord("a", 1, "fingerprint", "c1", 0.0, note="refused", said='{"text": "x"}'))
    assert "refused" in shown
    assert "fingerprint" not in shown
    assert "text" not in shown
