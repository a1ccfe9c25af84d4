"""`postiz-async` and `python -m postiz_async`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line."""
    try:
        from postiz_async._cli.app import run  # noqa: PLC0415  (Ctrl-C may come meanwhile)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
