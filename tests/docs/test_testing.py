"""The examples of docs/testing.md run with the plugin that each is written for, and no other."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest
from processes import PATIENCE, PYTHON, child_environment
from spread import spread

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(
    r"^```python\n(.*?)^```",
    (ROOT / "docs" / "testing.md").read_text(encoding="utf-8"),
    re.MULTILINE | re.DOTALL,
)


class Mode(NamedTuple):
    sign: str
    """What stands in the examples for it; empty: in all others."""
    options: tuple[str, ...]


ASYNCIO = ("-p", "pytest_asyncio.plugin", "-o", "asyncio_default_fixture_loop_scope=function")
MODES = {
    "auto": Mode("", (*ASYNCIO, "-o", "asyncio_mode=auto")),
    "strict": Mode("mark.asyncio", ASYNCIO),
    "anyio": Mode("mark.anyio", ("-p", "anyio")),
}
SIGNS = [mode.sign for mode in MODES.values() if mode.sign]


def examples(mode: Mode) -> list[str]:
    if mode.sign:
        return [text for text in BLOCKS if mode.sign in text]
    return [text for text in BLOCKS if not any(sign in text for sign in SIGNS)]


@pytest.mark.parametrize("name", spread(MODES, every=len(MODES)))
def test_the_examples_pass(name: str, tmp_path: Path) -> None:
    """One process for all of a mode, in which the plugins of no other are loaded."""
    mode, count = MODES[name], 0
    for number, text in enumerate(examples(mode)):
        (tmp_path / f"test_{number}.py").write_text(text, encoding="utf-8")
        count += text.count("def test_")
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nfilterwarnings = error\naddopts = --strict-markers\n", encoding="utf-8"
    )
    alone = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
    plugins = ("-p", "postiz_async.pytest_plugin", "-p", "no:cacheprovider", *mode.options)
    done = subprocess.run(
        [*PYTHON, "-m", "pytest", "-q", *plugins],
        cwd=tmp_path,
        env=child_environment(tmp_path, alone),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{count} passed" in done.stdout


def test_each_mode_is_shown() -> None:
    assert [len(examples(mode)) > 0 for mode in MODES.values()] == [True] * 3
    assert sum(len(examples(mode)) for mode in MODES.values()) == len(BLOCKS)
