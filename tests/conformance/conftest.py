from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from processes import PATIENCE
from users_environment import HIDDEN

PACKAGES = [
    "@nest-lab/throttler-storage-redis@1.2.0",
    "@nestjs/common@11.2.10",
    "@nestjs/core@11.2.10",
    "@nestjs/throttler@6.5.0",
    "ioredis@5.11.1",
    "reflect-metadata@0.2.2",
    "rxjs@7.8.2",
    "twitter-text@3.1.0",
]

_OLDEST_NODE = 20
"""Of NestJS 11."""

_LINES = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    marker = "conformance: compares with the original packages; needs npm and POSTIZ_CONFORMANCE=1"
    config.addinivalue_line("markers", marker)
    config.stash[_LINES] = []


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for line in config.stash[_LINES]:
        terminalreporter.write_line(line)


@pytest.fixture
def tell(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """Adds a line to the end of pytest's output."""
    return pytestconfig.stash[_LINES].append


@pytest.fixture
def first_seed() -> int:
    """The seed of the first trace, from which the others count up, and of the fresh texts."""
    return int(os.environ.get("POSTIZ_CONFORMANCE_SEED") or random.randrange(2**32))  # noqa: S311


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the original packages."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            pytest.skip(f"no {program} on the PATH")
    version = subprocess.run(
        ["node", "--version"], capture_output=True, text=True, check=True
    ).stdout
    if int(version.removeprefix("v").partition(".")[0]) < _OLDEST_NODE:
        pytest.skip(f"the packages want Node.js {_OLDEST_NODE}, and this is {version.strip()}")
    folder = tmp_path_factory.mktemp("packages")
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"]
    command += ["--prefix", str(folder), *PACKAGES]
    try:
        subprocess.run(
            command,
            cwd=folder,
            env=os.environ | HIDDEN,  # proxies
            capture_output=True,
            text=True,
            check=True,
            timeout=PATIENCE,
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm install did not end within {PATIENCE:.0f} s")
    except subprocess.CalledProcessError as error:
        said = " / ".join(error.stderr.splitlines()[:3])
        pytest.skip(f"npm install failed: {said}")
    return folder
