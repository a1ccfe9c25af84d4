"""Exchanges that were recorded with a real server."""

from __future__ import annotations

import json
from typing import Any

from postiz_async._wire import WireResponse

Exchange = dict[str, Any]


def is_whole(exchange: Exchange) -> bool:
    """Whether there was an answer, and its body was written down."""
    response = exchange["response"]
    if not isinstance(response, dict):
        return False
    body = response["body"]
    return not (isinstance(body, str) and body.startswith("<"))


class Recorded:
    """One recorded exchange."""

    def __init__(self, name: str, exchange: Exchange) -> None:
        self.name = name
        self.method: str = exchange["request"]["method"]
        self.path: str = exchange["request"]["path"]
        self.status: int = exchange["response"]["status"]
        self.headers = {k.lower(): v for k, v in exchange["response"]["headers"].items()}
        self.body: Any = exchange["response"]["body"]

    @property
    def response(self) -> WireResponse:
        body = b"" if self.body in ("", None) else json.dumps(self.body).encode()
        return WireResponse(self.status, self.headers, body)
