"""The server as it was when the exchanges were recorded."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import re
from collections.abc import Iterable
from typing import Any

from aiohttp import StreamReader
from aiohttp.base_protocol import BaseProtocol
from recorded import exchanges

from postiz_async._sandbox import FormError, MemoryServer, Organization, UploadedFile
from postiz_async._sandbox.http import read_form
from postiz_async._sandbox.rows import (
    ChannelRow,
    GroupRow,
    MemberRow,
    NotificationRow,
    TagRow,
)
from postiz_async._sandbox.throttle import Throttle
from postiz_async.clock import JumpingClock

ORGANIZATIONS = {
    "API_KEY": ("11111111-1111-4111-8111-111111111111", "Northwind Coffee"),
    "API_KEY_OTHER_ORG": ("22222222-2222-4222-8222-222222222222", "Other Org"),
    "API_KEY_THROTTLE_LAB": ("33333333-3333-4333-8333-333333333333", "Throttle Lab"),
    "API_KEY_BULK_LAB": ("44444444-4444-4444-8444-444444444444", "Bulk Lab"),
    "API_KEY_CONTENT_LAB": ("55555555-5555-4555-8555-555555555555", "Content Lab"),
}
_LAB_CHANNELS = {
    "API_KEY_THROTTLE_LAB": ("telegram", "linkedin"),
    "API_KEY_BULK_LAB": ("telegram", "mastodon"),
    "API_KEY_CONTENT_LAB": ("telegram", "mastodon"),
}
_BEGUN = 1_795_559_614_652
"""When the lab was set up, in milliseconds."""

_BROKEN_CHANNELS = {"cmmastodonrefresh00000001"}
_VERIFIED = '[{"title":"Verified","description":"","type":"checkbox","value":true}]'

_HEADS = {
    "png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "gif": b"GIF89a",
    "webp": b"RIFF\x1a\0\0\0WEBPVP8L",
    "bmp": b"BM:\0",
    "tiff": b"II*\0\x08\0\0\0",
    "mp4/mov": b"\0\0\0\x20ftypisom",
    "svg": b"<svg xmlns=",
    "pdf": b"%PDF-1.4",
    "mp3": b"ID3\x03",
    "text": b"hello world",
    "text/other": b"hello world",
}


class Lab:
    """A sandbox set up like the server of the recordings."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.scenario_began = _BEGUN / 1000
        self.clock = JumpingClock(start=self.scenario_began)
        is_short = topic == "throttling-short-window"
        self.sandbox = MemoryServer(
            api_key="API_KEY",
            clock=self.clock,
            release="v2.23.0" if topic.startswith("release-") else "HEAD",
            limit={"throttling": 30, "throttling-short-window": 5}.get(topic),
            window=20.0 if is_short else 3600.0,
            work_per_post=0.0,
            video_types=("veo3",) if topic.startswith("lab-") else (),
        )
        self.organizations = self._organizations()

    def _organizations(self) -> dict[str, Organization]:
        listed = {e["name"]: e["response"]["body"] for e in exchanges("reads") if e["response"]}
        organizations = {}
        for key, (organization_id, name) in ORGANIZATIONS.items():
            if key == "API_KEY":
                organization = self.sandbox.organization
            else:
                organization = self.sandbox.add_organization(api_key=key)
            organization.id, organization.name = organization_id, name
            organizations[key] = organization
            for provider in _LAB_CHANNELS.get(key, ()):
                number = organization_id[0]
                channel_id = f"cm{provider}org{number}"
                channel_id += "1".rjust(25 - len(channel_id), "0")
                entry = {"id": channel_id, "name": f"{name} {provider}", "identifier": provider}
                entry["picture"] = f"https://cdn.example.com/avatars/{provider}.png"
                self._add_channel(organization, entry | {"disabled": False, "profile": None})
        own, other = organizations["API_KEY"], organizations["API_KEY_OTHER_ORG"]
        own.session = "JWT"
        for group in listed["groups"]:
            own.groups[group["id"]] = GroupRow(group["id"], group["name"])
        for entry in listed["integrations"]:
            self._add_channel(own, entry)
        for entry in listed["integrations of the other organisation"]:
            self._add_channel(other, entry)
        for number, name in ((1, "launch"), (2, "news")):
            tag_id = f"dddddddd-0000-4000-8000-{number:012d}"
            own.tags[tag_id] = TagRow(tag_id, name, "#ff0000", _BEGUN)
        self._add_notifications(own, listed)
        found = ("users with super admin", "users with super admin, by email")
        for entry in (entry for name in found for entry in listed[name]):
            organization = next(
                o for o in organizations.values() if o.id == entry["organization"]["id"]
            )
            user = entry["user"]
            organization.members.append(
                MemberRow(
                    id=entry["id"],
                    user_id=user["id"],
                    email=user["email"],
                    name=user["name"],
                    role=entry["role"],
                    is_super_admin=user["email"].startswith("root@"),
                )
            )
        return organizations

    def _add_channel(self, organization: Organization, entry: dict[str, Any]) -> None:
        customer = entry.get("customer")
        organization.channels[entry["id"]] = ChannelRow(
            id=entry["id"],
            provider=entry["identifier"],
            name=entry["name"],
            picture=entry["picture"],
            profile=entry["profile"],
            internal_id=f"int-{entry['id']}",
            created_at=_BEGUN,
            updated_at=_BEGUN,
            disabled=entry["disabled"],
            group=organization.groups[customer["id"]] if customer else None,
            refresh_needed=entry["id"] in _BROKEN_CHANNELS,
            additional_settings=_VERIFIED if "verified" in entry["id"] else "[]",
        )

    def _add_notifications(self, organization: Organization, listed: dict[str, Any]) -> None:
        pages = (
            "notifications page 0 (default)",
            "notifications page 1",
            "notifications last page",
        )
        shown = [each for page in pages for each in listed[page]["notifications"]]
        begin = 1_790_812_800_000
        for number, each in enumerate(reversed(shown), start=1):
            created_at = begin + 60_000 * number
            organization.notifications.append(
                NotificationRow(each["id"], each["content"], each["link"], created_at)
            )

    def moment_of(self, exchange: dict[str, Any]) -> float | None:
        """Time of an exchange of a scenario; each scenario begins with a new window."""
        if "t" not in exchange:
            return None
        if exchange["t"] == 0:
            self._throttle()._windows.clear()
            self.scenario_began = self.clock.time()
        return float(self.scenario_began + exchange["t"])

    def count(self, key: str, creates: int) -> None:
        """Creates that were not recorded."""
        for _ in range(creates):
            self._throttle().hit(self._counter(key), self.clock.monotonic())

    def empty(self, key: str) -> None:
        """The counter of an organisation was emptied."""
        self._throttle()._windows.pop(self._counter(key), None)

    def begin_window(self, key: str, reset: int) -> None:
        """A window began, of which so many seconds are left by now, with one create."""
        throttle, counter = self._throttle(), self._counter(key)
        throttle.hit(counter, self.clock.monotonic() - (throttle.window - reset))

    def _counter(self, key: str) -> str:
        return self.organizations[key].id

    def _throttle(self) -> Throttle:
        throttle = self.sandbox._pipeline._throttle
        assert isinstance(throttle, Throttle)
        return throttle


