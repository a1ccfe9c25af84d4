from __future__ import annotations

import asyncio
import io
import os
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from samples import JPEG, MP4, PNG
from upload_lab import WebUpload, sha, stream_of

from postiz_async._client import Postiz
from postiz_async._sandbox import Fault, MemoryServer
from postiz_async._uploads.sources import CHUNK, NullSink, open_local
from postiz_async.errors import InvalidInputError, UploadError

DATA = PNG + os.urandom(700_000)


PIECES = [DATA[:5], b"", DATA[5:400_000], DATA[400_000:]]


def filled_reader() -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    reader.feed_data(DATA)
    reader.feed_eof()
    return reader


def filled_pipe() -> io.BufferedReader:
    end, start = os.pipe()

    def write() -> None:
        with os.fdopen(start, "wb") as pipe:
            pipe.write(DATA)

    threading.Thread(target=write).start()
    return os.fdopen(end, "rb")


SHAPES: dict[str, Callable[[Path], object]] = {
    "path": lambda path: path,
    "text": str,
    "bytearray": lambda _: bytearray(DATA),
    "memoryview": lambda _: memoryview(DATA),
    "BytesIO": lambda _: io.BytesIO(DATA),
    "file": lambda path: path.open("rb"),
    "anyio": lambda path: anyio.wrap_file(path.open("rb")),
    "UploadFile": lambda _: WebUpload(DATA),
    "iterator": lambda _: stream_of(PIECES),
    "bytearrays": lambda _: stream_of(map(bytearray, PIECES)),  # type: ignore[arg-type]
    "every other byte": lambda _: memoryview(bytes(b for byte in DATA for b in (byte, 0)))[::2],
    "StreamReader": lambda _: filled_reader(),
    "pipe": lambda _: filled_pipe(),
}
ONCE = {"iterator", "bytearrays", "StreamReader", "pipe"}


@pytest.fixture
def given_as(tmp_path: Path) -> Iterator[Callable[[str], object]]:
    """The same bytes in another shape. What is open at the end must not have been closed."""
    opened: list[object] = []
    path = tmp_path / "picture.png"
    path.write_bytes(DATA)

    def make(kind: str) -> object:
        opened.append(SHAPES[kind](path))
        return opened[-1]

    yield make
    for each in opened:
        file = each.wrapped if isinstance(each, anyio.AsyncFile) else each
        if isinstance(file, io.IOBase):
            assert not file.closed
            file.close()


@pytest.mark.parametrize("kind", SHAPES)
async def test_what_arrives_is_what_was_given_in_any_shape(
    sandbox: MemoryServer, postiz: Postiz, given_as: Callable[[str], Any], kind: str
) -> None:
    told: list[tuple[int, int | None]] = []
    media = await postiz.media.upload(given_as(kind), progress=lambda *now: told.append(now))
    (stored,) = sandbox.uploads
    assert (stored.sha256, stored.size) == (sha(DATA), len(DATA))
    assert (media.id, media.size, media.width, media.height) == (stored.id, len(DATA), 1, 1)
    total = None if kind in ONCE else len(DATA)
    assert told[0] == (0, total)
    assert told[-1] == (len(DATA), total)
    assert told == sorted(told, key=lambda now: now[0])


@pytest.mark.parametrize("kind", ["BytesIO", "file", "anyio", "UploadFile"])
async def test_a_file_is_rewound_for_a_second_attempt(
    sandbox: MemoryServer, postiz: Postiz, given_as: Callable[[str], Any], kind: str
) -> None:
    sandbox.faults.add(Fault(kind="drop_answer", route="upload_file"))
    told: list[int] = []
    await postiz.media.upload(given_as(kind), progress=lambda sent, _: told.append(sent))
    assert [stored.sha256 for stored in sandbox.uploads] == [sha(DATA)] * 2
    assert told.count(0) == 2


async def test_a_file_is_taken_from_where_it_stands(
    sandbox_in_memory: MemoryServer, local: Postiz
) -> None:
    file = io.BytesIO(b"preamble" + PNG)
    file.seek(8)
    await local.media.upload(file)
    assert [stored.sha256 for stored in sandbox_in_memory.uploads] == [sha(PNG)]
    file.seek(0, os.SEEK_END)
    with pytest.raises(InvalidInputError, match="the file is empty"):
        await local.media.upload(file)


async def test_an_upload_of_a_web_framework_is_taken_as_a_whole_and_left_open(
    sandbox_in_memory: MemoryServer, local: Postiz
) -> None:
    """A handler has often read it already, to look at it."""
    upload = WebUpload(DATA)
    await upload.read()
    await local.media.upload(upload)
    assert [stored.sha256 for stored in sandbox_in_memory.uploads] == [sha(DATA)]
    assert not upload.is_closed
    with pytest.raises(InvalidInputError, match=r"photo\.png is application/zip by its content"):
        await local.media.upload(WebUpload(b"PK\3\4" + bytes(60)))
    with pytest.raises(InvalidInputError, match="the file is empty"):
        await local.media.upload(WebUpload(b"", filename=None))


