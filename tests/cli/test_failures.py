"""`--on-failure`: who is told that a campaign needs somebody, what, and never the key."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import signal
import socket
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cli_lab import Cli, Withholding, read_until_stopping, write_campaign
from processes import PATIENCE, Server, ended, start, until

from postiz_async._cli.failures import run_command
from postiz_async._cli.profiles import profiles_path
from postiz_async._sandbox import MemoryServer
from postiz_async._sandbox.http import serve

FAR = "2031-01-20 09:00Z"
on_posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and modes of POSIX")

WRITE = """
import json, os, sys
said = {"document": json.load(sys.stdin), "environment": dict(os.environ), "words": sys.argv[2:]}
open(sys.argv[1], "w").write(json.dumps(said))
print("the command prints this")
"""


class Command:
    """A command that writes down what it was told."""

    def __init__(self, folder: Path, *words: str) -> None:
        script = folder / "told.py"
        script.write_text(WRITE)
        self._to = folder / "told.json"
        self.line = shlex.join([sys.executable, str(script), str(self._to), *words])

    @property
    def told(self) -> Any:
        """What it was told, if anything."""
        return json.loads(self._to.read_text()) if self._to.exists() else None


@pytest.fixture
def command(tmp_path: Path) -> Command:
    folder = tmp_path / "command"
    folder.mkdir()
    return Command(folder)


def test_rows_that_are_not_stored_are_told_with_the_document(
    cli: Cli, server: Server, tmp_path: Path, command: Command
) -> None:
    rows = [("mastodon", FAR, f"Good {tmp_path}"), ("nowhere", FAR, "Bad")]
    file = write_campaign(tmp_path / "c.csv", *rows)
    ran = cli("run", file, "--skip-invalid", "--json", "--on-failure", command.line)
    assert ran.code == 1
    told = command.told["document"]
    assert {name: told.pop(name) for name in ("text", "command", "campaign", "exit_code")} == {
        "text": "postiz-async run c.csv ended with exit code 1: 1 stored",
        "command": "run",
        "campaign": str(file),
        "exit_code": 1,
    }
    assert told == ran.document
    said = command.told["environment"]
    assert said["POSTIZ_EXIT_CODE"] == "1"
    assert said["POSTIZ_COMMAND"] == "run"
    assert said["POSTIZ_CAMPAIGN"] == str(file)
    assert said["POSTIZ_FAILURE"].startswith("postiz-async run c.csv ended with exit code 1: ")
    assert said["POSTIZ_API_URL"] == server.url
    assert server.api_key not in json.dumps(command.told)


def test_nobody_is_told_of_a_success(
    cli: Cli, server: Server, tmp_path: Path, command: Command
) -> None:
    file = write_campaign(tmp_path / "c.csv", ("mastodon", FAR, f"Good {tmp_path}"))
    assert cli("run", file, "--on-failure", command.line).code == 0
    assert cli("update", file, "--yes", "--on-failure", command.line).code == 0
    assert command.told is None


def test_a_campaign_with_problems_is_told(
    cli: Cli, server: Server, tmp_path: Path, command: Command
) -> None:
    file = write_campaign(tmp_path / "c.csv", ("nowhere", FAR, "Bad"), ("nowhere", FAR, "Worse"))
    assert cli("run", file, "--on-failure", command.line).code == 2
    told = command.told["document"]
    began = "postiz-async run c.csv ended with exit code 2"
    assert told["text"] == f"{began}: 2 problems, nothing was sent"
    assert [problem["row"] for problem in told["problems"]] == [2, 3]
    assert told["error"]["type"] == "InvalidPostError"


def test_a_wrong_key_is_told_and_the_last_line_is_still_the_error(
    cli: Cli,
    server: Server,
    tmp_path: Path,
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("POSTIZ_API_KEY", "a-wrong-key-for-it")
    file = write_campaign(tmp_path / "c.csv", ("mastodon", FAR, "Good"))
    ran = cli("run", file, "--json", "--on-failure", command.line)
    assert ran.code == 2
    assert ran.error["type"] == "AuthenticationError"
    told = command.told["document"]
    assert told["error"]["type"] == "AuthenticationError"
    assert told["exit_code"] == 2
    assert "a-wrong-key-for-it" not in json.dumps(command.told)


def test_an_update_with_rows_that_are_left_is_told(
    cli: Cli, server: Server, tmp_path: Path, command: Command
) -> None:
    columns = "channel,date,content,type,ref"
    row = ("mastodon", FAR, f"Out {tmp_path}", "now", "a")
    file = write_campaign(tmp_path / "c.csv", row, columns=columns)
    assert cli("run", file).code == 0
    write_campaign(file, (*row[:2], f"Other {tmp_path}", *row[3:]), columns=columns)
    updated = cli("update", file, "--yes", "--json", "--on-failure", command.line)
    assert updated.code == 1
    told = command.told["document"]
    assert told["command"] == "update"
    assert told["left"] == updated.document["left"]
    assert told["text"] == "postiz-async update c.csv ended with exit code 1"
    assert "error" not in told


async def test_a_post_that_its_network_refuses_is_told_to_who_waits(
    tmp_path: Path, home: Path, command: Command
) -> None:
    columns = "channel,date,content,type"
    file = write_campaign(tmp_path / "c.csv", ("mastodon", FAR, "Out", "now"), columns=columns)
    async with MemoryServer(api_key="sandbox") as sandbox, serve(sandbox) as served:
        channel = sandbox.add_channel("mastodon")
        sandbox.change_channel(channel.id, failure="no money left")
        environment = Server(served.url, "sandbox").environment
        arguments = ["run", str(file), "--wait-published", "--on-failure", command.line]
        with ended(start(arguments, home, environment)) as ran:
            out, err = await asyncio.to_thread(ran.communicate, timeout=PATIENCE)
    assert ran.returncode == 1, out + err
    assert command.told["document"]["counts"] == {"failed": 1}


# ------------------------------------------------------------------ signals


@on_posix
@pytest.mark.parametrize(("number", "is_told"), [(signal.SIGTERM, True), (signal.SIGINT, False)])
async def test_a_run_that_was_ended_is_told_but_not_to_who_stopped_it(
    withholding: tuple[Withholding, dict[str, str]],
    tmp_path: Path,
    home: Path,
    command: Command,
    number: signal.Signals,
    is_told: bool,  # noqa: FBT001
) -> None:
    sandbox, environment = withholding
    rows = [("mastodon", f"2027-01-2{n} 09:00Z", "Good morning") for n in range(1, 9)]
    file = write_campaign(tmp_path / "c.csv", *rows)
    with ended(start(["run", str(file), "--on-failure", command.line], home, environment)) as ran:
        await until(lambda: sandbox.creates)
        ran.send_signal(number)
        await asyncio.to_thread(read_until_stopping, ran.stdout)
        sandbox.may_answer.set()
        await asyncio.to_thread(ran.communicate, timeout=PATIENCE)
    assert ran.returncode == 128 + number
    assert bool(command.told) is is_told
    if is_told:
        document = command.told["document"]
        assert document["exit_code"] == 143
        assert document["text"].startswith("postiz-async run c.csv ended with exit code 143: ")


# ------------------------------------------------------------------ commands


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("no-such-program --now", "there is no program 'no-such-program' to run"),
        ("mail 'unclosed", "cannot be read as a command: No closing quotation"),
        ("http://example.com/hook", "has to begin with https://; http:// is only for this machine"),
        ("ftp://example.com/hook", "has to begin with https://"),
        ("https:///hook", "is not a web address"),
        ("https://exämple.com/hook", "is not a web address"),
        ("https://example.com:port/", "is not a web address"),
    ],
)
def test_what_nobody_could_be_told_by_is_refused_before_anything_is_sent(
    cli: Cli, server: Server, tmp_path: Path, line: str, told: str
) -> None:
    file = write_campaign(tmp_path / "c.csv", ("mastodon", FAR, f"Good {tmp_path}"))
    before = server.state["creates"]
    ran = cli("run", file, "--on-failure", line)
    assert ran.code == 2
    assert told in ran.err
    assert server.state["creates"] == before


def test_a_command_that_fails_is_reported_and_changes_no_exit_code(
    cli: Cli, server: Server, tmp_path: Path
) -> None:
    file = write_campaign(tmp_path / "c.csv", ("nowhere", FAR, "Bad"))
    line = shlex.join([sys.executable, "-c", "import sys; sys.exit(7)"])
    ran = cli("run", file, "--on-failure", line)
    assert ran.code == 2
    assert "--on-failure ended with code 7, so perhaps nobody was told" in ran.err
    quiet = cli("run", file, "--json", "--quiet", "--on-failure", line)
    assert quiet.code == 2
    assert len(quiet.err.splitlines()) == 1
    assert quiet.error["type"] == "InvalidPostError"


@on_posix
async def test_a_command_that_does_not_end_is_ended_with_all_that_it_started(
    tmp_path: Path,
) -> None:
    pid, limit = tmp_path / "pid", 0.5
    script = f"sleep 1000 & echo $! > {shlex.quote(str(pid))}.new; mv {pid}.new {pid}; wait"
    while not pid.exists():  # it may not have come that far on a busy machine
        limit *= 2
        told = await run_command(("sh", "-c", script), b"{}", {}, limit=limit)
        assert told == f"was ended after {limit:g} s"
    child = int(pid.read_text())

    def is_gone() -> bool:
        try:
            told = Path(f"/proc/{child}/stat").read_text(encoding="utf-8")
            return told.rpartition(")")[2].split()[0] == "Z"
        except OSError:
            return True

    await until(is_gone)


async def test_a_command_that_reads_nothing_is_fine() -> None:
    assert await run_command((sys.executable, "-c", "pass"), b"x" * 5_000_000, {}) == ""
    assert "cannot be started" in await run_command((str(Path(__file__).parent),), b"", {})


def test_hostile_words_do_not_become_a_part_of_the_command(
    cli: Cli, server: Server, tmp_path: Path
) -> None:
    folder = tmp_path / "$(touch pwned); `id`"
    folder.mkdir()
    command = Command(folder, "$POSTIZ_FAILURE", "{text}")
    file = write_campaign(folder / "c\x1b[31m.csv", ("nowhere", FAR, "$(touch pwned)\x1b[31m"))
    assert cli("run", file, "--on-failure", command.line).code == 2
    assert command.told["words"] == ["$POSTIZ_FAILURE", "{text}"]
    assert "\x1b" not in command.told["environment"]["POSTIZ_FAILURE"]
    assert list(folder.parent.rglob("pwned")) == []


def test_no_secret_is_in_its_environment(
    cli: Cli, server: Server, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("POSTIZ_HEADERS", "POSTIZ_CLIENT_SECRET"):
        monkeypatch.setenv(name, "X-Secret: hidden-value")
    file = write_campaign(tmp_path / "c.csv", ("nowhere", FAR, "Bad"))
    assert cli("run", file, "--on-failure", command.line).code == 2
    assert "hidden-value" not in json.dumps(command.told)
    assert server.api_key not in json.dumps(command.told)


# ------------------------------------------------------------------ profiles, campaign.toml


@on_posix
def test_a_profile_may_name_a_command_and_the_option_overrides_it(
    cli: Cli, server: Server, tmp_path: Path, command: Command
) -> None:
    path = profiles_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"[work]\non_failure = {json.dumps(command.line)}\n")
    path.chmod(stat.S_IRUSR | stat.S_IWUSR)
    file = write_campaign(tmp_path / "c.csv", ("nowhere", FAR, "Bad"))
    other = shlex.join([sys.executable, "-c", "import sys; sys.exit(9)"])
    ran = cli("run", file, "--profile", "work", "--on-failure", other)
    assert "ended with code 9" in ran.err
    assert command.told is None
    assert cli("run", file, "--profile", "work").code == 2
    assert command.told["document"]["exit_code"] == 2
    path.write_text('[work]\non_failure = "no-such-program"\n')
    ran = cli("run", file, "--profile", "work")
    assert "on_failure of the profile 'work': there is no program" in ran.err


def test_a_campaign_may_not_name_one(
    cli: Cli, server: Server, tmp_path: Path, command: Command
) -> None:
    file = write_campaign(tmp_path / "c.csv", ("nowhere", FAR, "Bad"))
    (tmp_path / "c.toml").write_text(f"on_failure = {json.dumps(command.line)}\n")
    ran = cli("run", file)
    assert ran.code == 2
    assert "has the unknown key 'on_failure'" in ran.err
    assert command.told is None


# ------------------------------------------------------------------ addresses


class Receiver:
    """A web server on loopback that keeps what it is sent, and answers as it is told to."""

    def __init__(self, status: int = 200, location: str = "") -> None:
        self.bodies: list[Any] = []
        self.headers: list[dict[str, str]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.bodies.append(json.loads(body))
                receiver.headers.append(dict(self.headers))
                self.send_response(status)
                if location:
                    self.send_header("Location", location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook/token-123456"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def receiving() -> Iterator[Callable[..., Receiver]]:
    made: list[Receiver] = []

    def receive(*arguments: Any) -> Receiver:
        made.append(Receiver(*arguments))
        return made[-1]

    yield receive
    for each in made:
        each.close()


def test_an_address_is_sent_the_document(
    cli: Cli, server: Server, tmp_path: Path, receiving: Callable[..., Receiver]
) -> None:
    receiver = receiving()
    file = write_campaign(tmp_path / "c.csv", ("nowhere", FAR, "Bad <b>\x1b"))
    ran = cli("run", file, "--on-failure", receiver.url)
    assert ran.code == 2
    assert "nobody was told" not in ran.err
    [told] = receiver.bodies
    assert told["text"].endswith("ended with exit code 2: 1 problem, nothing was sent")
    assert receiver.headers[0]["Content-Type"] == "application/json"
    assert server.api_key not in json.dumps(receiver.headers + receiver.bodies)


@pytest.mark.parametrize(
    ("status", "told"), [(500, "answered 500"), (307, "no redirect is followed")]
)
def test_an_address_that_does_not_take_it_is_reported(
    cli: Cli,
    server: Server,
    tmp_path: Path,
    receiving: Callable[..., Receiver],
    status: int,
    told: str,
) -> None:
    elsewhere = receiving()
    receiver = receiving(status, elsewhere.url)
    file = write_campaign(tmp_path / "c.csv", ("nowhere", FAR, "Bad"))
    ran = cli("run", file, "--on-failure", receiver.url)
    assert ran.code == 2
    assert told in ran.err
    assert "token-123456" not in ran.err
    assert elsewhere.bodies == []


def test_an_address_that_cannot_be_reached_is_reported_without_its_secret(
    cli: Cli, server: Server, tmp_path: Path
) -> None:
    file = write_campaign(tmp_path / "c.csv", ("nowhere", FAR, "Bad"))
    with socket.socket() as bound:  # and nobody listens
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}/hook/token-123456"
        ran = cli("run", file, "--on-failure", url)
    assert ran.code == 2
    assert "--on-failure could not be called" in ran.err
    assert "token-123456" not in ran.err
    assert os.environ["POSTIZ_API_URL"] == server.url