def draft_of(size: int) -> bytes:
    """A valid draft of exactly this many bytes."""
    value = [{"content": "", "image": []}]
    posts = [{"integration": {"id": "cmmastodon000000000000001"}, "value": value}]
    body = {"type": "draft", "date": "2030-01-15T10:00:00.000Z", "shortLink": False, "tags": []}
    empty = json.dumps(body | {"posts": posts})
    value[0]["content"] = "a" * (size - len(empty))
    return json.dumps(body | {"posts": posts}).encode()


def raw_body(body: Any, headers: dict[str, str]) -> bytes:
    """The bytes that the client sent; the recordings describe some of them."""
    if not isinstance(body, str):
        return json.dumps(body).encode()
    found = re.search(r"\d+", body)
    number = int(found.group()) if found else 0
    if body.startswith("<one valid"):
        return draft_of(300)
    if body.startswith("<valid JSON"):
        return draft_of(number)
    if body.startswith("<gzip"):
        headers["content-encoding"] = "gzip"
        return gzip.compress(draft_of(307_200))
    if body.startswith("<form"):
        return b"a=" + b"x" * (102_402 - 2)
    if body.startswith("<"):
        return b"x" * number if number else b"\x89PNG"
    if "<FF><FE>" in body:
        return draft_of(300).replace(b"aaaa", b"x\xff\xfey", 1)
    return body.encode()


async def read_pieces(
    content_type: str, pieces: Iterable[bytes]
) -> UploadedFile | FormError | None:
    """Read a form whose body arrives in pieces."""
    loop = asyncio.get_running_loop()
    protocol = BaseProtocol(loop)
    protocol.connection_made(asyncio.Transport())
    content = StreamReader(protocol, 2**16, loop=loop)

    async def arrive() -> None:
        for piece in pieces:
            content.feed_data(piece)
            await asyncio.sleep(0)
        content.feed_eof()

    arriving = asyncio.create_task(arrive())
    try:
        return await read_form({"Content-Type": content_type}, content)
    finally:
        await arriving


async def file_of(body: Any, headers: dict[str, str]) -> UploadedFile | FormError | None:
    """The file of a multipart form; the recordings describe it."""
    if not isinstance(body, dict):
        cut = b"--BOUNDARY7d1a\r\nContent-Disposition: form-data; name="
        return await read_pieces(headers["content-type"], [cut])
    files = [part for part in body["multipart"] if part.get("filename")]
    if not files:
        return None
    if len(files) > 1:
        return FormError(f"Unexpected field - {files[1]['name']}")
    part = files[0]
    head = _HEADS[part["kind"]] if part.get("bytes", 69) else b""
    if part["filename"].endswith(".mov"):
        head = b"\0\0\0\x14ftypqt  "
    digest = hashlib.sha256(head).hexdigest()
    return UploadedFile(part["name"], part["filename"], part.get("bytes", 69), digest, head)
