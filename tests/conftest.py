from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from postiz_async.wire import WireResponse

Recording = dict[str, Any]

_RECORDINGS = Path(__file__).parents[1].parent / "shared" / "recordings"


@pytest.fixture(scope="session")
def recordings() -> list[tuple[str, Recording]]:
    """Exchanges with a real server: (file and name, exchange)."""
    if not _RECORDINGS.is_dir():
        pytest.skip("the recordings of the real server are not beside this repository")
    return [
        (f"{path.name}: {exchange['name']}", exchange)
        for path in sorted(_RECORDINGS.glob("*.json"))
        for exchange in json.loads(path.read_text(encoding="utf-8"))
    ]


@pytest.fixture
def answers(recordings: list[tuple[str, Recording]]) -> Iterator[list[Recorded]]:
    """The recorded exchanges that have an answer with a body that was written down."""
    yield [Recorded(name, exchange) for name, exchange in recordings if _is_whole(exchange)]


def _is_whole(exchange: Recording) -> bool:
    response = exchange["response"]
    if not isinstance(response, dict):
        return False
    body = response["body"]
    return not (isinstance(body, str) and body.startswith("<"))


class Recorded:
    """One recorded exchange."""

    def __init__(self, name: str, exchange: Recording) -> None:
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


PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\6\0\0\0\x1f\x15\xc4\x89"
MP4 = b"\0\0\0\x1cftypisom\0\0\2\0isomiso2mp41"


@pytest.fixture
def png(tmp_path: Path) -> Callable[[str, bytes], Path]:
    """Makes a PNG file with this name and this end."""

    def make(name: str = "picture.png", tail: bytes = b"") -> Path:
        path = tmp_path / name
        path.write_bytes(PNG + tail)
        return path

    return make
