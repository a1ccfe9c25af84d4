"""The recipes of a page, each run by its engine.

Each creates a post, is delivered twice, waits for a window, and fails where another try would fail.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import socket
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from celery_worker_kills import CeleryKills
from ports import own_port
from postgres_server import shared_server, why_no_postgres
from processes import PATIENCE, ROOT, child_environment, until
from recipe_texts import PAGE, recipe
from redis_server import redis_server, why_no_redis
from temporal_server import dev_server, why_no_dev_server
from temporal_worker_kills import TemporalKills

from postiz_async._sandbox import MemoryServer
from postiz_async._sandbox.http import serve
from postiz_async.stores.postgres import ddl

if TYPE_CHECKING:
    from asyncio.subprocess import Process

PROGRAMS = Path(__file__).parent / "engines"
"""Give tasks to the engines that run as processes."""
AT = datetime.now(UTC) + timedelta(days=1)

pytestmark = pytest.mark.timeout(4 * 4 * PATIENCE)  # programs of up to four, each as long as it may


@pytest.fixture
async def sandbox(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[MemoryServer]:
    sandbox = MemoryServer(limit=1, window=getattr(request, "param", 1.0), work_per_post=0.0)
    async with sandbox, serve(sandbox) as served:
        monkeypatch.setenv("POSTIZ_API_KEY", sandbox.organization.api_key)
        monkeypatch.setenv("POSTIZ_API_URL", served.api_url)
        yield sandbox


@pytest.fixture
def channel(sandbox: MemoryServer) -> str:
    return sandbox.add_channel("mastodon").id


def contents(sandbox: MemoryServer) -> list[str]:
    return sorted(post.content for post in sandbox.posts)


ENVIRONMENTS = os.environ.get("POSTIZ_ENGINES", "")
"""A folder with an environment for each engine that does not go with ours: `.ci/run` makes it."""


NOTICED_SOON = {
    "taskiq": {"timeout=60,": "timeout=2,\n    idle_timeout=2000,"},
    "temporal": {"timedelta(minutes=5)": "timedelta(seconds=10)"},
}
"""Deaths of workers that would be noticed after minutes."""
PACKAGES = {"airflow": "airflow.sdk", "temporal": "temporalio"}
"""Of engines that are not called after what one imports."""


def python_of(engine: str, package: str) -> str:
    """A Python that has the engine: of an environment of its own, or ours."""
    own = Path(ENVIRONMENTS, engine, "bin", "python")
    if own.exists():
        return str(own)
    pytest.importorskip(package, reason=f"{engine} is not installed")
    return sys.executable


@dataclass(frozen=True)
class Place:
    """A folder with a recipe as the module `announcements`, and its environment."""

    folder: Path
    python: str
    environment: dict[str, str]

    @asynccontextmanager
    async def process(self, *arguments: str) -> AsyncGenerator[Process]:
        """Run a Python, killed with all that it started when the block ends."""
        with (self.folder / "log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *(self.python, *arguments),
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()

    async def run(self, *arguments: str) -> None:
        """Run a Python to its end; a create of a killed one may be looked up for six minutes."""
        async with self.process(*arguments) as process:
            code = None
            with suppress(TimeoutError):
                async with asyncio.timeout(4 * PATIENCE):
                    code = await process.wait()
            assert code == 0, self.log

    async def says(self, text: str) -> None:
        """Wait until its processes have said this: a parent passes on what its children say."""
        with suppress(TimeoutError):
            await until(lambda: text in self.log)
        assert text in self.log, self.log

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")


@pytest.fixture
def place(
    request: pytest.FixtureRequest, sandbox: MemoryServer, channel: str, tmp_path: Path
) -> Place:
    """Where the recipe of the engine in the name of the test, or of its parameter, runs."""
    engine = getattr(request, "param", "") or request.function.__name__.removeprefix("test_")
    package = PACKAGES.get(engine, engine)
    python = python_of(engine, package)
    # Spread less than in life, to be done soon.
    text = recipe(package.partition(".")[0], NOTICED_SOON.get(engine))
    soon = re.sub(r"uniform\((\d), \d\)", r"uniform(\1, 1.2)", text)
    (tmp_path / "announcements.py").write_text(soon, encoding="utf-8")
    variables = {name: os.environ[name] for name in ("POSTIZ_API_KEY", "POSTIZ_API_URL")}
    variables |= {"POSTIZ_STORE": str(tmp_path / "postiz.sqlite"), "NO_PROXY": "127.0.0.1"}
    variables |= {"CHANNEL": channel, "AT": AT.isoformat()}
    variables |= {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    return Place(tmp_path, python, child_environment(tmp_path, variables | NOT_WATCHED))


NOT_WATCHED = {
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    "DAGSTER_DISABLE_TELEMETRY": "yes",
    "DO_NOT_TRACK": "1",  # Prefect's client
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "SCARF_ANALYTICS": "false",
}
"""Traffic goes to loopback only."""


@asynccontextmanager
async def server_of(engine: str, place: Place) -> AsyncGenerator[dict[str, str]]:
    """The server that an engine needs, and the variables that say where it is."""
    if engine in {"arq", "celery", "dramatiq", "taskiq"}:
        if why_no_redis():
            pytest.skip(why_no_redis())
        with redis_server() as redis:
            yield {"REDIS_URL": redis.url}
    elif engine == "temporal":
        if why_no_dev_server():
            pytest.skip(why_no_dev_server())
        with dev_server() as address:
            yield {"TEMPORAL_ADDRESS": address}
    elif engine == "procrastinate":
        if why_no_postgres():
            pytest.skip(why_no_postgres())
        from procrastinate.schema import SchemaManager  # noqa: PLC0415  (if it is there)

        database = shared_server().new_database(ddl(), SchemaManager.get_schema())
        yield {"DATABASE_URL": database, "POSTIZ_STORE": database}
    else:
        port = own_port()
        server = ("-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port))
        async with place.process(*server):
            await until(lambda: answers(port))
            yield {"PREFECT_API_URL": f"http://127.0.0.1:{port}/api"}


def answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=PATIENCE):
        return True
    return False


WORKERS = {
    "arq": ("-m", "arq", "announcements.WorkerSettings"),
    "celery": ("-m", "celery", "--app", "announcements", "worker", "--concurrency", "2"),
    "dramatiq": ("-m", "dramatiq", "announcements", "--processes", "2", "--threads", "1"),
    "prefect": ("announcements.py",),
    "procrastinate": ("-c", "import asyncio, announcements; asyncio.run(announcements.work())"),
    "taskiq": ("-m", "taskiq", "worker", "announcements:broker", "--workers", "2"),
    "temporal": ("-c", "import asyncio, announcements; asyncio.run(announcements.work())"),
}
"""The arguments of Python for a worker of each engine."""
SCHEDULER = ("-m", "taskiq", "scheduler", "announcements:scheduler", "--update-interval", "1")
NO_KILLS = {"celery", "dramatiq"}
"""Celery's are below; dramatiq notices a death after a minute at the earliest."""


