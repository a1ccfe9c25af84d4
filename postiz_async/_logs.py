"""Messages that say which organisation they are about."""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any, TypeAlias

Log: TypeAlias = logging.Logger | logging.LoggerAdapter[logging.Logger]


def whose(organization: str) -> str:
    """The beginning of a message about an organisation; empty: it has no name."""
    return f"{organization!r}: " if organization else ""


class _OrganizationLog(logging.LoggerAdapter[logging.Logger]):
    """A logger whose messages begin with the name of an organisation."""

    def __init__(self, log: logging.Logger, organization: str) -> None:
        super().__init__(log, {})
        self._whose = whose(organization).replace("%", "%%")

    def process(
        self, msg: object, kwargs: MutableMapping[str, Any]
    ) -> tuple[str, MutableMapping[str, Any]]:
        return f"{self._whose}{msg}", kwargs


def log_of(log: logging.Logger, organization: str) -> Log:
    """A logger whose messages begin with the name of an organisation; empty: it has none."""
    return _OrganizationLog(log, organization) if organization else log
