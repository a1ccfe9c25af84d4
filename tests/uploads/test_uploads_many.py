from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import anyio
import pytest
from samples import GIF, JPEG, MP4, PNG, WEBP
from upload_lab import endless, sha, stream_of, stuck_after

from postiz_async._client import Postiz
from postiz_async._sandbox import Fault, MemoryServer
from postiz_async.errors import (
    BadRequestError,
    ConfigurationError,
    InvalidInputError,
    UploadError,
    UsageError,
)
from postiz_async.models.media import Media


async def test_results_come_in_the_order_of_the_sources(
    sandbox_in_memory: MemoryServer, local: Postiz
) -> None:
    contents = [PNG, JPEG, GIF, WEBP, MP4]
    media = await local.media.upload_many(contents, concurrency=2)
    stored = {each.id: each.sha256 for each in sandbox_in_memory.uploads}
    assert [stored[each.id] for each in media] == [sha(content) for content in contents]
    assert await local.media.upload_many([]) == []


async def test_equal_contents_are_uploaded_once_whatever_their_names(
    sandbox_in_memory: MemoryServer, local: Postiz, png: Callable[..., Path]
) -> None:
    paths = [png(f"{n}.png", b"same" if n % 3 else b"else") for n in range(12)]
    media = await local.media.upload_many([*paths, PNG + b"same"], concurrency=5)
    assert len(sandbox_in_memory.uploads) == 2
    assert [each == media[1] for each in media] == [bool(n % 3) for n in range(12)] + [True]


async def test_no_more_than_allowed_are_under_way(local: Postiz) -> None:
    now, most = 0, 0

    async def source(number: int) -> AsyncIterator[bytes]:
        nonlocal now, most
        now += 1
        most = max(most, now)
        yield PNG
        await asyncio.sleep(0)
        yield bytes(number + 1)
        now -= 1

    sources = [source(number) for number in range(20)]
    await local.media.upload_many(sources, concurrency=4)
    assert (now, most) == (0, 4)
    for wrong in (0, -1):
        with pytest.raises(ConfigurationError, match="concurrency is 1 or more"):
            await local.media.upload_many([PNG], concurrency=wrong)


@pytest.mark.parametrize("kind", ["iterable", "async iterable"])
async def test_a_source_is_taken_when_it_can_begin(
    sandbox_in_memory: MemoryServer, local: Postiz, kind: str
) -> None:
    most = 0

    def sources() -> Iterator[bytes]:
        nonlocal most
        for taken in range(1, 21):
            most = max(most, taken - len(sandbox_in_memory.uploads))
            yield PNG + bytes(taken)

    async def later() -> AsyncIterator[bytes]:
        for source in sources():
            await asyncio.sleep(0)
            yield source

    given = sources() if kind == "iterable" else later()
    media = await local.media.upload_many(given, concurrency=3)
    assert most == 3
    stored = {each.id: each.sha256 for each in sandbox_in_memory.uploads}
    assert [stored[each.id] for each in media] == [sha(PNG + bytes(n)) for n in range(1, 21)]


async def test_what_came_before_an_error_of_the_iterable_is_uploaded(
    sandbox_in_memory: MemoryServer, local: Postiz
) -> None:
    def sources() -> Iterator[bytes]:
        yield PNG
        yield GIF
        raise LookupError("no more rows")

    with pytest.raises(LookupError, match="no more rows"):
        await local.media.upload_many(sources())
    assert len(sandbox_in_memory.uploads) == 2


async def test_failures_do_not_end_the_others_and_are_raised_together_or_returned(
    sandbox_in_memory: MemoryServer, local: Postiz, png: Callable[..., Path]
) -> None:
    sources = [png("a.png", b"a"), b"text", png("b.png", b"b"), png("gone.png")]
    png("gone.png").unlink()
    with pytest.raises(ExceptionGroup, match="2 of 5 uploads failed") as caught:
        await local.media.upload_many([*sources, stream_of([MP4])])
    errors = caught.value.exceptions
    assert [type(error) for error in errors] == [InvalidInputError] * 2
    notes = [error.__notes__ for error in errors]
    assert notes[0] == ["upload 2 of 5: the data"]
    assert re.fullmatch(r"upload 4 of 5: .*/gone\.png", notes[1][0])
    assert len(sandbox_in_memory.uploads) == 3
    results = await local.media.upload_many([*sources, stream_of([MP4])], return_exceptions=True)
    kinds = [Media, InvalidInputError, Media, InvalidInputError, Media]
    assert [type(each) for each in results] == kinds