@pytest.mark.skipif(sys.platform == "win32", reason="workers are killed as POSIX does it")
@pytest.mark.parametrize(
    ("engine", "place"),
    [
        pytest.param(each, each, marks=pytest.mark.exhaustive if each == "procrastinate" else ())
        for each in WORKERS
    ],
    ids=WORKERS,
    indirect=["place"],
)
async def test_workers(engine: str, place: Place, sandbox: MemoryServer) -> None:
    """A worker is killed while a task waits; another one sends it, and what is delivered twice."""
    program = str(PROGRAMS / f"{engine}_tasks.py")
    async with server_of(engine, place) as variables, AsyncExitStack() as stack:
        place.environment.update(variables)
        if engine == "taskiq":
            await stack.enter_async_context(place.process(*SCHEDULER))
        async with place.process(*WORKERS[engine]) as worker:
            await place.run(program, "put")
            await place.says("1 problem, nothing was sent")
            if engine not in NO_KILLS:
                await place.run(program, "kill", str(worker.pid))
        if engine not in NO_KILLS:
            await place.run(program, "again")
            async with place.process(*WORKERS[engine]):
                await place.run(program, "end")
    assert contents(sandbox) == ["first", "second"]
    assert sandbox.refusals == 0


@pytest.mark.exhaustive
@pytest.mark.skipif(sys.platform != "linux", reason="finds the processes of a pool in /proc")
@pytest.mark.skipif(bool(why_no_redis()), reason=why_no_redis())
def test_what_killed_workers_of_celery_created_is_there_once(tmp_path: Path) -> None:
    tally = CeleryKills(tmp_path, 7, keys=60, kills=6).run()
    assert tally.troubles == []
    assert (tally.stored, tally.kills) == (60, 6)


