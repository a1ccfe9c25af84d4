from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from samples import GIF, JPEG, MP4, PNG, WEBP

from postiz_async._client import Postiz
from postiz_async._media_types import MAX_IMAGE, MAX_VIDEO
from postiz_async._resources.api import opened
from postiz_async._sandbox import Fault, MemoryServer
from postiz_async._sandbox.faults import FaultKind
from postiz_async._scheduler.scheduler import BoundScheduler
from postiz_async._uploads import inspect_file, upload
from postiz_async.clock import JumpingClock
from postiz_async.errors import InvalidInputError, UploadError
from postiz_async.testing._transport import sandbox_client

KINDS = {
    "image/png": PNG,
    "image/jpeg": JPEG,
    "image/gif": GIF,
    "image/webp": WEBP,
    "video/mp4": MP4,
}


def box(brand: bytes, *compatible: bytes) -> bytes:
    brands = brand + b"\0\0\2\0" + b"".join(compatible)
    return struct.pack(">I", len(brands) + 8) + b"ftyp" + brands + b"\0" * 64


def refusal(path: Path) -> str:
    with pytest.raises(InvalidInputError) as caught:
        inspect_file(path)
    assert str(caught.value).startswith("1 problem, nothing was sent")
    return str(caught.value)


# ------------------------------------------------------------------ looking at files


@pytest.mark.parametrize("mime", KINDS)
@pytest.mark.parametrize("name", ["a.png", "a.JPG", "a.txt", "a", "a.mp4", "wéird ☃.exe"])
def test_the_kind_is_told_by_content_never_by_name(tmp_path: Path, mime: str, name: str) -> None:
    path = tmp_path / os.fsdecode(name.encode())
    path.write_bytes(KINDS[mime])
    facts = inspect_file(path)
    assert (facts.mime, facts.size) == (mime, len(KINDS[mime]))
    assert facts.sha256 == hashlib.sha256(KINDS[mime]).hexdigest()


@pytest.mark.parametrize("brand", [b"isom", b"mp42", b"avc1", b"iso5", b"iso6", b"MSNV", b"dash"])
def test_every_brand_that_the_server_takes_for_mp4_is_mp4(tmp_path: Path, brand: bytes) -> None:
    path = tmp_path / "film"
    path.write_bytes(box(brand))
    assert inspect_file(path).mime == "video/mp4"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty (0 bytes)"),
        (b"hello", "of an unknown kind"),
        (b"RIFF\0\0\0\0ACON", "of an unknown kind"),
        (b"RIFF\0\0\0\0AVI LIST", "video/x-msvideo"),
        (PNG[:33] + b"\0\0\0\x08acTL" + PNG[33:], "image/apng"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "PNG, JPEG, GIF, WebP and MP4"),
        (b"%PDF-1.7\n%\xe2\xe3", "application/pdf by its content"),
        (b"BM" + b"\0" * 60, "image/bmp: it can be uploaded but not posted"),
        (b"II*\0" + b"\0" * 60, "image/tiff: it can be uploaded but not posted"),
        (b"MM\0*" + b"\0" * 60, "image/tiff: it can be uploaded but not posted"),
        (box(b"avif", b"mif1"), "image/avif: it can be uploaded but not posted"),
        (box(b"avis"), "image/avif: it can be uploaded but not posted"),
        (box(b"qt  ", b"isom"), "video/quicktime"),
        (box(b"heic", b"mif1"), "image/heic"),
        (box(b"M4V ", b"mp42", b"isom"), "video/x-m4v"),
        (box(b"3gp5", b"isom"), "video/3gpp"),
        (b"ID3\3" + b"\0" * 60, "audio/mpeg"),
        (b"PK\3\4" + b"\0" * 60, "application/zip"),
        (b"\x1aE\xdf\xa3" + b"B\x82\x84webm" + b"\0" * 60, "video/webm"),
        (b"\x1aE\xdf\xa3" + b"B\x82\x88matroska" + b"\0" * 60, "video/x-matroska"),
        (b"\xff\xfb\x90\x44" + b"\0" * 60, "audio/mpeg"),
        (b"OggS" + b"\0" * 60, "audio/ogg"),
        (b"fLaC" + b"\0" * 60, "audio/flac"),
    ],
)
def test_what_cannot_be_posted_is_refused_before_it_is_sent(
    tmp_path: Path, content: bytes, words: str
) -> None:
    path = tmp_path / "file.png"
    path.write_bytes(content)
    assert words in refusal(path)
    assert str(path) in refusal(path)


