"""With `--json`, each command prints the value that Python returns, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from cli_lab import RETURNED, Cli, misfits, write_campaign
from cyclopts import App
from processes import Server
from samples import PNG

from postiz_async._cli.app import app

AT = "2027-06-01T10:00Z"

OTHERS = {
    *("plan", "run", "undo"),
    *("status", "report", "dates", "demo", "sandbox"),
    *("channels trigger", "media function"),  # as the server answers
    *(
        "media upload",
        "posts delete",
        "posts pause",
        "posts resume",
        "providers",
        "outbox status",
        "oauth url",
    ),
}
"""Commands of several calls, or of none: their tests say what they print."""


def commands_with_json(of: App, before: str = "") -> Iterator[str]:
    for name, command in of.resolved_commands().items():
        if name.startswith("-"):
            continue
        full = f"{before}{name}"
        if command.default_command is not None:
            arguments = command.assemble_argument_collection()
            if any("--json" in argument.names for argument in arguments):
                yield full
        yield from commands_with_json(command, f"{full} ")


def test_it_is_said_of_each_command_what_it_prints() -> None:
    same = {"channels": "channels list"}
    found = {same.get(name, name) for name in commands_with_json(app)}
    assert found == {*RETURNED, *OTHERS}


def test_campaigns(cli: Cli, server: Server, tmp_path: Path) -> None:
    rows = [("mastodon", AT, f"Hello {tmp_path}"), ("x", AT, "x" * 400)]
    file = write_campaign(tmp_path / "c.csv", *rows)
    for command in ("plan", "run"):
        refused = cli(command, file, "--json")
        assert refused.code == 2
        assert refused.error["type"] == "InvalidPostError"
        assert refused.error["problems"] == refused.document["problems"]
        assert refused.error["problems"][0]["row"] == 3
        assert len(refused.err.splitlines()) == 1
    for command, *options in (["plan"], ["run"], ["status"], ["report"]):
        skip = ["--skip-invalid"] if command in {"plan", "run"} else options
        printed = cli(command, file, "--json", *skip).document
        assert printed.get("warnings", []) == []


def test_campaigns_that_changed(cli: Cli, server: Server, tmp_path: Path) -> None:
    rows = [("mastodon", AT, f"Changed {tmp_path}"), ("telegram", AT, f"Gone {tmp_path}")]
    file = write_campaign(tmp_path / "c.csv", *rows)
    assert cli("run", file).code == 0
    write_campaign(file, (*rows[0][:2], f"Quite changed {tmp_path}"), ("threads", AT, "x" * 600))
    refused = cli("run", file, "--json")
    assert refused.error["type"] == "InvalidPostError"
    write_campaign(file, (*rows[0][:2], f"Quite changed {tmp_path}"))
    for verb in (["plan"], ["run", "--yes"]):
        changes = cli(*verb, file, "--prune", "--json").document["changes"]
        assert (changes["changed"], len(changes["pruned"])) == ([2], 1)
    for options in ([], ["--yes"]):
        undone = cli("undo", file, "--json", *options).document
        assert len(undone["deleted" if options else "would_delete"]) == 1


def test_posts(cli: Cli, server: Server) -> None:
    how = ("--channel", "mastodon", "--at", AT, "--json")
    made = cli("posts", "create", "Hi", *how).document
    post = made[0]["postId"]
    printed = {
        "posts create": made,
        "posts list": cli("posts", "list", "--from", "2027-06-01", "--json").document,
        "posts get": cli("posts", "get", post, "--json").document,
        "posts replace": cli("posts", "replace", post, "Ho", *how, "--yes").document,
        "posts missing": cli("posts", "missing", post, "--json").document,
        "posts settings": cli("posts", "settings", post, "{}", "--json").document,
        "posts delete-group": cli("posts", "delete-group", "none", "--yes", "--json").document,
        "posts status": cli("posts", "status", post, "draft", "--json").document,
    }
    assert [misfits(command, said) for command, said in printed.items()] == [[]] * 8
    assert printed["posts list"]
    gone = cli("posts", "delete", post, "gone", "--yes", "--json").document
    assert gone == {"deleted": [post], "gone": ["gone"]}


def test_channels_and_figures(cli: Cli, server: Server) -> None:
    listed = cli("channels", "--json").document
    channel = next(each["id"] for each in listed if each["identifier"] == "mastodon")
    now = cli("posts", "create", "Hi", "--channel", "x", "--now", "--json").document
    calls = {
        "channels list": (),
        "channels groups": (),
        "channels settings": (channel,),
        "channels find-slot": (channel,),
        "channels connect": ("linkedin",),
        "analytics channel": (channel,),
        "analytics post": (now[0]["postId"],),
        "notifications": (),
        "quota": (),
        "doctor": (),
    }
    for command, arguments in calls.items():
        printed = cli(*command.split(), *arguments, "--json").document
        assert misfits(command, printed) == [], command


def test_media(cli: Cli, server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    uploaded = cli("media", "upload", tmp_path / "a.png", tmp_path / "none.png", "--json")
    assert uploaded.document[1]["error"]["type"] == "InvalidInputError"
    video = cli("media", "video", "a cat", "--yes", "--json").document
    assert misfits("media video", video) == []


def test_without_a_server(cli: Cli) -> None:
    one = cli("providers", "x", "--json").document
    assert (one["identifier"], one["since"]) == ("x", "v0.0.1")
    assert one in cli("providers", "--json").document


def test_an_error_is_one_line_for_programs(cli: Cli, server: Server) -> None:
    unknown = cli("channels", "settings", "c" * 25, "--json")
    assert unknown.code == 2
    assert unknown.out == ""
    assert len(unknown.err.splitlines()) == 1
    assert unknown.error["status_code"] in {400, 404, 500}
    usage = cli("posts", "ls", "--json")
    assert usage.error["type"] == "UsageError"
    assert 'Did you mean "list"?' in usage.error["message"]
    assert json.loads(usage.err) == {"error": usage.error}
