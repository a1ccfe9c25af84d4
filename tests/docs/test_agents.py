"""What is written for agents is true: the tools, the configurations, the commands of the skill."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from processes import COMMAND, PATIENCE, child_environment

from postiz_async._cli.app import app
from postiz_async.contrib.mcp import TOOLS
from postiz_async.testing import serve_sandbox

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "agents.md").read_text(encoding="utf-8")
SKILL = (ROOT / "skills" / "postiz-async" / "SKILL.md").read_text(encoding="utf-8")
ID = "cmwv9y2sf001xp27d1usy9a4m"


def test_the_page_has_each_tool_with_its_scope() -> None:
    said = {
        tool: scope
        for scope, tools in re.findall(r"^\| `(\w+)` \| (.*) \|$", PAGE, re.MULTILINE)
        for tool in re.findall(r"`(\w+)`", tools)
    }
    assert said == {name: scope for name, scope in TOOLS.items() if scope}
    assert [f"`{name}` carries out a plan" in PAGE for name in TOOLS if not TOOLS[name]] == [True]


def test_the_configuration_starts_the_server() -> None:
    blocks = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]
    [servers] = [block["mcpServers"] for block in blocks if "mcpServers" in block]
    app.parse_args(servers["postiz"]["args"], exit_on_error=False, print_error=False)


def test_the_options_are_those_of_the_command() -> None:
    text = app["mcp"].assemble_argument_collection()
    options = {name for argument in text for name in argument.names}
    assert set(re.findall(r"^\| `(--[\w-]+)", PAGE, re.MULTILINE)) <= options


@pytest.mark.timeout(1200)  # eighteen commands, on a machine that may be busy
@pytest.mark.exhaustive
def test_the_commands_of_the_skill_do_what_it_says(tmp_path: Path) -> None:
    assert SKILL.startswith("---\nname: postiz-async\ndescription: ")
    commands = re.findall(r"^\$ postiz-async (.*)$", SKILL, re.MULTILINE)
    assert len(commands) >= 13
    day = datetime(2031, 12, 24, 18, 30, tzinfo=UTC)
    campaign = "channel,date,content\nmastodon,2031-12-25 09:00,Day 1\n"
    (tmp_path / "campaign.csv").write_text(campaign, encoding="utf-8")
    start = day.replace(day=20)
    with serve_sandbox(channels=["mastodon", "tiktok"], start=start, speed=60) as server:
        environment = child_environment(tmp_path, server.environment())
        (post_id, created) = ("", 0)
        for command in commands:
            arguments = shlex.split(command.replace(ID, post_id or ID))
            done = subprocess.run(
                [*COMMAND, *arguments],
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                check=False,
            )
            is_unknown = arguments[:2] == ["posts", "get"]  # there is none yet
            assert done.returncode == (2 if is_unknown else 0), (command, done.stderr)
            if is_unknown:
                error = json.loads(done.stderr)["error"]
                assert {"type", "message", "exit_code"} <= set(error)
                continue
            document = json.loads(done.stdout)
            if arguments[:2] == ["posts", "create"]:
                post_id, created = document[0]["postId"], created + 1
        assert created == 2
        assert len(server.posts) == 1  # one deleted, the campaign undone


@pytest.mark.parametrize("name", ["AGENTS.md", "llms.txt"])
def test_they_are_short(name: str) -> None:
    assert len((ROOT / name).read_text(encoding="utf-8")) < 6_000
