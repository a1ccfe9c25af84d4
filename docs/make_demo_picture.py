"""Writes `docs/images/demo.svg`, what the demo prints: `python docs/make_demo_picture.py`.

The demo runs for some twenty seconds, in a terminal of its own, so not on Windows.
"""

from __future__ import annotations

import io
import os
import pty
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

PICTURE = Path(__file__).parent / "images" / "demo.svg"
PROMPT = Text.assemble(("$", "green"), " postiz-async demo")
COLUMNS = 80
BUSY = "a create took longer than its reservation"
"""What the demo adds on a machine that is too busy for its clock."""
FORMAT = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" \
xmlns="http://www.w3.org/2000/svg" role="img" aria-label="What postiz-async demo prints">
<style>
.{unique_id}-matrix {{
  font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px;
  line-height: {line_height}px;
}}
.{unique_id}-title {{
  font-family: system-ui, sans-serif;
  font-size: 18px;
}}
{styles}
</style>
<defs>{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
"""As rich has it, but without fonts of a server elsewhere, and described for those who listen."""


def screen(command: list[str]) -> str:
    """What a command leaves on a terminal that shows no animations.

    Args:
        command: the program and its arguments.
    """
    terminal = {"TERM": "xterm-256color", "COLUMNS": str(COLUMNS), "TTY_INTERACTIVE": "0"}
    child, descriptor = pty.fork()
    if child == 0:
        os.environ.pop("NO_COLOR", None)
        os.execvpe(command[0], command, {**os.environ, **terminal})  # noqa: S606
    seen = bytearray()
    while True:
        try:
            read = os.read(descriptor, 65_536)
        except OSError:  # how Linux says that nothing more comes
            break
        if not read:
            break
        seen += read
    _, status = os.waitpid(child, 0)
    if status:
        sys.exit(seen.decode())
    return seen.decode()


def picture(text: str) -> str:
    """The screen as SVG.

    Args:
        text: what was printed, with its colours.
    """
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(PROMPT)
    for line in text.splitlines():
        if not line.endswith(f"{BUSY} and counts as spent"):
            console.print(Text.from_ansi(line.rstrip()), soft_wrap=True)
    svg = console.export_svg(title="postiz-async", code_format=FORMAT, unique_id="demo")
    return re.sub(r"[ \t]+$", "", svg, flags=re.MULTILINE)


if __name__ == "__main__":
    PICTURE.parent.mkdir(exist_ok=True)
    made = picture(screen([sys.executable, "-m", "postiz_async", "demo"]))
    PICTURE.write_text(made, encoding="utf-8")
