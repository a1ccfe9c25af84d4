"""`postiz-async` and `python -m postiz_async`."""

from __future__ import annotations

import importlib.util
import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line, or say in one sentence what it needs."""
    if any(importlib.util.find_spec(name) is None for name in ("cyclopts", "rich")):
        sys.exit("postiz-async needs the cli extra: python -m pip install 'postiz-async[cli]'")
    from postiz_async.cli.app import run  # noqa: PLC0415  (needs the extra)

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
