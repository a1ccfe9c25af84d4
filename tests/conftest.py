from __future__ import annotations

import compileall
import gc
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from _pytest.assertion import rewrite
from hypothesis import HealthCheck, given, settings, strategies
from recorded import TOPICS, Exchange, Recorded, exchanges, is_whole
from samples import PNG
from users_environment import hide

hide()

_MOST_CORES = 7
"""Each worker starts a PostgreSQL."""

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


def pytest_xdist_auto_num_workers() -> int:
    """Use one more than there are cores, which tests that wait for processes leave idle."""
    return min(os.cpu_count() or 1, _MOST_CORES) + 1


def pytest_configure(config: pytest.Config) -> None:
    """Compile a share of all files, and rewrite the asserts of tests.

    In a fresh clone each worker would do that for all of them, for seconds.
    """
    worker = getattr(config, "workerinput", None)
    if worker is None:
        return
    number, count = int(worker["workerid"].removeprefix("gw")), worker["workercount"]
    tests = Path(__file__).parent
    for path in sorted([*tests.rglob("*.py"), *tests.parent.glob("postiz_async/**/*.py")])[
        number::count
    ]:
        if path.name.startswith(("test_", "conftest")):
            _rewrite_asserts(path, config)
        else:
            compileall.compile_file(path, quiet=2)


def _rewrite_asserts(path: Path, config: pytest.Config) -> None:
    """Do what pytest does when it imports a file, and keep the result where it does."""
    cached = rewrite.get_cache_dir(path) / f"{path.stem}{rewrite.PYC_TAIL}"
    if rewrite._read_pyc(path, cached) is None and rewrite.try_makedirs(cached.parent):
        state = config.stash[rewrite.assertstate_key]
        source, code = rewrite._rewrite_test(path, config)
        rewrite._write_pyc(state, code, source, cached)


# Journals sync each step to the disk, which no test looks at: a kill is not a loss of power.
_MEMORY = Path("/dev/shm")  # noqa: S108
_ENOUGH = 2 * 1024**3


def _can_be_used(folder: Path) -> bool:
    """Whether there is room, and programs may be written there and run."""
    if not os.access(folder, os.W_OK | os.X_OK) or os.statvfs(folder).f_flag & os.ST_NOEXEC:
        return False
    return shutil.disk_usage(folder).free > _ENOUGH


if "TMPDIR" not in os.environ and _MEMORY.is_dir() and _can_be_used(_MEMORY):
    tempfile.tempdir = os.environ["TMPDIR"] = str(_MEMORY)

# It takes a second to load the grammar of a format that no schema of ours has.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

# What is collected stays until the end: nobody needs to look at it for garbage.
gc.disable()

_NO_CLOCK = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("suite", max_examples=10, **_NO_CLOCK)
settings.register_profile("thorough", max_examples=400, **_NO_CLOCK)
settings.register_profile("long", max_examples=3_000, **_NO_CLOCK)
"""For tests that say nothing of their number of examples: `--hypothesis-profile=long`."""
settings.load_profile("suite")


@settings(database=None, max_examples=1)
@given(strategies.none())
def _start_hypothesis(_: None) -> None:
    """At its first example it looks for what refers to its generator of random numbers."""


def pytest_collection_finish() -> None:
    _start_hypothesis()  # what is frozen is not found, and that would be a warning
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)  # parsing sources makes as much garbage in a moment
    gc.enable()


@pytest.fixture(scope="session")
def recordings() -> list[tuple[str, Exchange]]:
    """Exchanges with a real server: (file and name, exchange)."""
    return [(f"{topic}: {each['name']}", each) for topic in TOPICS for each in exchanges(topic)]


@pytest.fixture
def answers(recordings: list[tuple[str, Exchange]]) -> list[Recorded]:
    """The recorded exchanges that have an answer with a body that was written down."""
    return [Recorded(name, exchange) for name, exchange in recordings if is_whole(exchange)]


@pytest.fixture
def interrupts() -> Iterator[None]:
    """Ctrl-C is heard, also by a suite that a shell runs behind `&`."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy is named in the environment."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def png(tmp_path: Path) -> Callable[[str, bytes], Path]:
    """Makes a PNG file with this name and this end."""

    def make(name: str = "picture.png", tail: bytes = b"") -> Path:
        path = tmp_path / os.fsdecode(name.encode())
        path.write_bytes(PNG + tail)
        return path

    return make
