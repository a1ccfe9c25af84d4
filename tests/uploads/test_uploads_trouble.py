"""Sources that change, break or never end on their way; servers that fail meanwhile."""

from __future__ import annotations

import asyncio
import gc
import io
import os
import threading
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
import pytest
from processes import PATIENCE
from samples import MP4, PNG
from upload_lab import endless, sha, stream_of, stuck_after

from postiz_async import AdvancedOptions
from postiz_async._sandbox import Fault, MemoryServer
from postiz_async._uploads import send as sending, sources
from postiz_async._uploads.inspect import check_path
from postiz_async.errors import (
    APIConnectionError,
    Delivery,
    InvalidInputError,
    ServerError,
    UploadError,
)
from postiz_async.testing._transport import SandboxTransport, sandbox_client

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from postiz_async._client import Postiz
    from postiz_async._sandbox.faults import FaultKind
    from postiz_async._wire import WireRequest, WireResponse

    Change = Callable[[Path], object]

TAIL = os.urandom(900_000)


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def shrink(path: Path) -> None:
    os.truncate(path, 500_000)


def rewrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(-10, os.SEEK_END)
        file.write(b"0123456789")
    os.utime(path, ns=(1, 1))


def counting(told: list[int]) -> Callable[[int, int | None], None]:
    """A progress that notes what it is told; 0 comes once an attempt."""
    return lambda sent, _: told.append(sent)


# ------------------------------------------------------------------ files


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (grow, "has more than the 900,033 bytes that it began with: it grew"),
        (shrink, "ended after 500,000 of 900,033 bytes: it became shorter"),
        (rewrite, "changed while it was being sent"),
    ],
)
async def test_a_file_that_changes_on_its_way_is_not_stored(
    sandbox: MemoryServer, postiz: Postiz, png: Callable[..., Path], change: Change, words: str
) -> None:
    path = png("a.png", TAIL)

    def interfere(sent: int, _: int | None) -> None:
        if 0 < sent < 200_000:
            change(path)

    with pytest.raises(UploadError) as caught:
        await postiz.media.upload(path, progress=interfere)
    assert str(caught.value).startswith(f"{path} {words}")
    assert "Upload it again" in str(caught.value), "it says what to do"
    assert sandbox.uploads == ()
    media = await postiz.media.upload(path)
    assert media.size == path.stat().st_size, "the client is fine, and so is the file by now"


@pytest.mark.parametrize("how", ["deleted", "replaced"])
async def test_a_file_that_vanishes_on_its_way_is_sent_to_its_end(
    sandbox: MemoryServer, postiz: Postiz, png: Callable[..., Path], tmp_path: Path, how: str
) -> None:
    path, other = png("a.png", TAIL), tmp_path / "other"

    def vanish(sent: int, _: int | None) -> None:
        if sent == 0 and how == "deleted":
            path.unlink()
        elif sent == 0:
            other.write_bytes(b"something else")
            other.replace(path)

    await postiz.media.upload(path, progress=vanish)
    assert [stored.sha256 for stored in sandbox.uploads] == [sha(PNG + TAIL)]


async def test_what_is_no_file_is_named(local: Postiz, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "empty.png").touch()
    os.mkfifo(tmp_path / "pipe")
    for name, words in {
        "nothing.png": "does not exist",
        "loop": "symbolic link that leads back to itself",
        "pipe": "is a pipe, not a file (open it and hand over the file object)",
        ".": "is a directory",
        "empty.png": "is empty (0 bytes)",
    }.items():
        with pytest.raises(InvalidInputError) as caught:
            await local.media.upload(tmp_path / name)
        assert words in str(caught.value)


# ------------------------------------------------------------------ streams


async def test_a_stream_that_breaks_is_not_stored_and_says_why(
    sandbox: MemoryServer, postiz: Postiz
) -> None:
    async def broken():  # noqa: ANN202
        yield PNG + bytes(100_000)
        raise RuntimeError("the camera is gone")

    with pytest.raises(UploadError, match=r"the stream broke off \(RuntimeError: the camera is g"):
        await postiz.media.upload(broken(), progress=counting(told := []))
    assert (sandbox.uploads, told.count(0)) == ((), 1)


async def test_a_stream_that_never_ends_is_cut_at_the_limit(
    sandbox: MemoryServer, postiz: Postiz
) -> None:
    with pytest.raises(UploadError, match="more than 10,485,760 bytes, which is all that"):
        await postiz.media.upload(endless(PNG), progress=counting(told := []))
    assert (sandbox.uploads, told.count(0)) == ((), 1)
    assert 10_400_000 < max(told) <= 10_485_760


@pytest.mark.parametrize("kind", ["drop_answer", "reset", "empty_401"])
async def test_a_stream_is_not_sent_again_and_says_so(
    sandbox: MemoryServer, postiz: Postiz, kind: FaultKind
) -> None:
    sandbox.faults.add(Fault(kind=kind, route="upload_file"))
    with pytest.raises((APIConnectionError, ServerError)) as caught:
        await postiz.media.upload(stream_of([PNG, bytes(1000)]))
    assert "It was not sent again, because the stream can be read only once" in str(caught.value)
    assert sandbox.requests == 1


class Refusing(SandboxTransport):
    """Makes no connection the first time."""

    attempts = 0

    async def send(self, request: WireRequest) -> WireResponse:
        self.attempts += 1
        if self.attempts == 1:
            raise APIConnectionError("No connection.", delivery=Delivery.NOT_SENT)
        return await super().send(request)


