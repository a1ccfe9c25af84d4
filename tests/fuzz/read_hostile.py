"""Run a command on files, in this process; say of each in a line of JSON what became of it.

Run: python tests/fuzz/read_hostile.py COMMAND FILE...
"""

from __future__ import annotations

import contextlib
import io
import json
import resource
import sys
import traceback
from pathlib import Path

from postiz_async._cli.app import run

__all__ = ["peak"]


def peak() -> float:
    """The most memory that this process took so far, in MB."""
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage says is also that of the process before
        return int(status.read_text(encoding="utf-8").partition("VmHWM:")[2].split()[0]) / 1e3
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / 1e6 if sys.platform == "darwin" else most / 1e3


if __name__ == "__main__":
    for path in sys.argv[2:]:
        out, code = io.StringIO(), -1
        print(json.dumps({"begins": path}), flush=True)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            try:
                code = run([*sys.argv[1].split(), path])
            except BaseException:  # noqa: BLE001  (what it raises is the finding)
                out.write(traceback.format_exc())
        said = {"file": path, "code": code, "said": out.getvalue(), "peak": peak()}
        print(json.dumps(said), flush=True)
