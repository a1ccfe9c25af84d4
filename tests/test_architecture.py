"""What ARCHITECTURE.md claims, as far as it can be checked."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime, timedelta
from importlib import import_module

import pytest
from test_layers import LAYERS, LEVEL, ROOT

from postiz_async import NewPost
from postiz_async._sandbox import MemoryServer
from postiz_async._wire import WireRequest, WireResponse
from postiz_async.clock import JumpingClock
from postiz_async.testing._transport import SandboxTransport, sandbox_client

PAGE = (ROOT.parent / "ARCHITECTURE.md").read_text(encoding="utf-8")
TREE = re.search(r"```text\n(.*?)```", PAGE, re.DOTALL)
PRIVATE = {path.stem for path in ROOT.glob("_[a-z]*")} | {"providers", "models", "stores"}


def _named() -> list[str]:
    """The dotted names in the text that begin with a package."""
    spans = re.findall(r"`([a-z_]+(?:\.\w+)+)", PAGE)
    return sorted({name for name in spans if name.partition(".")[0] in PRIVATE})


@pytest.mark.parametrize("name", _named())
def test_what_is_named_is_there(name: str) -> None:
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            thing: object = import_module(".".join(["postiz_async", *parts[:length]]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            thing = getattr(thing, part)
        return
    raise AssertionError(name)


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
