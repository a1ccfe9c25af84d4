"""From nothing to the end of the demo with uv, and how large what is installed is.

Each program starts on a machine as good as new, with an empty home and empty caches; uv and Python,
and for the official command Node and npm, are there. The package is a wheel of this tree. All else
comes over the network, from the indexes that uv and npm are configured with here, and the seconds
are those of that network, too. The demo takes what its hours take at 600 times their speed.
Baseline: the official command, which has no demo, until it has printed its help; ours too.
Run: python benchmarks/first_minute.py (some minutes)
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

from comparison import CLI
from figures import Figure, note, skip

TREE = Path(__file__).resolve().parents[1]
EXTRAS = tomllib.loads((TREE / "pyproject.toml").read_text(encoding="utf-8"))["project"][
    "optional-dependencies"
]
CONFIGURED = {
    "UV_CONFIG_FILE": Path.home() / ".config" / "uv" / "uv.toml",
    "NPM_CONFIG_USERCONFIG": Path.home() / ".npmrc",
}
"""What says where packages come from; it stays when the home is another."""


def new_machine(folder: Path) -> dict[str, str]:
    """An environment with an empty home, in which all caches are."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    kept |= {name: str(path) for name, path in CONFIGURED.items() if path.is_file()}
    caches = {"UV_CACHE_DIR": str(folder / "uv"), "NPM_CONFIG_CACHE": str(folder / "npm")}
    return kept | caches | {"HOME": str(folder), "UV_PYTHON_DOWNLOADS": "never"}


def seconds(*command: str) -> float | str:
    """Seconds that a program takes on a new machine, or the last line of why it failed."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        done = subprocess.run(
            command,
            cwd=folder,
            env=new_machine(Path(folder)),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        taken = time.perf_counter() - began
    print(f"  {taken:6.1f} s  {' '.join(Path(word).name for word in command)}")
    if done.returncode:
        return (done.stdout.strip().splitlines() or ["it said nothing"])[-1]
    return taken


def installed(*command: str) -> float:
    """The megabytes that a command installs into the folder that follows it."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([*command, folder], check=True, capture_output=True)
        files = (path for path in Path(folder).rglob("*") if path.is_file())
        return sum(path.lstat().st_size for path in files) / 1e6


def official(npm: str | None, npx: str | None) -> tuple[float, float] | None:
    """Seconds until the official command has printed its help, and its megabytes."""
    if npm is None or npx is None:
        skip(f"{CLI}: npm is not on this machine")
        return None
    taken = seconds(npx, "--yes", CLI, "--help")
    if isinstance(taken, str):
        skip(f"{CLI}: npm cannot run it: {taken}")
        return None
    return taken, installed(npm, "install", CLI, "--prefix")


def main() -> None:
    uv = shutil.which("uv")
    if uv is None:
        skip("uv is not on this machine")
        return
    print("Packages come from the configured indexes, over the network of this machine.")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([uv, "build", "--quiet", "--wheel", "-o", folder, str(TREE)], check=True)
        [wheel] = map(str, Path(folder).glob("*.whl"))
        uvx = (uv, "tool", "run", "--python", sys.executable, "--from", wheel, "postiz-async")
        demo, ours = seconds(*uvx, "demo"), seconds(*uvx, "--help")
        assert isinstance(demo, float), demo
        assert isinstance(ours, float), ours
        pip = (uv, "pip", "install", "--python", sys.executable)
        sizes = {
            extra: installed(*pip, f"{wheel}[{extra}]" if extra else wheel, "--target")
            for extra in ["", *sorted(EXTRAS.keys() - {"test"})]
        }
    size = sizes.pop("")
    theirs = official(shutil.which("npm"), shutil.which("npx"))
    figures = [Figure(name="from nothing to the demo's last line", value=demo, unit="s")]
    for name, value, unit, base in (
        ("from nothing to the help", ours, "s", theirs and theirs[0]),
        ("installed", size, "MB", theirs and theirs[1]),
    ):
        figures.append(
            Figure(name=name, value=value, unit=unit, baseline=CLI if base else "", base=base)
        )
    figures += [
        Figure(name=f"the extra {extra} adds", value=both - size, unit="MB")
        for extra, both in sizes.items()
    ]
    for figure in map(note, figures):
        beside = f"   {figure.baseline}: {figure.base:.1f} {figure.unit}" if figure.base else ""
        print(f"{figure.name:40} {figure.value:7.1f} {figure.unit}{beside}")


if __name__ == "__main__":
    main()