async def test_a_size_that_is_not_true_is_found_out(
    sandbox_in_memory: MemoryServer, local: Postiz
) -> None:
    for size, words in ((len(DATA) - 1, "has more than the"), (len(DATA) + 1, "ended after")):
        upload = WebUpload(DATA)
        upload.size = size
        with pytest.raises(UploadError, match=rf"photo\.png {words}"):
            await local.media.upload(upload)
    assert sandbox_in_memory.uploads == ()


async def test_the_pixels_of_a_stream_are_known_too(local: Postiz) -> None:
    frame = b"\xff\xc0\0\x11\x08" + struct.pack(">HH", 480, 640) + b"\3" + b"\1\x22\0" * 3
    jpeg = JPEG[:-2] + frame + b"\xff\xd9"
    media = await local.media.upload(stream_of([jpeg[:30], jpeg[30:]]))
    assert (media.width, media.height, media.size) == (640, 480, len(jpeg))


async def test_a_picture_that_is_named_like_a_film_is_a_picture(
    sandbox_in_memory: MemoryServer, local: Postiz, tmp_path: Path
) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(PNG)
    media = await local.media.upload(path)
    assert media.path.endswith(".png")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (io.StringIO("text"), "the file gave str where bytes belong. Open it in binary mode"),
        (stream_of(["text"]), "the stream gave str where bytes belong"),  # type: ignore[list-item]
        (stream_of([None]), "the stream gave nothing where bytes belong"),  # type: ignore[list-item]
        ([PNG], "an object of type list cannot be uploaded"),
        (None, "an object of type NoneType cannot be uploaded"),
        (7, "an object of type int cannot be uploaded"),
        (stream_of([]), "the stream is empty (0 bytes)"),
        (stream_of([b"<svg xmlns='http://www.w3.org/2000/svg'/>"]), "of an unknown kind"),
        (io.BytesIO(b"<?xml version='1.0'?><svg/>"), "PNG, JPEG, GIF, WebP and MP4"),
        (stream_of([b"II*\0" + bytes(60)]), "image/tiff: it can be uploaded but not posted"),
    ],
)
async def test_what_is_no_picture_is_refused_in_any_shape(
    sandbox_in_memory: MemoryServer, local: Postiz, source: object, words: str
) -> None:
    with pytest.raises((InvalidInputError, UploadError)) as caught:
        await local.media.upload(source)  # type: ignore[arg-type]
    assert words in str(caught.value)
    assert sandbox_in_memory.requests == 0


async def test_a_closed_file_is_named(local: Postiz, tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(PNG)
    with path.open("rb") as file:
        pass
    with pytest.raises(InvalidInputError, match=r"photo\.png cannot be read: .*closed file"):
        await local.media.upload(file)


async def test_a_film_of_a_stream_is_a_film(local: Postiz) -> None:
    media = await local.media.upload(stream_of([MP4[:9], MP4[9:], bytes(1000)]))
    assert media.path.endswith(".mp4")
    assert (media.width, media.height) == (0, 0)


# ------------------------------------------------------------------ sources by themselves


async def test_what_is_no_source_says_what_one_is() -> None:
    with pytest.raises(InvalidInputError) as caught:
        await open_local(7, stall_timeout=1.0)  # type: ignore[arg-type]
    (problem,) = caught.value.problems
    assert problem.message == "an object of type int cannot be uploaded"
    assert problem.hint == (
        "give a path, bytes, a binary file, an async iterator of bytes, or a URL"
    )


async def test_others_have_their_turn_between_the_pieces_of_bytes() -> None:
    source = await open_local(bytes(CHUNK * 4), stall_timeout=1.0)
    turns, seen = 0, list[int]()

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    async for _ in source.chunks(NullSink()):
        seen.append(turns)
    task.cancel()
    assert len(seen) == 4
    assert len(set(seen)) == 4, "the other task ran between any two of them"


async def test_a_file_that_stands_behind_its_end_has_nothing_to_give() -> None:
    file = io.BytesIO(b"0123456789")
    file.seek(100)
    source = await open_local(file, stall_timeout=1.0)
    assert source.size == 0
    assert [chunk async for chunk in source.chunks(NullSink())] == []


async def test_a_file_that_was_closed_meanwhile_cannot_be_rewound() -> None:
    file = io.BytesIO(DATA)
    file.name = "holiday.png"  # type: ignore[attr-defined]
    source = await open_local(file, stall_timeout=1.0)
    file.close()
    with pytest.raises(UploadError, match=r"^holiday\.png cannot be rewound: I/O operation"):
        await source.look()


async def test_a_file_of_this_machine_knows_its_path(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(PNG)
    for given in (path, str(path)):
        source = await open_local(given, stall_timeout=1.0)
        assert (source.path, source.name, source.size) == (path, str(path), len(PNG))
        await source.aclose()
    assert (await open_local(PNG, stall_timeout=1.0)).path is None
