"""The environment of the tests: what somebody set for programs of theirs does not reach ours."""

from __future__ import annotations

import os
import re

__all__ = ["HIDDEN", "hide"]

_OF_USERS = (
    "POSTIZ_(?!CHROMIUM$|CONFORMANCE|DIST$|ENGINES$|HOST_|KILL|SITE$)",  # but those of the tests
    *("(ALL|FTP|HTTPS?|NO|WSS?)_PROXY$", "NETRC$", "SSL_CERT_", "SSLKEYLOGFILE$"),
    *("CLICOLOR", "COLORTERM$", "COLUMNS$", "FORCE_COLOR$", "LINES$", "NO_COLOR$", "TTY_"),
    *("AIRFLOW_", "CELERY_", "DAGSTER_", "DBOS_", "DJANGO_", "DRAMATIQ_", "FLASK_", "PREFECT_"),
    *("FORWARDED_ALLOW_IPS$", "UVICORN_", "WEB_CONCURRENCY$"),
    *("DATABASE_URL$", "GIT_", "OTEL_", "PG[A-Z]+$", "REDIS_URL$", "TEMPORAL_"),
    "PYTHON(ASYNCIODEBUG|DEVMODE|INSPECT|IOENCODING|OPTIMIZE|PROFILEIMPORTTIME|UTF8|VERBOSE)$",
    "PYTHONWARNINGS$",
)
_OURS = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "NETRC": os.devnull}

HIDDEN: dict[str, str] = {}
"""What was there, for tools that fetch something."""


def hide() -> None:
    """Take it out of this process, and so out of those that it starts."""
    matches = re.compile("|".join(_OF_USERS), re.IGNORECASE).match
    for name in [name for name in os.environ if matches(name)]:
        HIDDEN[name] = os.environ.pop(name)
    os.environ.update(_OURS)
