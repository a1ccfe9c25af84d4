"""What shows progress must not end the work that it shows, nor fail in silence."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator


log = logging.getLogger("postiz_async.cli")


class DisplayGuard:
    """Tells the first error of a display on standard error; the work beside it goes on.

    Args:
        what: is displayed.
        level: of what is told; `--quiet`, which drops progress, keeps errors.
    """

    def __init__(self, what: str = "progress", level: int = logging.WARNING) -> None:
        self._what = what
        self._level = level
        self._is_told = False

    @contextmanager
    def __call__(self) -> Generator[None]:
        """Do something for the display; what it raises ends the block alone."""
        try:
            yield
        except Exception as error:
            if not self._is_told:
                self._is_told = True
                kind = type(error).__name__
                said = "%s is not shown any more (%s: %s); the work goes on"
                log.log(self._level, said, self._what, kind, error)
                log.debug("the error of the display", exc_info=True)
