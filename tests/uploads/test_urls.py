"""URLs are fetched by the server, and never by this process."""

from __future__ import annotations

import os
import traceback

import pytest
from samples import PNG
from upload_lab import sha

from postiz_async._client import Postiz
from postiz_async._sandbox import Fault, MemoryServer
from postiz_async._uploads.urls import inspect_url, shown
from postiz_async.errors import BadRequestError, InvalidInputError

DATA = PNG + os.urandom(300_000)
URL = "https://pictures.example.com/photo.png?size=large"


async def test_the_server_fetches_a_url(sandbox_in_memory: MemoryServer, local: Postiz) -> None:
    sandbox_in_memory.add_remote_file(URL, DATA)
    told: list[int] = []
    await local.media.upload(URL, progress=lambda sent, _: told.append(sent))
    (stored,) = sandbox_in_memory.uploads
    assert (stored.sha256, sandbox_in_memory.requests, told) == (sha(DATA), 1, [])


async def test_what_the_server_cannot_fetch_is_its_refusal_and_nothing_else_is_tried(
    sandbox_in_memory: MemoryServer, local: Postiz
) -> None:
    with pytest.raises(BadRequestError, match="public HTTPS URL"):
        await local.media.upload(URL)
    assert (sandbox_in_memory.requests, sandbox_in_memory.uploads) == (1, ())


async def test_an_answer_that_is_lost_lets_the_server_fetch_again(
    sandbox_in_memory: MemoryServer, local: Postiz
) -> None:
    sandbox_in_memory.add_remote_file(URL, DATA)
    sandbox_in_memory.faults.add(Fault(kind="drop_answer", route="upload_from_url"))
    assert (await local.media.upload(URL)).path
    assert {stored.sha256 for stored in sandbox_in_memory.uploads} == {sha(DATA)}


WRONG = (
    "http://pictures.example.com/photo.png",
    "https://pictures.example.com/photo.PNG",
    "https://pictures.example.com/photo.tiff?x=.png",
    "https://",
)


@pytest.mark.parametrize("url", WRONG)
async def test_what_the_server_would_not_fetch_is_not_sent(
    sandbox_in_memory: MemoryServer, local: Postiz, url: str
) -> None:
    for upload in (local.media.upload, local.media.upload_from_url):
        with pytest.raises(InvalidInputError, match="takes https addresses whose path ends in"):
            await upload(url)
    assert sandbox_in_memory.requests == 0


@pytest.mark.parametrize(
    ("path", "mime"),
    [("a.png", "image/png"), ("b/a.jpeg", "image/jpeg"), ("a.mp4?size=1", "video/mp4")],
)
def test_the_kind_of_a_file_is_that_of_its_name(path: str, mime: str) -> None:
    facts = inspect_url(f"https://pictures.example.com/{path}")
    assert (facts.mime, facts.size) == (mime, 0)


async def test_what_may_be_secret_in_a_url_is_not_shown(local: Postiz) -> None:
    """Whoever logs the whole traceback shows the causes too, and the notes of `upload_many`."""
    urls = [
        "https://user:password@pictures.example.com/a.png?signature=s3cret",
        "http://user:password@pictures.example.com/a.png?signature=s3cret",
    ]
    for error in await local.media.upload_many(urls, return_exceptions=True):
        assert isinstance(error, Exception)
        trace = "".join(traceback.format_exception(error))
        assert "pictures.example.com/a.png" in trace
        assert "s3cret" not in trace
        assert "password" not in trace
    assert shown(urls[0]) == "https://pictures.example.com/a.png"
