"""Which tests execute which lines: a plugin of pytest that measures it, and what it measured."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from coverage import Coverage, CoverageData

PACKAGE = Path(__file__).parents[1] / "postiz_async"


class Measure:
    """The plugin of pytest that writes down which tests execute which lines."""

    def __init__(self, folder: Path) -> None:
        self.worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        self.folder = folder
        self.seconds: dict[str, float] = {}
        data = str(folder / f"lines-{self.worker}")
        self.coverage = Coverage(data, source=[str(PACKAGE)], config_file=False)
        self.coverage.start()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.coverage.switch_context(nodeid)

    def pytest_runtest_logreport(self, report: Any) -> None:
        before = self.seconds.get(report.nodeid, 0.0)
        self.seconds[report.nodeid] = before + (1e9 if report.failed else report.duration)

    def pytest_sessionfinish(self) -> None:
        self.coverage.stop()
        self.coverage.save()
        text = json.dumps(self.seconds)
        (self.folder / f"seconds-{self.worker}.json").write_text(text, encoding="utf-8")


def pytest_configure(config: Any) -> None:
    folder = os.environ.get("EXECUTED_LINES")
    if folder and (hasattr(config, "workerinput") or not config.getoption("numprocesses")):
        config.pluginmanager.register(Measure(Path(folder)))


class Tests:
    """What was measured."""

    def __init__(self, folder: Path) -> None:
        self.seconds: dict[str, float] = {}
        for path in folder.glob("seconds-*.json"):
            self.seconds |= json.loads(path.read_text(encoding="utf-8"))
        self.data = CoverageData(str(folder / "lines"), no_disk=True)
        for path in folder.glob("lines-*"):
            part = CoverageData(str(path))
            part.read()
            self.data.update(part)

    def of(self, module: Path, lines: tuple[int, ...], longest: float) -> dict[str, float]:
        """Quickest first, with their seconds; at most so many in all.

        Of the lines the first counts that any executes. What is executed by the import of a
        module, as its tables are, belongs to all tests of the module, of its package and of all.
        """
        by_line = self.data.contexts_by_lineno(str(module))
        every = {name for each in by_line.values() for name in each if name}
        folder = f"tests/{module.relative_to(PACKAGE).parts[0].strip('_')}/"
        every |= {n for n in self.seconds if n.startswith(folder) or n.count("/") == 1}
        names = next((found for line in lines if (found := {*by_line.get(line, ())} - {""})), every)
        chosen: dict[str, float] = {}
        for name in sorted(names & self.seconds.keys(), key=self.seconds.__getitem__):
            longest -= self.seconds[name]
            if longest < 0:
                break
            chosen[name] = self.seconds[name]
        return chosen