async def test_a_second_call_uploads_what_failed_and_nothing_else(
    sandbox_in_memory: MemoryServer, local: Postiz, png: Callable[..., Path]
) -> None:
    paths = [png(f"{n}.png", bytes([n])) for n in range(4)]
    refused = Fault(kind="error_before", route="upload_file", status=500)
    sandbox_in_memory.faults.add(refused)
    with pytest.raises(ExceptionGroup, match="1 of 4 uploads failed"):
        await local.media.upload_many(paths, concurrency=1)
    assert len(sandbox_in_memory.uploads) == 3
    media = await local.media.upload_many(paths)
    assert len(sandbox_in_memory.uploads) == 4
    assert len({each.id for each in media}) == 4


async def test_the_second_of_two_equal_contents_tries_when_the_first_fails(
    sandbox_in_memory: MemoryServer, local: Postiz
) -> None:
    sandbox_in_memory.faults.add(Fault(kind="error_before", route="upload_file", status=500))
    results = await local.media.upload_many([PNG, PNG, PNG], return_exceptions=True)
    assert sorted(isinstance(each, Media) for each in results) == [False, True, True]
    assert len(sandbox_in_memory.uploads) == 1


async def test_a_progress_may_be_async_and_is_awaited(local: Postiz) -> None:
    told: list[tuple[int, ...]] = []

    async def tell(*progress: int | None) -> None:
        await asyncio.sleep(0)
        told.append(tuple(each or 0 for each in progress))

    await local.media.upload(PNG, progress=tell)
    assert told == [(0, len(PNG)), (len(PNG), len(PNG))]
    await local.media.upload_many([GIF], progress=tell)
    assert told[2:] == [(0, 0, len(GIF)), (0, len(GIF), len(GIF))]


async def test_what_is_no_function_is_no_progress(
    local: Postiz, sandbox_in_memory: MemoryServer
) -> None:
    for upload in (
        local.media.upload(PNG, progress="bar"),  # type: ignore[arg-type]
        local.media.upload_many([PNG], progress="bar"),  # type: ignore[call-overload]
    ):
        with pytest.raises(UsageError, match=r"^progress must be a function, not 'bar'"):
            await upload
    assert sandbox_in_memory.requests == 0


async def test_progress_names_the_place(local: Postiz) -> None:
    told: dict[int, list[int]] = {}
    await local.media.upload_many(
        [PNG, stream_of([GIF, GIF]), PNG],
        progress=lambda place, sent, _: told.setdefault(place, []).append(sent),
    )
    first = told.get(0) or told.get(2)
    assert first == [0, len(PNG)]
    assert told[1] == [0, len(GIF), 2 * len(GIF)]
    assert len(told) == 2, "what is found again is not sent"


async def test_all_are_cancelled_together(sandbox: MemoryServer, postiz: Postiz) -> None:
    with anyio.move_on_after(0.05) as scope:
        await postiz.media.upload_many([endless(MP4), stuck_after(PNG), stuck_after(), GIF])
    assert scope.cancelled_caught
    assert {stored.sha256 for stored in sandbox.uploads} <= {sha(GIF)}


async def test_errors_of_the_server_are_collected_too(
    sandbox_in_memory: MemoryServer, local: Postiz
) -> None:
    results = await local.media.upload_many(
        ["https://10.0.0.1/a.png", stream_of([PNG])], return_exceptions=True
    )
    assert isinstance(results[0], UploadError | BadRequestError)
    assert isinstance(results[1], Media)


async def test_equal_urls_are_fetched_once_a_call(
    sandbox_in_memory: MemoryServer, local: Postiz
) -> None:
    url = "https://pictures.example.com/photo.png"
    sandbox_in_memory.add_remote_file(url, PNG)
    first, second = await local.media.upload_many([url, url])
    assert first == second
    assert sandbox_in_memory.requests == 1
    (third,) = await local.media.upload_many([url])
    assert third != first, "what is at an address changes"


# ------------------------------------------------------------------ found again


async def test_a_content_is_uploaded_once_by_a_client_and_for_a_day(
    sandbox_in_memory: MemoryServer, local: Postiz, png: Callable[..., Path]
) -> None:
    first = await local.media.upload(png("a.png"))
    assert await local.media.upload(PNG) == first
    assert await local.with_options(timeout=60).media.upload(png("b.png")) == first
    assert len(sandbox_in_memory.uploads) == 1
    again = await local.media.upload(PNG, reuse=False)
    assert again.id != first.id
    clock = sandbox_in_memory.clock
    await clock.sleep(23.9 * 3600)
    assert await local.media.upload(PNG) == first
    await clock.sleep(0.2 * 3600)
    assert (await local.media.upload(PNG)).id not in {first.id, again.id}
    assert len(sandbox_in_memory.uploads) == 3


async def test_other_contents_of_one_size_are_not_mixed_up(
    sandbox_in_memory: MemoryServer, local: Postiz
) -> None:
    media = [await local.media.upload(PNG + bytes([n])) for n in range(3)]
    assert len({each.id for each in media}) == len(sandbox_in_memory.uploads) == 3