@pytest.mark.exhaustive
@pytest.mark.skipif(sys.platform == "win32", reason="processes are killed as on POSIX")
@pytest.mark.skipif(bool(why_no_dev_server()), reason=why_no_dev_server())
def test_what_killed_workers_of_temporal_created_is_there_once(tmp_path: Path) -> None:
    tally = TemporalKills(tmp_path, seed=11, keys=60, kills=4).run()
    assert tally.troubles == []
    assert (tally.stored, tally.kills) == (60, 4)


@pytest.mark.exhaustive
@pytest.mark.parametrize(("sandbox", "place"), [(3600.0, "celery")], indirect=True)
async def test_a_task_that_the_broker_does_not_take_back_is_not_dropped(
    place: Place, sandbox: MemoryServer
) -> None:
    task = place.folder / "announcements.py"
    text = task.read_text(encoding="utf-8").replace("bind=True", "bind=True, base=RefusedOnce")
    task.write_text(f"from celery_refused import RefusedOnce\n{text}", encoding="utf-8")
    place.environment["PYTHONPATH"] += f"{os.pathsep}{PROGRAMS}"
    async with server_of("celery", place) as variables:
        place.environment.update(variables)
        async with place.process(*WORKERS["celery"]):
            await place.run(str(PROGRAMS / "celery_refused.py"))
    assert contents(sandbox) == ["first"]


@pytest.mark.skipif(sys.platform == "win32", reason="workers are killed as POSIX does it")
async def test_dbos(place: Place, sandbox: MemoryServer) -> None:
    program = str(PROGRAMS / "dbos_tasks.py")
    async with place.process(program, "kill") as killed, asyncio.timeout(PATIENCE):
        assert await killed.wait() in {-signal.SIGKILL, 0}, place.log
    await place.run(program, "end")
    assert contents(sandbox) == ["first", "second"]
    assert sandbox.refusals == 0
    assert "InvalidPostError" in place.log.rpartition("done [")[2]


@pytest.mark.skipif(sys.platform == "win32", reason="not tried there")
async def test_dagster(place: Place, sandbox: MemoryServer) -> None:
    (place.folder / "home").mkdir()
    place.environment["DAGSTER_HOME"] = str(place.folder / "home")
    program = str(PROGRAMS / "dagster_tasks.py")
    await place.run(program, "put")
    async with place.process(program, "send"):
        await until(lambda: len(sandbox.posts) > 1)
    assert contents(sandbox) == ["first", "second"]
    assert sandbox.refusals == 0
    assert "1 problem, nothing was sent" in place.log


@pytest.mark.skipif(sys.platform == "win32", reason="Airflow does not run there")
async def test_airflow(place: Place, sandbox: MemoryServer) -> None:
    program = place.folder / "dags" / "airflow_tasks.py"
    program.parent.mkdir()
    shutil.copy(PROGRAMS / program.name, program)
    place.environment.update(
        AIRFLOW_HOME=str(place.folder),
        AIRFLOW__CORE__DAGS_FOLDER=str(program.parent),
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
    )
    await place.run("-m", "airflow", "db", "migrate")
    await place.run(str(program))
    assert contents(sandbox) == ["first", "second"]
    assert sandbox.refusals == 0
    assert "1 problem, nothing was sent" in place.log


def test_the_page_says_which_versions_are_tried() -> None:
    tried = re.findall(r"\w+=[\w-]+==([\d.]+)", (ROOT / ".ci" / "run").read_text(encoding="utf-8"))
    assert len(tried) == 4
    assert [each for each in tried if f" {each}" not in PAGE] == []
