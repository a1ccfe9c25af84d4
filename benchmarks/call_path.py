"""The way of a call: Python calls, functions, files and frames of what users do most.

Goals, of which the table says which are held: `posts.schedule` takes at most 140 calls in 25 files
and 8 frames to the transport, without validation 80 calls; a free GET 22. A campaign of one CSV
row takes 450 calls in 50 files from its file until its create leaves, and each further row until
it is planned half of what commit 90885ea took. Baseline, where `anthropic` is installed:
`messages.create` of its client.

What is counted is each function, method and coroutine of the package that is begun, in every
thread, on a second trip. A coroutine that goes on after an await counts once. Comprehensions do
not count: from Python 3.12 on most are no calls. Frames are those of the package below the user's
call when the transport is asked to send. The transport answers at once.
Run: python benchmarks/call_path.py
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import json
import sys
import tempfile
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from figures import Figure, note

import postiz_async
from postiz_async import AdvancedOptions, NewPost, Postiz
from postiz_async._wire import WireResponse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from contextlib import AbstractContextManager
    from types import CodeType, FrameType

    from postiz_async._wire import WireRequest

NOW = datetime.now(UTC).replace(second=0, microsecond=0)
AT = NOW + timedelta(days=3)
CHANNEL = {"id": "c1", "name": "News", "identifier": "mastodon", "picture": "", "disabled": False}
HEADERS = {
    "date": format_datetime(NOW, usegmt=True),
    "x-ratelimit-limit": "30",
    "x-ratelimit-remaining": "29",
    "x-ratelimit-reset": "3600",
}
COMPREHENSIONS = {"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"}


class Goal(NamedTuple):
    """What a trip takes at most; None: no claim."""

    calls: float | None
    files: int | None = None
    frames: int | None = None


class Counter:
    """Counts what is begun of one package while it is on."""

    def __init__(self, package: str) -> None:
        self._package = str(Path(package).parent)
        self._is_on = False
        self._ends_when_sent = False
        self._begun: dict[FrameType, CodeType] = {}
        """By frame, which is the same one each time that a coroutine goes on."""
        self._frames = 0
        threading.setprofile(self)  # before the first trip, whose threads the second one uses

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        if self._is_on and event == "call" and self._counts(frame):
            self._begun[frame] = frame.f_code

    def _counts(self, frame: FrameType) -> bool:
        code = frame.f_code
        return code.co_filename.startswith(self._package) and code.co_name not in COMPREHENSIONS

    @property
    def calls(self) -> int:
        return len(self._begun)

    def sent(self) -> None:
        """The transport is asked to send."""
        if not self._is_on:
            return
        frame: FrameType | None = sys._getframe()  # noqa: SLF001 - nothing public gives a frame
        depth = 0
        while frame is not None:
            depth += self._counts(frame)
            frame = frame.f_back
        self._frames = max(self._frames, depth)
        self._is_on = not self._ends_when_sent

    @contextmanager
    def counting(self, *, ends_when_sent: bool = False) -> Iterator[None]:
        """Count what happens inside, or only until the first request is sent."""
        self._is_on, self._ends_when_sent, self._begun, self._frames = True, ends_when_sent, {}, 0
        sys.setprofile(self)
        try:
            yield
        finally:
            sys.setprofile(None)
            self._is_on = False

    def line(self, name: str, goal: Goal | None = None) -> str:
        codes = set(self._begun.values())
        files = len({code.co_filename for code in codes})
        return table(name, (self.calls, files, self._frames), goal, functions=str(len(codes)))


def table(
    name: str,
    found: tuple[float, int | None, int | None],
    goal: Goal | None = None,
    *,
    functions: str = "",
) -> str:
    calls, files, frames = map(shown, found)
    wanted = ""
    parts = zip(("calls", "files", "frames"), found, goal or Goal(None), strict=True)
    for part, value, most in parts:
        if value is not None:
            note(Figure(name=f"{name}: {part}", value=value, unit="", target=most))
    if goal is not None:
        held = all(m is None or n is None or n <= m for n, m in zip(found, goal, strict=True))
        wanted = f"{' / '.join(filter(None, map(shown, goal))):>14}: {'held' if held else 'MISSED'}"
    return f"{name:32} {calls:>7} {functions:>10} {files:>6} {frames:>7} {wanted}".rstrip()


def shown(number: float | None) -> str:
    return "" if number is None else f"{number:g}"


class Answering:
    """A transport that answers at once, and says when it is asked for what is counted."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter

    async def send(self, request: WireRequest) -> WireResponse:
        answer: object = {"posts": []}
        if request.method == "POST":
            self._counter.sent()
            assert isinstance(request.body, bytes)
            posts = json.loads(request.body)["posts"]
            answer = [{"postId": "p", "integration": "c1"} for _ in posts]
            return WireResponse(201, HEADERS, json.dumps(answer).encode())
        if request.url.endswith("/is-connected"):
            self._counter.sent()
            answer = {"connected": True}
        elif request.url.endswith("/integrations"):
            answer = [CHANNEL]
        return WireResponse(200, {}, json.dumps(answer).encode())

    async def aclose(self) -> None:
        """There is nothing to close."""


