"""The public surface: what `from postiz_async import ...` gives, and what importing costs."""

from __future__ import annotations

import importlib
import inspect
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

import postiz_async
from postiz_async.testing import SandboxServer

ROOT = Path(postiz_async.__file__).parent

EXPECTED = {
    "Created",
    "Html",
    "Channel",
    "Media",
    "NewPost",
    "Post",
    "Postiz",
    "Priority",
    "Quota",
    "ThreadPart",
}


def test_everything_that_is_promised_can_be_imported() -> None:
    assert len(set(postiz_async.__all__)) == len(postiz_async.__all__)
    for name in postiz_async.__all__:
        assert getattr(postiz_async, name) is not None


def test_what_a_program_needs_is_there() -> None:
    assert set(postiz_async.__all__) >= EXPECTED


def test_nothing_public_hides_from_the_list() -> None:
    seen = {
        name
        for name, value in vars(postiz_async).items()
        if not name.startswith("_") and getattr(value, "__module__", "").startswith("postiz_async")
    }
    assert seen <= set(postiz_async.__all__)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError):
        _ = postiz_async.NoSuchThing  # type: ignore[attr-defined]


def test_every_public_name_is_documented() -> None:
    for name in postiz_async.__all__:
        value = getattr(postiz_async, name)
        if inspect.isclass(value):
            assert value.__doc__, name


def names() -> list[str]:
    parts = [path.relative_to(ROOT.parent).with_suffix("").parts for path in ROOT.rglob("*.py")]
    return sorted(".".join(each).removesuffix(".__init__") for each in parts)


def test_each_module_imports_and_keeps_its_promises() -> None:
    silent, missing = [], []
    for name in names():
        if name.endswith("__main__"):
            continue
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name in {"fastapi", "opentelemetry"}:  # an extra
                continue
            raise
        if not module.__doc__:
            silent.append(name)
        promised = getattr(module, "__all__", ())
        missing += [f"{name}.{each}" for each in promised if not hasattr(module, each)]
    assert (silent, missing) == ([], [])


def test_importing_the_package_imports_nothing_heavy() -> None:
    script = (
        "import sys, postiz_async\n"
        "postiz_async.Postiz, postiz_async.NewPost\n"
        "heavy = ['aiohttp', 'sqlite3',\n"
        "         'cyclopts', 'markdown_it', 'rich', 'tzlocal',\n"
        "         'postiz_async._campaign.campaign', 'postiz_async._sandbox',\n"
        "         'postiz_async._cli']\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


PROGRAM = """
import asyncio, sys
from datetime import UTC, datetime, timedelta
from postiz_async import CampaignRow, NewPost, Postiz

async def main():
    at = datetime.now(UTC) + timedelta(days=1)
    async with Postiz() as postiz:
        await postiz.posts.schedule(NewPost("mastodon", "<p>One</p>"), at=at)
        rows = [CampaignRow("mastodon", "Two <b>three</b>", at=at)]
        async with postiz.campaign(rows, journal=sys.argv[1]) as campaign:
            print(*[outcome.state async for outcome in campaign.run()])

asyncio.run(main())
unused = ("babel", "cyclopts", "rich", "tzlocal",
          "postiz_async._cli.", "postiz_async._sandbox")
print([name for name in sys.modules if name.startswith(unused)])
"""


@pytest.mark.postiz(channels=["mastodon"], start=datetime.now(UTC))
def test_a_campaign_loads_neither_the_sandbox_nor_the_command_line(
    tmp_path: Path, postiz_sandbox_server: SandboxServer
) -> None:
    program = [sys.executable, "-c", PROGRAM, str(tmp_path / "a.journal")]
    environment = os.environ | postiz_sandbox_server.environment()
    run = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)
    assert (run.stdout, run.stderr) == ("stored\n[]\n", "")


def test_a_sandbox_in_memory_needs_no_http() -> None:
    script = "import sys, postiz_async.testing; print('aiohttp' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def test_the_types_are_part_of_the_package() -> None:
    assert (ROOT / "py.typed").is_file()
