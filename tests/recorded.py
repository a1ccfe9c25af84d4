"""What a real server said: exchanges with it, its verdicts, lengths and texts, in tests/facts.

`make_facts.py` makes the files, and says how they are written in short.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from postiz_async._wire import WireResponse

FACTS = Path(__file__).parent / "facts"
TOPICS = sorted(path.stem for path in (FACTS / "exchanges").glob("*.jsonl"))

HEADERS = {
    "X-Powered-By": "Express",
    "Vary": "Origin, Accept-Encoding",
    "Content-Type": "application/json; charset=utf-8",
    "ETag": 'W/"of the body"',
}
"""Of an answer; the files have what differs, and null for those that were not there."""

BODY = {"type": "schedule", "date": "2030-01-01T10:00:00.000Z", "shortLink": False, "tags": []}
"""Of most requests that were validated; the file has their posts, and others whole."""

Exchange = dict[str, Any]


def facts(name: str) -> list[Any]:
    """The lines of a file."""
    lines = (FACTS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [long(json.loads(each)) for each in lines]


def exchanges(topic: str) -> list[Exchange]:
    """Recorded exchanges, in their order."""
    found: list[Exchange] = facts(f"exchanges/{topic}")
    for exchange in found:
        request, response = exchange["request"], exchange["response"]
        exchange["request"] = usual_request(request.get("body")) | request
        if response is not None:
            headers = HEADERS | response["headers"]
            response["headers"] = {name: each for name, each in headers.items() if each is not None}
    return found


def usual_request(body: object) -> dict[str, Any]:
    """What most requests with this body have."""
    headers = {"Authorization": "API_KEY"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    return {"query": {}, "headers": headers, "body": None}


def verdicts() -> list[dict[str, Any]]:
    """Requests to create posts, and what was said about them."""
    usual = {"additional_settings": [], "message": None}
    return [
        usual | case | {"body": case.get("body") or BODY | {"posts": case["posts"]}}
        for case in facts("verdicts")
    ]


def long(value: Any) -> Any:
    """A value that was written in short."""
    if isinstance(value, list):
        return [long(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"joined"}:
        return "".join(p if isinstance(p, str) else p[0] * p[1] for p in value["joined"])
    if value.keys() == {"keys", "same", "rows"}:
        return [long(_entry(value, iter(row))) for row in value["rows"]]
    return {key: long(item) for key, item in value.items()}


def _entry(table: dict[str, Any], row: Any) -> dict[str, Any]:
    same = table["same"]
    return {key: same[key] if key in same else next(row) for key in table["keys"]}


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