def client(counter: Counter) -> Postiz:
    return Postiz(
        api_key="k",
        base_url="http://x.invalid",
        advanced=AdvancedOptions(transport=Answering(counter)),
    )


# ------------------------------------------------------------------ single calls


async def single_calls(counter: Counter) -> None:
    async with client(counter) as postiz:
        post = NewPost("c1", "We open our shop at noon.")
        calls: tuple[tuple[str, Callable[[], Awaitable[object]], Goal], ...] = (
            ("posts.schedule", lambda: postiz.posts.schedule(post, at=AT), Goal(140, 25, 8)),
            (
                "posts.schedule, validate=False",
                lambda: postiz.posts.schedule(post, at=AT, validate=False),
                Goal(80),
            ),
            (
                "channels.is_connected",
                lambda: postiz.channels.is_connected(),  # noqa: PLW0108 - looking it up counts
                Goal(22),
            ),
        )
        for name, call, goal in calls:
            await call()
            with counter.counting():
                await call()
            print(counter.line(name, goal))


# ------------------------------------------------------------------ rows of a campaign


async def campaigns(counter: Counter) -> None:
    for _ in range(2):
        await campaign(counter, 1, counter.counting(ends_when_sent=True), is_run=True)
    print(counter.line("one CSV row, sent", Goal(450, 50)))
    planned: list[int] = []
    for count in (2, 12):
        await campaign(counter, count, counter.counting(), is_run=False)
        planned.append(counter.calls)
    each = (planned[1] - planned[0]) / 10
    print(table("each further row, planned", (each, None, None), Goal(PLANNED / 2)))


PLANNED = 241
"""What a further row took at commit 90885ea."""


async def campaign(
    counter: Counter, count: int, counting: AbstractContextManager[None], *, is_run: bool
) -> None:
    dates = (AT + timedelta(minutes=n) for n in range(count))
    rows = (f'c1,{date.isoformat()},We open at {date},"{{}}",news,"[""Cake!""]"' for date in dates)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "campaign.csv"
        lines = ["channel,date,content,settings,tags,thread", *rows]
        path.write_text("\n".join(lines), encoding="utf-8")
        async with client(counter) as postiz:
            with counting:
                async with postiz.campaign(path) as campaign:
                    await (campaign.run() if is_run else campaign.plan())


# ------------------------------------------------------------------ the baseline


async def baseline() -> None:
    name = "anthropic: messages.create"
    if importlib.util.find_spec("anthropic") is None:
        print(f"{name} is not installed")
        return
    anthropic: Any = importlib.import_module("anthropic")
    base = next(c for c in anthropic.DefaultAsyncHttpxClient.__mro__ if c.__name__ == "AsyncClient")
    http: Any = importlib.import_module(base.__module__.partition(".")[0])
    counter = Counter(anthropic.__file__)

    def answer(_: object) -> Any:
        counter.sent()
        message = {
            "id": "m", "type": "message", "role": "assistant", "model": "m", "content": [],
            "stop_reason": "end_turn", "usage": {"input_tokens": 1, "output_tokens": 1},
        }  # fmt: skip
        return http.Response(200, json=message)

    client = http.AsyncClient(transport=http.MockTransport(answer))
    async with anthropic.AsyncAnthropic(api_key="k", http_client=client) as api:
        said = [{"role": "user", "content": "Hello"}]
        await api.messages.create(model="m", max_tokens=9, messages=said)
        with counter.counting():
            await api.messages.create(model="m", max_tokens=9, messages=said)
    print(counter.line(name))


def main() -> None:
    print(f"{'trip':32} {'calls':>7} {'functions':>10} {'files':>6} {'frames':>7} {'at most':>14}")
    counter = Counter(postiz_async.__file__)
    asyncio.run(single_calls(counter))
    asyncio.run(campaigns(counter))
    asyncio.run(baseline())


if __name__ == "__main__":
    main()
