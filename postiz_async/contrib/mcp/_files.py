"""Files that tools may read: those below one folder."""

from __future__ import annotations

import logging
from pathlib import Path

from postiz_async.contrib.mcp._plans import ToolError

log = logging.getLogger("postiz_async.mcp")


def find_below(root: Path | None, name: str, option: str) -> Path:
    """The real path of a file below a folder; links and `..` are followed before it is judged.

    Args:
        root: the folder; None: no file may be read.
        name: the file, relative to the folder or absolute.
        option: the option that names the folder.

    Raises:
        ToolError: the file is elsewhere, or not there.
    """
    if root is None:
        raise ToolError(f"This server reads no files: it was started without {option}.")
    top = root.resolve()
    try:
        path = (top / name).resolve()
        if path.is_relative_to(top) and path.is_file():
            return path
    except (OSError, RuntimeError, ValueError):  # a loop of links, a name that is none
        log.debug("%r is no path", name)
    raise ToolError(
        f"There is no file {name[:200]!r} below the folder of {option}. Give a path below it."
    )
