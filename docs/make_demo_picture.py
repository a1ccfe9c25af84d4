"""Writes `docs/images/demo.svg`, the demo in motion: python docs/make_demo_picture.py.

The demo runs in memory, on a clock that jumps, so each run draws the same. The picture shows what
the demo leaves on a terminal. Where motion is welcome, it first shows how that comes about, twice
as fast as the demo, and then stands still.
"""

from __future__ import annotations

import asyncio
import io
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Self

from rich.text import Text

from postiz_async import AdvancedOptions, Postiz
from postiz_async._cli.local import (
    DEMO_LIMIT,
    DEMO_SPEED,
    SAMPLE_START,
    fill_with_sample,
    run_sample,
)
from postiz_async._cli.output import Output, SafeConsole
from postiz_async._cli.progress import RunDisplay
from postiz_async._sandbox import MemoryServer
from postiz_async.clock import JumpingClock
from postiz_async.testing._transport import SandboxTransport

PICTURE = Path(__file__).parent / "images" / "demo.svg"
PROMPT = "\x1b[32m$\x1b[0m postiz-async demo"
LATENCY = 3.0
"""Seconds of the fast clock to the sandbox, and back: 5 ms of a real one."""
STEP = 300.0
"""Seconds of that clock between two states of the display."""
FASTER = 2
LEAD, REST = 1.0, 6.0
"""Seconds before the demo begins, and after its end."""
TIMES = 3
"""How often the demo is shown, before the picture stands still."""

FRAME = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" \
xmlns="http://www.w3.org/2000/svg" role="img" aria-label="What postiz-async demo prints">
<style>
.demo-lines {{
  font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px;
}}
.demo-title {{
  font-family: system-ui, sans-serif;
  font-size: 18px;
}}
STYLES
</style>
{chrome}
<g class="demo-lines" transform="translate({terminal_x}, {terminal_y})">
LINES
</g>
</svg>
"""
"""As rich has it, but without fonts of a server elsewhere, and described for those who listen."""
TEXT = re.compile(
    r'<text (class="[\w-]+" x="[\d.]+") y="([\d.]+)" (textLength="[\d.]+") '
    r'clip-path="url\(#demo-line-(\d+)\)">([^<\n]+)</text>'
)


class Line(NamedTuple):
    """A line of the terminal, and when it is there."""

    row: int
    text: str
    begin: float
    end: float | None = None
    """None: it stays."""


class Recorder(RunDisplay):
    """Keeps the display of a run at each step, and prints the last one."""

    states: list[tuple[float, list[str]]] = []
    """Seconds since the beginning, and the lines that are shown from then on."""

    async def __aenter__(self) -> Self:
        self.states.clear()
        self._ticker = asyncio.create_task(self._tick())
        return self

    async def _tick(self) -> None:
        while True:
            await self._keep()
            await self._postiz.clock.sleep(STEP)

    async def _close(self) -> None:
        await self._keep()
        for line in self.states[-1][1]:
            self._output.notes.print(Text.from_ansi(line))

    async def _keep(self) -> None:
        console = terminal()
        console.print(await self._picture())
        elapsed = self._postiz.clock.time() - SAMPLE_START.timestamp()
        self.states.append((elapsed / DEMO_SPEED / FASTER, printed(console)))


def terminal() -> SafeConsole:
    """What lines are printed on, and kept by."""
    return SafeConsole(
        width=80,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        no_color=False,
        highlight=False,
        record=True,
    )


def printed(console: SafeConsole) -> list[str]:
    """Lines with their colours, without the spaces at their ends."""
    lines = console.export_text(styles=True).splitlines()
    return [re.sub(r" +(\x1b\[0m)?$", r"\1", line) for line in lines]


async def record() -> list[str]:
    """The lines that the demo leaves; `Recorder.states` has how they came about."""
    clock = JumpingClock(SAMPLE_START.timestamp())
    box = MemoryServer(api_key="demo", clock=clock, limit=DEMO_LIMIT)
    fill_with_sample(box)
    output = Output()
    output.notes = output.out = terminal()
    client = Postiz(
        api_key="demo",
        base_url="http://127.0.0.1:4007",
        advanced=AdvancedOptions(clock=clock, transport=SandboxTransport(box, latency=LATENCY)),
    )
    async with box:
        await run_sample(output, box, client, DEMO_SPEED, Recorder)
    return printed(output.notes)


def timeline() -> Iterator[Line]:
    """The lines that stay, in their order, and those that were there before."""
    last = [PROMPT, *asyncio.run(record())]
    states = Recorder.states
    top = last.index(states[-1][1][0])
    end = LEAD + states[-1][0]
    for row, text in enumerate(last):
        yield Line(row, text, LEAD * (row > 0) if row < top else end)
    there: dict[int, Line] = {}
    for elapsed, lines in [*states[:-1], (states[-1][0], list[str]())]:
        at = LEAD + elapsed
        now = {row: text for row, text in enumerate(lines, top) if text}
        for row, line in list(there.items()):
            if now.get(row) != line.text:
                yield there.pop(row)._replace(end=at)
        for row in now.keys() - there.keys():
            there[row] = Line(row, now[row], at)


def drawn(lines: Iterable[str], form: str) -> str:
    """Lines as SVG in a form."""
    console = terminal()
    for line in lines:
        console.print(Text.from_ansi(line), soft_wrap=True)
    return console.export_svg(title="postiz-async", code_format=form, unique_id="demo")


def picture() -> str:
    """The demo as SVG."""
    lines = list(timeline())
    staying = [line for line in lines if line.end is None]
    whole = max(line.begin for line in lines) + REST
    styles, matrix = drawn((line.text for line in lines), "{styles}\n\0{matrix}").split("\0")
    parts: defaultdict[int, list[tuple[str, ...]]] = defaultdict(list)
    for *found, number, content in TEXT.findall(matrix):
        parts[int(number)].append((*found, content))
    heights = {number: texts[0][1] for number, texts in parts.items()}
    names: dict[tuple[float, float | None], str] = {}
    groups: list[str] = []
    for number, texts in parts.items():
        line = lines[number]
        name = names.setdefault((line.begin, line.end), f"demo-t{len(names)}")
        kind = name if line.end is None else f"demo-past {name}"
        shown = "".join(
            f'<text {where} y="{heights[line.row]}" {length}>{content}</text>'
            for where, _, length, content in texts
        )
        groups.append(f'<g class="{kind}">{shown}</g>')
    styles += (
        ".demo-past { visibility: hidden }\n@media (prefers-reduced-motion: no-preference) {\n"
    )
    for (begin, end), name in names.items():
        if begin:
            stops = [(0.0, "hidden"), (begin, "visible"), *([(end, "hidden")] if end else [])]
            moves = " ".join(f"{at / whole:.2%} {{ visibility: {what} }}" for at, what in stops)
            styles += f".{name} {{ animation: {name} {whole:.2f}s step-end {TIMES} }}\n"
            styles += f"@keyframes {name} {{ {moves} }}\n"
    frame = drawn((line.text for line in staying), FRAME)
    return frame.replace("STYLES", f"{styles}}}").replace("LINES", "\n".join(groups))


if __name__ == "__main__":
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(picture(), encoding="utf-8")