async def test_a_stream_of_which_nothing_was_read_is_sent_again(
    sandbox_in_memory: MemoryServer,
) -> None:
    from postiz_async._client import Postiz  # noqa: PLC0415

    async with Postiz(
        api_key="sandbox",
        base_url="http://sandbox.invalid",
        advanced=AdvancedOptions(
            clock=sandbox_in_memory.clock, transport=Refusing(sandbox_in_memory)
        ),
    ) as postiz:
        await postiz.media.upload(stream_of([PNG, bytes(1000)]))
    assert [stored.size for stored in sandbox_in_memory.uploads] == [len(PNG) + 1000]


@pytest.mark.parametrize("before", [(), (PNG,), (PNG, bytes(100_000))])
async def test_a_source_that_stalls_is_given_up(
    sandbox: MemoryServer, postiz: Postiz, before: tuple[bytes, ...]
) -> None:
    told: list[int] = []
    with pytest.raises(UploadError, match=r"gave nothing for 0\.05 s"):
        await postiz.media.upload(stuck_after(*before), stall_timeout=0.05, progress=counting(told))
    assert (sandbox.uploads, told.count(0)) == ((), int(len(before) > 1))


# ------------------------------------------------------------------ callers


async def test_a_progress_that_fails_ends_the_upload_with_its_own_error(
    sandbox: MemoryServer, postiz: Postiz, png: Callable[..., Path]
) -> None:
    def fail(sent: int, total: int | None) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await postiz.media.upload(png("a.png", TAIL), progress=fail)
    assert sandbox.uploads == ()


async def test_an_upload_can_be_cancelled_at_any_time(
    sandbox: MemoryServer, postiz: Postiz, caplog: pytest.LogCaptureFixture
) -> None:
    for source in (endless(MP4), stuck_after(PNG), stuck_after(PNG, TAIL), stuck_after()):
        with anyio.move_on_after(0.05) as scope:
            await postiz.media.upload(source)
        assert scope.cancelled_caught
    assert sandbox.uploads == ()
    await postiz.media.upload(PNG)
    assert len(sandbox.uploads) == 1
    assert caplog.records == [], "neither side makes a fuss of it"


async def test_an_upload_that_reads_a_silent_pipe_can_be_cancelled(local: Postiz) -> None:
    end, start = os.pipe()
    with os.fdopen(end, "rb") as pipe:
        task = asyncio.create_task(local.media.upload(pipe))
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, PATIENCE)
        os.close(start)  # lets the reading thread go, which closing the file waits for


async def test_a_cancelled_upload_of_a_path_closes_the_file(
    sandbox_in_memory: MemoryServer, png: Callable[..., Path]
) -> None:
    """An open file would be a ResourceWarning, which is an error here."""
    sandbox_in_memory.faults.add(Fault(kind="hang", route="upload_file", delay=1e6))
    for turns in range(0, 40, 3):
        async with sandbox_client(sandbox_in_memory) as postiz:
            task = asyncio.create_task(postiz.media.upload(png()))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
    gc.collect()


async def test_an_upload_that_is_cancelled_while_its_file_is_opened_closes_it(
    sandbox_in_memory: MemoryServer, png: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, opening, go = png(), threading.Event(), threading.Event()

    def slow_check(checked: Path) -> None:
        opening.set()
        assert go.wait(PATIENCE)
        check_path(checked)

    monkeypatch.setattr(sources, "check_path", slow_check)
    opened: list[int] = []
    fstat = os.fstat
    monkeypatch.setattr(os, "fstat", lambda fd: opened.append(fd) or fstat(fd))
    async with sandbox_client(sandbox_in_memory) as postiz:
        task = asyncio.create_task(postiz.media.upload(path))
        await anyio.to_thread.run_sync(opening.wait, PATIENCE)
        task.cancel()
        asyncio.get_running_loop().call_later(0.05, go.set)
        with pytest.raises(asyncio.CancelledError):
            await task
    assert opened, "the thread went on and opened it"
    with pytest.raises(OSError, match="Bad file descriptor"):
        fstat(opened[0])


class BytesFile(io.BytesIO):
    """One whose methods can be replaced."""


class Busy:
    """Work in a thread, which begins, and ends when it is let go."""

    def __init__(self) -> None:
        self.begun, self.go = threading.Event(), threading.Event()
        self.at_work = False

    def slow(self, work: Callable[..., Any]) -> Callable[..., Any]:
        def slowly(*arguments: Any, **options: Any) -> Any:
            self.at_work = True
            self.begun.set()
            assert self.go.wait(PATIENCE)
            try:
                return work(*arguments, **options)
            finally:
                self.at_work = False

        return slowly


@pytest.mark.parametrize("at", ["file", "picture"])
async def test_a_cancelled_upload_leaves_no_thread_at_work(
    local: Postiz, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """The caller may close or delete at once what it was reading."""
    busy, file = Busy(), io.BytesIO(PNG)
    if at == "file":
        monkeypatch.setattr(BytesFile, "read", busy.slow(io.BytesIO.read))
        file = BytesFile(PNG)
    else:
        monkeypatch.setattr(sending, "pixels_of", busy.slow(sending.pixels_of))
    task = asyncio.create_task(local.media.upload(file))
    await anyio.to_thread.run_sync(busy.begun.wait, PATIENCE)
    task.cancel()
    asyncio.get_running_loop().call_later(0.05, busy.go.set)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not busy.at_work
