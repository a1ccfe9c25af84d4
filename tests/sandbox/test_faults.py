"""The work belongs to the sandbox; faults; what is left behind."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable

import pytest
from sandbox_calls import Send, create, day, item, request

from postiz_async._sandbox import ConnectionLost, Fault, MemoryServer, Response
from postiz_async.clock import JumpingClock

FIVE = create(*[item(f"post {number}", thread=["more"]) for number in range(5)])


async def give_up(clock: JumpingClock, call: Awaitable[Response], seconds: float) -> bool:
    """Wait for an answer, but no longer; whether it came."""
    with clock.move_on_after(seconds):
        await call
        return True
    return False


async def test_who_stops_waiting_does_not_stop_the_work(
    sandbox: MemoryServer, clock: JumpingClock, send: Send
) -> None:
    assert not await give_up(clock, send("POST", "/posts", FIVE), 0.050)
    assert [each.content for each in sandbox.posts] == ["post 0", "post 1"], "a prefix, for a while"
    await clock.sleep(0.060)
    assert len(sandbox.posts) == 5
    assert [record.status for record in sandbox.creates] == [201]


async def test_a_cancelled_caller_does_not_stop_the_work(
    sandbox: MemoryServer, clock: JumpingClock, send: Send
) -> None:
    task = asyncio.create_task(send("POST", "/posts", FIVE))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    await clock.sleep(1)
    assert task.cancelled()
    assert len(sandbox.posts) == 5


async def test_leaving_ends_what_hangs(clock: JumpingClock) -> None:
    async with MemoryServer(clock=clock) as sandbox:
        task = asyncio.create_task(sandbox.handle(request("GET", "/find-slot/nope")))
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_lost_answers(sandbox: MemoryServer, send: Send) -> None:
    sandbox.faults.add(Fault("drop_answer", route="create_post"))
    assert (await send("GET", "/posts", **day())).status == 200
    with pytest.raises(ConnectionLost):
        await send("POST", "/posts", FIVE)
    assert len(sandbox.posts) == 5
    assert sandbox.faults.pending == ()
    assert (await send("POST", "/posts", create())).header("X-RateLimit-Remaining") == "88"


async def test_resets(sandbox: MemoryServer, send: Send) -> None:
    sandbox.faults.add(Fault("reset", times=2))
    for _ in range(2):
        with pytest.raises(ConnectionLost):
            await send("POST", "/posts", create())
    assert sandbox.posts == ()
    assert (await send("POST", "/posts", create())).header("X-RateLimit-Remaining") == "89"


@pytest.mark.parametrize(
    ("kind", "counted", "stored"),
    [("hang", False, False), ("late_work", True, False), ("late_answer", True, True)],
)
async def test_delays(
    sandbox: MemoryServer,
    clock: JumpingClock,
    send: Send,
    kind: str,
    *,
    counted: bool,
    stored: bool,
) -> None:
    sandbox.faults.add(Fault(kind, delay=60.0))  # type: ignore[arg-type]
    assert not await give_up(clock, send("POST", "/posts", create()), 30)
    assert len(sandbox.posts) == stored
    remaining = (await send("POST", "/posts", {})).header("X-RateLimit-Remaining")
    assert remaining == ("88" if counted else "89")
    await clock.sleep(31)
    assert len(sandbox.posts) == 1


@pytest.mark.parametrize("status", [200, 302, 403, 408, 500, 502, 504])
async def test_errors(sandbox: MemoryServer, send: Send, status: int) -> None:
    sandbox.faults.add(Fault("error_before", status=status))
    response = await send("POST", "/posts", create())
    assert (response.status, len(sandbox.posts)) == (status, 0)
    sandbox.faults.add(Fault("error_after", status=status))
    response = await send("POST", "/posts", create())
    assert (response.status, len(sandbox.posts)) == (status, 1)
    is_server = status == 500
    assert (response.header("X-RateLimit-Limit") is not None) == is_server
    assert response.header("Content-Type").startswith("application/json" if is_server else "text/")
    assert (response.header("Location") is not None) == (status == 302)


@pytest.mark.parametrize("half", [False, True])
async def test_stopping_half_way(sandbox: MemoryServer, send: Send, *, half: bool) -> None:
    sandbox.faults.add(Fault("stop", after_items=2, half=half))
    response = await send("POST", "/posts", FIVE)
    assert response.json() == {"statusCode": 500, "message": "Internal server error"}
    assert response.header("X-RateLimit-Remaining") == "89"
    assert [len(each.thread) for each in sandbox.posts] == ([1, 1, 0] if half else [1, 1])


async def test_an_empty_401_and_a_page(sandbox: MemoryServer, send: Send) -> None:
    sandbox.faults.add(Fault("empty_401"))
    sandbox.faults.add(Fault("html"))
    response = await send("POST", "/posts", create())
    assert (response.status, response.body, response.header("logout")) == (401, b"", "true")
    response = await send("POST", "/posts", create())
    assert (response.status, response.header("Content-Type")) == (200, "text/html; charset=utf-8")
    assert sandbox.posts == ()


async def test_stripped_headers(sandbox: MemoryServer, send: Send) -> None:
    sandbox.faults.add(Fault("strip_headers", times=None))
    for _ in range(90):
        response = await send("POST", "/posts", {})
        assert response.header("X-RateLimit-Remaining") is None
    response = await send("POST", "/posts", {})
    assert (response.status, response.header("Retry-After")) == (429, "3600")


async def test_chances_are_the_same_again_with_the_same_seed() -> None:
    runs: list[list[int]] = []
    for _ in range(2):
        async with MemoryServer(clock=JumpingClock(), seed=5) as sandbox:
            sandbox.faults.add(Fault("error_before", times=None, probability=0.5))
            calls = [await sandbox.handle(request("GET", "/is-connected")) for _ in range(50)]
            runs.append([response.status for response in calls])
    assert runs[0] == runs[1]
    assert set(runs[0]) == {200, 500}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("reset", Fault("reset", times=None)),
        (
            "drop_answer:20%:route=create_post",
            Fault("drop_answer", times=None, probability=0.2, route="create_post"),
        ),
        ("late_work:delay=12.5:times=3", Fault("late_work", delay=12.5, times=3)),
        (
            "stop:half:after_items=2:5%",
            Fault("stop", times=None, probability=0.05, after_items=2, half=True),
        ),
    ],
)
def test_faults_can_be_written_down(text: str, fault: Fault) -> None:
    assert Fault.parse(text) == fault


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "there is no kind ''"),
        ("drop", "say drop_answer, hang, late_work"),
        ("reset:often", "'often' is not known; say 20%, half or route="),
        ("reset:kind=hang", "not known"),
        ("reset:200%", "200% is not a probability"),
        ("reset:some%", "could not convert"),
        ("hang:delay=long", "delay is a number, not 'long'"),
        ("stop:after_items=1.5", "after_items is a whole number, not '1.5'"),
    ],
)
def test_what_cannot_be_read_is_told(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)):
        Fault.parse(text)


async def test_what_struck_is_counted(sandbox: MemoryServer, send: Send) -> None:
    sandbox.faults.add(Fault.parse("empty_401:times=2"))
    for status in (401, 401, 200):
        assert (await send("GET", "/integrations")).status == status
    assert sandbox.faults.struck == {"empty_401": 2}
