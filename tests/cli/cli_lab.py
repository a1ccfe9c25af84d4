"""Running commands in this process, and campaigns to run them on."""

from __future__ import annotations

import asyncio
import csv
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import msgspec
from jsonschema import Draft202012Validator

from postiz_async import Quota
from postiz_async._sandbox import HttpRequest, MemoryServer, Response
from postiz_async.clock import AcceleratedClock, Anchor
from postiz_async.doctor import CheckResult
from postiz_async.models.channels import Channel, ChannelSettings, Group
from postiz_async.models.insights import Metric, Notification
from postiz_async.models.media import ListedMedia, Media
from postiz_async.models.oauth import Token
from postiz_async.models.posts import Created, MissingRelease, Post, PublishEvent
from postiz_async.models.users import Membership

__all__ = [
    "RETURNED",
    "Cli",
    "Result",
    "Revoking",
    "Withholding",
    "misfits",
    "read_until_stopping",
    "write_campaign",
]


RETURNED: dict[str, Any] = {
    "analytics channel": list[Metric],
    "analytics post": list[Metric],
    "channels connect": str,
    "channels delete": str,
    "channels find-slot": datetime,
    "channels groups": list[Group],
    "channels list": list[Channel],
    "channels settings": ChannelSettings,
    "doctor": list[CheckResult],
    "media list": list[ListedMedia],
    "media upload-url": list[Media],
    "media video": list[Media],
    "notifications": list[Notification],
    "oauth exchange": Token,
    "outbox prune": int,
    "posts create": list[Created],
    "posts delete-group": None,
    "posts get": Post,
    "posts list": list[Post],
    "posts missing": list[MissingRelease],
    "posts release-id": None,
    "posts replace": list[Created],
    "posts settings": datetime,
    "posts status": str,
    "posts watch": PublishEvent,
    "quota": Quota,
    "users": list[Membership],
}
"""What Python returns, and the command prints; `posts watch` one a line."""


def _any(kind: type) -> dict[str, Any]:
    """The schema of `object`, for which msgspec has none."""
    assert kind is object
    return {"description": "any value"}


def misfits(command: str, printed: object) -> list[str]:
    """Why this is not the value of this command."""
    schema = msgspec.json.schema(RETURNED[command], schema_hook=_any)
    checker = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    return [f"{error.json_path}: {error.message}" for error in checker.iter_errors(printed)]


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
        assert said.keys() == {"error"}
        assert {"type", "message", "exit_code"} <= said["error"].keys()
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
