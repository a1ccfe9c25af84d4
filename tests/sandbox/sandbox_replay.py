"""Replaying recorded exchanges with a real server into the sandbox.

The recordings are a selection: some requests that were made between two recorded ones are left
out. What they did to the server is made up for before the next exchange, in three ways: create
calls that were counted are counted, posts that a list shows and nobody created are added, and
changes made by hand on the server are made by hand here (`sandbox_unrecorded.py`). Ids differ;
they are mapped when they first appear.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qsl

from sandbox_lab import ORGANIZATIONS, Lab, file_of, raw_body
from uncounted import BEGUN_BEFORE, EMPTIED, UNRECORDED

from postiz_async._sandbox import FormError, HttpRequest, Response
from postiz_async._sandbox.publishing import store_post
from postiz_async._sandbox.rows import PostRow

Exchange = dict[str, Any]

_PATTERNS = (
    (re.compile(r"\bc[0-9a-z]{24}\b"), "<row>"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "<uuid>"),
    (re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\b"), "<moment>"),
    (re.compile(r"\b[0-9a-f]{31,36}\.(?=[a-z0-9]+$)"), "<name>."),
    (re.compile(r"/\d{4}/\d\d/\d\d/"), "/<day>/"),
    (re.compile(r"\bpc[ads]_[0-9A-Za-z]+"), "<client>"),
    (re.compile(r"code=[0-9A-Za-z]{32}"), "code=<code>"),
)
_MAPPED = {"id", "postId", "group", "clientId", "client_id", "access_token", "redirect", "path"}
"""Keys whose values are chosen by the server and may come back in later requests."""

_SHAPED = {"createdAt", "updatedAt", "deletedAt", "tokenExpiration", "name", "url"}
_SECRET = {"token", "refreshToken", "client_id_issued_at"}
_RATE = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "Retry-After")


def _code(redirect: str) -> str:
    return redirect.partition("code=")[2].partition("&")[0] or redirect


def shape(text: str) -> str:
    for pattern, name in _PATTERNS:
        text = pattern.sub(name, text)
    return text


@dataclass
class Names:
    """What the server called something, and what the sandbox calls it."""

    known: dict[str, str] = field(default_factory=dict)

    def translate(self, value: Any) -> Any:
        if isinstance(value, str):
            for recorded, ours in self.known.items():
                value = value.replace(recorded, ours)
            return value
        if isinstance(value, list):
            return [self.translate(item) for item in value]
        if isinstance(value, dict):
            return {key: self.translate(item) for key, item in value.items()}
        return value

    def differences(self, recorded: Any, ours: Any, key: str = "body") -> list[str]:
        if isinstance(recorded, dict) and isinstance(ours, dict):
            if list(recorded) != list(ours):
                return [f"{key}: keys {list(recorded)} are {list(ours)}"]
            pairs = [(name, recorded[name], ours[name]) for name in recorded]
            return [each for name, a, b in pairs for each in self.differences(a, b, name)]
        if isinstance(recorded, list) and isinstance(ours, list):
            if len(recorded) != len(ours):
                return [f"{key}: {len(recorded)} items are {len(ours)}: {ours!r:.300}"]
            pairs = zip(recorded, ours, strict=True)
            return [each for a, b in pairs for each in self.differences(a, b, key)]
        if type(recorded) is type(ours) and self._same(recorded, ours, key):
            return []
        return [f"{key}: {recorded!r:.300} is {ours!r:.300}"]

    def _same(self, recorded: Any, ours: Any, key: str) -> bool:
        if key in _SECRET or self.translate(recorded) == ours:
            return True
        if not isinstance(recorded, str):
            return False
        if recorded == "OAUTH_TOKEN":
            self.known[recorded] = ours
            return True
        if key == "url":
            return recorded.startswith("http") == ours.startswith("http")
        if key not in _MAPPED | _SHAPED or shape(recorded) != shape(ours):
            return False
        if key == "redirect":
            self.known[_code(recorded)] = _code(ours)
        if key in _MAPPED and recorded not in self.known:
            self.known[recorded] = ours
        return True


def _sorted(body: Any) -> Any:
    """Lists of posts have no defined order."""
    if isinstance(body, dict) and isinstance(body.get("posts"), list):
        return {"posts": sorted(body["posts"], key=lambda post: (post["publishDate"], post["id"]))}
    return body


def _without_prose(body: Any) -> Any:
    """What networks tell in words is ours; that there are words, and everything else, is theirs."""
    output = body.get("output") if isinstance(body, dict) else None
    if not isinstance(output, dict):
        return body
    facts = {key: _facts(output[key]) for key in ("settings", "tools")}
    return {"output": output | facts | {"rules": bool(output["rules"])}}


def _facts(schema: Any) -> Any:
    """A schema without order, descriptions, and the spelling of the pattern for links."""
    if isinstance(schema, list):
        return [_facts(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    facts = {key: _facts(schema[key]) for key in sorted(schema) if key != "description"}
    if "https?:" in str(facts.get("pattern")):
        facts["pattern"] = "<link>"
    return facts


class Replay:
    """One topic, played into one lab."""

    def __init__(self, lab: Lab, names: Names) -> None:
        self.lab = lab
        self.sandbox = lab.sandbox
        self.names = names

    async def play(self, exchange: Exchange) -> list[str]:
        """Play one exchange; returns the differences."""
        recorded = exchange["response"]
        request = await self.request(exchange["request"])
        if recorded is None:
            return await self._play_hanging(request)
        self._set_clock(exchange)
        self._add_missing_posts(exchange)
        self._count_unrecorded(exchange)
        response = await self.sandbox.handle(request)
        return self._compare(recorded, response)

    async def _play_hanging(self, request: HttpRequest) -> list[str]:
        with self.sandbox.clock.move_on_after(15):
            response = await self.sandbox.handle(request)
            return [f"an answer: {response.status}"]
        return []

    async def request(self, recorded: dict[str, Any]) -> HttpRequest:
        query = recorded["query"] or {}
        pairs = (
            parse_qsl(query, keep_blank_values=True)
            if isinstance(query, str)
            else [(name, str(value)) for name, value in query.items()]
        )
        headers = {name.lower(): value for name, value in (recorded["headers"] or {}).items()}
        if headers.get("authorization") == "":
            del headers["authorization"]
        headers = self.names.translate(headers)
        if headers.get("authorization", "").startswith("OAUTH_TOKEN"):
            headers["authorization"] = "pos_unknown"
        body = self.names.translate(recorded["body"])
        is_form = "multipart" in headers.get("content-type", "")
        file = await file_of(body, headers) if is_form else None
        data = b"" if file or body is None else raw_body(body, headers)
        return HttpRequest(
            recorded["method"],
            self.names.translate(recorded["path"]),
            tuple(self.names.translate(list(pair)) for pair in pairs),
            headers,
            data,
            file if not isinstance(file, str) else FormError(file),
        )

    def _set_clock(self, exchange: Exchange) -> None:
        """Let the sandbox show the time at which the server answered."""
        date = (exchange["response"]["headers"] or {}).get("Date")
        moment = self.lab.moment_of(exchange)
        if moment is None and date is not None:
            moment = parsedate_to_datetime(date).timestamp() + 0.5
        if moment is not None:
            self.lab.clock.advance(max(0.0, moment - self.lab.clock.time()))

    def _count_unrecorded(self, exchange: Exchange) -> None:
        """Count the creates that were made and not recorded."""
        place = (self.lab.topic, exchange["name"])
        key = exchange["request"]["headers"].get("Authorization")
        if place in EMPTIED:
            self.lab.empty(key)
        if place in BEGUN_BEFORE:
            self.lab.begin_window(key, int(exchange["response"]["headers"]["X-RateLimit-Reset"]))
        self.lab.count(key, UNRECORDED.get(self.lab.topic, {}).get(exchange["name"], 0))

    def _add_missing_posts(self, exchange: Exchange) -> None:
        body = exchange["response"]["body"]
        key = exchange["request"]["headers"].get("Authorization")
        if not isinstance(body, dict) or not isinstance(body.get("posts"), list):
            return
        for post in body["posts"]:
            if self.names.known.get(post["id"]) is None and key in ORGANIZATIONS:
                self._add(key, post)
                self.names.known[post["id"]] = post["id"]

    def _add(self, key: str, shown: dict[str, Any]) -> None:
        state = self.sandbox._state
        organization = self.lab.organizations[key]
        date = datetime.fromisoformat(shown.get("actualDate", shown["publishDate"]))
        tags = tuple(each["tag"]["id"] for each in shown["tags"])
        post = PostRow(
            id=shown["id"],
            channel_id=shown["integration"]["id"],
            content=shown["content"],
            image="[]",
            settings=shown.get("settings") or '{"__type":"x"}',
            date=round(date.timestamp() * 1000),
            state=shown["state"],
            group=shown["group"],
            interval=shown["intervalInDays"],
            tags=tags,
            creation_method=shown["creationMethod"],
            release_id=shown["releaseId"],
            release_url=shown["releaseURL"],
            created_at=state.now,
            updated_at=state.now,
        )
        store_post(state, organization, post)

    def _compare(self, recorded: dict[str, Any], response: Response) -> list[str]:
        differences = []
        if response.status != recorded["status"]:
            differences.append(f"status: {recorded['status']} is {response.status}")
        differences += self._compare_headers(recorded["headers"] or {}, response)
        body = recorded["body"]
        if isinstance(body, str) and body.startswith("<"):
            return differences  # described, not recorded
        ours = json.loads(response.body) if response.body else ""
        body, ours = _without_prose(_sorted(body)), _without_prose(_sorted(ours))
        return differences + self.names.differences("" if body is None else body, ours)

    def _compare_headers(self, recorded: dict[str, str], response: Response) -> list[str]:
        differences = []
        for name in _RATE:
            ours, theirs = response.header(name), recorded.get(name)
            # the time of a recording is known to the second only
            near = name in {"X-RateLimit-Reset", "Retry-After"}
            if ours == theirs or (near and ours and theirs and abs(int(ours) - int(theirs)) <= 1):
                continue
            differences.append(f"{name}: {theirs} is {ours}")
        fixed = ("X-Powered-By", "Content-Type", "logout")
        if "X-Powered-By" in recorded:
            differences += [
                f"{name}: {recorded.get(name)} is {response.header(name)}"
                for name in fixed
                if response.header(name) != recorded.get(name)
            ]
        return differences
