"""`postiz-async` and `python -m postiz_async`."""

from __future__ import annotations

import json
import sys

from postiz_async._extras import extra_needed

_EXTRA = {"cyclopts", "rich", "tzlocal"}


def main() -> None:
    """Run the command line, or say in one sentence what it needs."""
    try:
        from postiz_async._cli.app import run  # noqa: PLC0415  (needs the extra)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        needed = extra_needed("The command line needs", "cli")
        if "--json" in sys.argv:
            said = {"type": "MissingExtra", "message": needed, "exit_code": 2}
            needed = json.dumps({"error": said, "version": 1})
        print(needed, file=sys.stderr)  # noqa: T201  (nothing better is there)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
