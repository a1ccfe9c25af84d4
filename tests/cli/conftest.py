from __future__ import annotations

import copy
import json
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from cli_lab import Cli, Result, Withholding
from cyclopts import App, ArgumentCollection
from processes import (
    PYTHON,
    ROOT,
    Server,
    child_environment,
    ended,
    launch,
    read_line,
    sandbox_process,
)

from postiz_async._cli.app import run
from postiz_async._sandbox.http import serve

KEY = "sandbox-key-5d1f0c77"


@pytest.fixture(scope="session", autouse=True)
def assembled_once() -> Iterator[None]:
    """What a command takes is put together for its first call, of which it is half of the work."""
    known: dict[tuple[object, ...], tuple[App, ArgumentCollection]] = {}
    assemble = App.assemble_argument_collection

    def assembled(app: App, **options: object) -> ArgumentCollection:
        key = (id(app), *options.items())
        if key not in known:
            known[key] = app, assemble(app, **options)  # type: ignore[arg-type]
        twins = {id(each): copy.copy(each) for each in known[key][1]}
        for each in twins.values():
            each.tokens = []
            each.children = ArgumentCollection(twins[id(child)] for child in each.children)
        return ArgumentCollection(twins.values())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(App, "assemble_argument_collection", assembled)
        yield


@pytest.fixture(scope="session")
def sample_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    """A sandbox without a quota to speak of, and the folder of its sample campaign."""
    folder = tmp_path_factory.mktemp("sandbox")
    sample = folder / "sample"
    options = ("--limit", "100000", "--speed", "20", "--sample", str(sample))
    with sandbox_process(folder / "home", *options, api_key=KEY) as server:
        yield server, sample


@pytest.fixture
def calm(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A sandbox of its own for commands; its hour is longer than a test may take."""
    del home  # whose environment is changed
    options = ("--limit", "100000", "--speed", "10")
    with sandbox_process(tmp_path / "sandbox", *options, api_key=KEY) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture(scope="session")
def server(sample_server: tuple[Server, Path]) -> Server:
    return sample_server[0]


@pytest.fixture(scope="session")
def sample(sample_server: tuple[Server, Path]) -> Path:
    return sample_server[1]


@pytest.fixture(scope="session")
def odd_servers() -> Iterator[dict[str, str]]:
    """URLs of servers that are not as they should be, see `odd_servers.py`."""
    program = [*PYTHON, str(Path(__file__).parent / "odd_servers.py"), KEY]
    with ended(launch(program, child_environment(ROOT))) as process:
        yield json.loads(read_line(process, bool))


@pytest.fixture
def narrow(tmp_path: Path) -> Iterator[Server]:
    """A sandbox with three creates an hour, on the clock of the machine."""
    with sandbox_process(tmp_path / "sandbox", "--limit", "3", api_key=KEY) as server:
        yield server


@pytest.fixture(autouse=True)
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A home of its own for each test, and the environment that the sandbox asks for."""
    folder = tmp_path / "home"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as environment:
        for name, value in child_environment(folder).items():
            environment.setenv(name, value)
        of_users = ("POSTIZ_API_KEY", "POSTIZ_API_URL", "POSTIZ_PROFILE", "POSTIZ_SANDBOX_CLOCK")
        for name in (*of_users, "NO_COLOR"):
            environment.delenv(name, raising=False)
        if "server" in request.fixturenames:
            server: Server = request.getfixturevalue("server")
            for name, value in server.environment.items():
                environment.setenv(name, value)
        _use_zone()
        yield folder
    _use_zone()


def _use_zone() -> None:
    """Have the zone of the environment, where it can be changed for a process."""
    if sys.platform != "win32":
        time.tzset()


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run a command in this process. No output may hold the key or a traceback."""

    def call(*arguments: str | Path) -> Result:
        code = run([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        for text in (out, err):
            assert KEY not in text
            assert "Traceback" not in text
            assert "\x1b" not in text
        return Result(code, out, err)

    return call


@pytest.fixture
async def withholding() -> AsyncIterator[tuple[Withholding, dict[str, str]]]:
    """A sandbox that answers no create until it may, and what leads a command to it."""
    async with Withholding() as sandbox, serve(sandbox) as served:
        sandbox.add_channel("mastodon")
        yield sandbox, Server(served.url, "sandbox").environment