def test_missing_files_directories_and_pipes_are_named(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert "does not exist" in refusal(tmp_path / "nothing.png")
    assert "symbolic link that leads back to itself" in refusal(tmp_path / "loop")
    assert "does not exist" in refusal(tmp_path / "nul\0.png")
    assert "is a directory" in refusal(tmp_path)
    assert "is a pipe, not a file" in refusal(pipe)
    assert "/dev/null is not a file" in refusal(Path("/dev/null"))


@pytest.mark.parametrize(("head", "limit"), [(PNG, MAX_IMAGE), (MP4, MAX_VIDEO)])
def test_what_is_too_large_is_refused_without_being_read(
    tmp_path: Path, head: bytes, limit: int
) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.write(head)
        file.truncate(limit + 1)
    assert f"has {limit + 1:,} bytes; the server accepts {limit:,}" in refusal(path)


def test_the_largest_picture_is_fine(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.write(PNG)
        file.truncate(MAX_IMAGE)
    assert inspect_file(path).size == MAX_IMAGE


# ------------------------------------------------------------------ in memory


async def test_bytes_are_looked_at_like_files() -> None:
    async with MemoryServer(clock=JumpingClock()) as sandbox, sandbox_client(sandbox) as postiz:
        media = await postiz.media.upload(WEBP)
        assert media.path.endswith(".webp")
        for wrong in (b"", b"text", b"BM" + b"\0" * 60):
            with pytest.raises(InvalidInputError, match="the data"):
                await postiz.media.upload(wrong)
        with pytest.raises(InvalidInputError, match="bytes; the server accepts"):
            await postiz.media.upload(PNG + b"\0" * MAX_IMAGE)
        assert len(sandbox.uploads) == 1


async def test_a_file_that_changes_under_way_is_not_used(png: Callable[..., Path]) -> None:
    path = png("a.png", b"before")

    async with MemoryServer(clock=JumpingClock()) as sandbox, sandbox_client(sandbox) as postiz:
        facts = inspect_file(path)
        for after, words in ((b"other!", "while it was being sent"), (b"longer!", "looked at")):
            path.write_bytes(PNG + after)
            with pytest.raises(UploadError, match=f"a.png changed .*{words}"):
                await upload(BoundScheduler(opened(postiz).scheduler), path, facts=facts)
        assert sandbox.uploads == ()


# ------------------------------------------------------------------ over loopback


async def test_what_arrives_is_what_was_sent(
    sandbox: MemoryServer, postiz: Postiz, png: Callable[..., Path]
) -> None:
    path = png("holiday ☃ \"in\" 'quotes'.jpeg", os.urandom(3_000_000))
    media = await postiz.media.upload(path)
    (stored,) = sandbox.uploads
    assert stored.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert stored.size == path.stat().st_size
    assert (media.id, media.path, media.path[-4:]) == (stored.id, stored.path, ".png")


@pytest.mark.parametrize("kind", ["drop_answer", "reset", "empty_401"])
async def test_a_repetition_sends_the_whole_file_anew(
    sandbox: MemoryServer, postiz: Postiz, png: Callable[..., Path], kind: FaultKind
) -> None:
    path = png("a.png", os.urandom(700_000))
    sandbox.faults.add(Fault(kind=kind, route="upload_file", times=2))
    await postiz.media.upload(path)
    expected = hashlib.sha256(path.read_bytes()).hexdigest()
    assert {stored.sha256 for stored in sandbox.uploads} == {expected}


async def test_a_file_that_vanishes_is_named(
    sandbox: MemoryServer, postiz: Postiz, png: Callable[..., Path]
) -> None:
    path = png("a.png")
    facts = inspect_file(path)
    path.unlink()
    with pytest.raises(InvalidInputError, match=r"a\.png does not exist"):
        await upload(BoundScheduler(opened(postiz).scheduler), path, facts=facts)
    assert sandbox.uploads == ()
