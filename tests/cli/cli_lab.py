"""Running commands in this process, and campaigns to run them on."""

from __future__ import annotations

import asyncio
import csv
import json
import math
import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, TextIO

from jsonschema import Draft202012Validator

from postiz_async._sandbox import HttpRequest, MemoryServer, Response
from postiz_async.clock import AcceleratedClock, Anchor
from postiz_async.schemas import ERRORS, schema_of

__all__ = [
    "Cli",
    "Result",
    "Revoking",
    "Withholding",
    "misfits",
    "read_until_stopping",
    "write_campaign",
]


def misfits(command: str, document: object) -> list[str]:
    """What of a document its schema does not describe; keys that it does not name, too."""
    errors = _checker(command).iter_errors(document)
    return [f"{error.json_path}: {error.message}" for error in errors]


@cache
def _checker(command: str) -> Draft202012Validator:
    schema = deepcopy(schema_of(command))
    objects: Any = schema["$defs"]
    for described in objects.values():
        described.setdefault("additionalProperties", False)
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


@dataclass(frozen=True)
class Result:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        """What the last line of stderr says to programs."""
        said = json.loads(self.err.splitlines()[-1])
        assert misfits(ERRORS, said) == []
        assert said["error"]["exit_code"] == self.code
        return said["error"]


Cli = Callable[..., Result]


def write_campaign(path: Path, *rows: Sequence[str], columns: str = "") -> Path:
    """A CSV file; each row is integration, date, content unless the columns are named."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow((columns or "channel,date,content").split(","))
        writer.writerows(rows)
    return path


def read_until_stopping(pipe: TextIO | None) -> str:
    """What a command writes there until it says that it stops."""
    assert pipe is not None
    said = ""
    while "Stopping" not in said:
        line = pipe.readline()
        assert line, f"it ended, having said {said}"
        said += line
    return said


class Revoking(MemoryServer):
    """A sandbox that takes its key no more after two requests of a method were answered."""

    def __init__(self, method: str) -> None:
        super().__init__(api_key="sandbox-key-5d1f0c77")
        self._method = method
        self._left = math.inf

    def begin(self) -> None:
        """Count from now on."""
        self._left = 2

    async def handle(self, request: HttpRequest) -> Response:
        response = await super().handle(request)
        self._left -= request.method == self._method
        if self._left <= 0:
            self.organization.api_key = "another"
        return response


class Withholding(MemoryServer):
    """A sandbox that carries creates out, and answers none until it may."""

    def __init__(self) -> None:
        start = Anchor(time.time(), datetime(2027, 1, 14, 9, tzinfo=UTC).timestamp())
        super().__init__(clock=AcceleratedClock(1, anchor=start), work_per_post=0.0)
        self.may_answer = asyncio.Event()

    async def handle(self, request: HttpRequest) -> Response:
        before = len(self.creates)
        response = await super().handle(request)
        if len(self.creates) > before:
            await self.may_answer.wait()
        return response
