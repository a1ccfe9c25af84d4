"""What ARCHITECTURE.md claims, as far as it can be checked."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path

from test_layers import LAYERS, LEVEL, ROOT

from postiz_async import NewPost
from postiz_async._sandbox import MemoryServer
from postiz_async._wire import WireRequest, WireResponse
from postiz_async.clock import JumpingClock
from postiz_async.testing._transport import SandboxTransport, sandbox_client

PAGE = (ROOT.parent / "ARCHITECTURE.md").read_text(encoding="utf-8")
TREE = re.search(r"```text\n(.*?)```", PAGE, re.DOTALL)
PRIVATE = {path.stem for path in ROOT.glob("_[a-z]*")} | {"providers", "models", "stores"}


TOP = ROOT.parent
FOLDERS = {path.name for base in (TOP, ROOT) for path in base.iterdir() if path.is_dir()}
TO_MAKE = {"stores/mysql.py", "stores/_mysql_deliveries.py"}
"""Files that a page tells its readers to make."""
LOGGERS = {"postiz_async.outbox"}


def _pages() -> list[Path]:
    """All pages but the changelog, which tells of what is gone, and all code."""
    pages = [path for path in TOP.glob("*.md") if path.name != "CHANGELOG.md"]
    for name in ("docs", "postiz_async", "tests", "benchmarks", "examples", "skills"):
        pages += [path for path in (TOP / name).rglob("*") if path.suffix in {".md", ".py"}]
    return pages


def _spans() -> dict[str, str]:
    """What stands between backticks, each with one of its pages."""
    return {
        span: path.relative_to(TOP).as_posix()
        for path in _pages()
        for span in re.findall(r"`([^`\n]+)`", path.read_text(encoding="utf-8"))
    }


def _is_there(parts: Sequence[str]) -> bool:
    """Whether a module, or something in it, has this name below the package."""
    for length in range(len(parts), -1, -1):
        try:
            thing: object = import_module(".".join(["postiz_async", *parts[:length]]))
        except ModuleNotFoundError:
            continue
        return all((thing := getattr(thing, part, None)) is not None for part in parts[length:])
    return False


def test_each_name_of_a_module_is_there() -> None:
    absent: dict[str, str] = {}
    for span, page in _spans().items():
        found = re.match(r"(postiz_async\.)?(\w+(?:\.\w+)+|(?<=\.)\w+)", span)
        parts = found[2].split(".") if found else []
        if found and (found[1] or parts[0] in PRIVATE) and not _is_there(parts):
            absent[span] = page
    assert absent.keys() == LOGGERS


def test_each_path_is_there() -> None:
    absent: dict[str, str] = {}
    for span, page in _spans().items():
        found = re.fullmatch(r"(?:[a-z]+ )?((\.?\w[\w-]*)/[\w./<>*-]*)(?:::?\w+)?", span)
        if found is None or found[2] not in FOLDERS or found[1] in TO_MAKE:
            continue
        pattern = re.sub(r"<\w+>", "*", found[1]).rstrip("/")
        if not any(next(base.glob(pattern), None) for base in (TOP, ROOT)):
            absent[span] = page
    assert absent == {}


def test_the_tree_is_the_tree_layer_by_layer() -> None:
    assert TREE is not None
    lines = TREE.group(1).splitlines()
    drawn = [
        set(re.findall(r"(?:^|\s{2,})(_?[a-z_]+)(?=\s|$)", line)) & set(LEVEL) for line in lines
    ]
    described = {"__init__", "__main__"}
    assert drawn == [set(layer) - described for layer in LAYERS if set(layer) - described]
    assert "`_sandbox` is" in PAGE


class NotingTransport(SandboxTransport):
    """Notes by whom it is asked to send."""

    stack: tuple[str, ...] = ()

    async def send(self, request: WireRequest) -> WireResponse:
        frame, stack = sys._getframe().f_back, []
        while frame is not None:
            module = frame.f_globals["__name__"].removeprefix("postiz_async.")
            if module.partition(".")[0] in PRIVATE:
                stack.append(f"{module}.{frame.f_code.co_qualname}")
            frame = frame.f_back
        self.stack = tuple(reversed(stack))
        return await super().send(request)


async def test_a_call_goes_the_way_that_is_described() -> None:
    clock = JumpingClock()
    async with MemoryServer(api_key="sandbox", clock=clock) as sandbox:
        sandbox.add_channel("mastodon")
        transport = NotingTransport(sandbox)
        async with sandbox_client(sandbox, transport=transport) as postiz:
            [channel] = await postiz.channels.list()
            at = datetime.fromtimestamp(clock.time(), UTC) + timedelta(days=1)
            await postiz.posts.schedule(NewPost(channel, "Hello"), at=at)
    way = PAGE.partition("## How a call travels")[2].partition("\n## ")[0]
    assert transport.stack == tuple(re.findall(r"^\d\. `([\w.]+)`", way, re.MULTILINE))
