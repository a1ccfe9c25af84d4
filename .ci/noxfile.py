"""Checks by name, each in an environment of its own: `nox -f .ci/noxfile.py -s lint tests-3.14`.

They run the same scripts as .ci/run, which has to pass and does not need nox. Without `-s` these
are `lint`, `types`, and `tests` under the Python that runs nox. What follows `--` goes to pytest.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nox

ROOT = Path(__file__).parents[1]
PYTHONS = ["3.11", "3.12", "3.13", "3.14", "3.15"]

nox.needs_version = ">=2026.2.9"
nox.options.default_venv_backend = "uv"
nox.options.download_python = "never"
nox.options.envdir = str(ROOT / ".nox")
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "types", f"tests-{sys.version_info[0]}.{sys.version_info[1]}"]


def install(session: nox.Session, *what: str) -> None:
    """Install this and what it names, in the versions of constraints.txt; then go to the root."""
    session.chdir(ROOT)
    session.install("-c", "constraints.txt", *what)


@nox.session
def lint(session: nox.Session) -> None:
    """Style, form and spelling."""
    install(session, "--group", "dev")
    session.run("bash", ".ci/lint", external=True)


@nox.session
def types(session: nox.Session) -> None:
    """mypy, pyright and ty."""
    install(session, "-e", ".[test]", "--group", "dev")
    session.run("bash", ".ci/types", external=True)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """The suite."""
    install(session, "-e", ".[test]")
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation as a site, in the folder `site`."""
    install(session, ".", "--group", "docs")
    session.run("bash", ".ci/site", "site", external=True)
