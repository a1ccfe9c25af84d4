"""Uploads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postiz_async.sandbox.dates import day_of
from postiz_async.sandbox.exchange import FormError, Response, json_response
from postiz_async.sandbox.kinds import FileKind, kind_of
from postiz_async.sandbox.refusals import bad_request, invalid, plain
from postiz_async.sandbox.rows import MediaRow
from postiz_async.sandbox.rules import MISSING, as_mapping, defined, to_text
from postiz_async.sandbox.urls import EXTENSION_RULE, has_media_extension

if TYPE_CHECKING:
    from postiz_async.sandbox.organization import Organization
    from postiz_async.sandbox.state import ReceivedCall, SandboxState

__all__ = ["store_media", "upload", "upload_from_url"]

_PUBLIC = "URL must be a public HTTPS URL and cannot point to internal network addresses"


async def upload(state: SandboxState, call: ReceivedCall) -> Response:
    """Store the file of a multipart form."""
    file = call.request.file
    if isinstance(file, FormError):
        raise bad_request(file.message)
    if file is None or not file.filename:
        raise plain(400, "No file provided")
    if file.field != "file":
        raise bad_request(f"Unexpected field - {file.field}")
    kind = kind_of(file.head)
    if kind is None:
        raise bad_request("Unsupported file type.")
    if file.size > kind.limit:
        raise bad_request(f"File size exceeds the maximum allowed size of {kind.limit} bytes.")
    return store_media(state, call.organization, kind, file.size, file.sha256, file.head)


async def upload_from_url(state: SandboxState, call: ReceivedCall) -> Response:
    """Fetch a file from the part of the internet that the sandbox was given."""
    url = to_text(as_mapping(call.body).get("url", MISSING))
    messages = _violations(state, url)
    if messages:
        raise invalid(messages)
    file = state.remote_files.get(str(url))
    if file is None:
        raise plain(400, "Failed to fetch URL")
    kind = kind_of(file.head)
    if kind is None:
        raise plain(400, "Unsupported file type.")
    if file.size > kind.limit:
        raise plain(400, "File is too large.")
    return store_media(state, call.organization, kind, file.size, file.sha256, file.head)


def _violations(state: SandboxState, url: object) -> list[str]:
    absent = defined("url", url)
    messages = list(absent)
    if not has_media_extension(url):
        messages.append(EXTENSION_RULE)
    if absent:
        messages.append("url must be a string")
    # a host is public when the sandbox has a file of it; there is no other internet
    origins = {known.split("/", 3)[2] for known in state.remote_files}
    scheme, _, rest = str(url).partition("://")
    if scheme != "https" or rest.partition("/")[0] not in origins:
        messages.append(_PUBLIC)
    return messages


def store_media(
    state: SandboxState,
    organization: Organization,
    kind: FileKind,
    size: int,
    sha256: str,
    head: bytes = b"",
) -> Response:
    """Give a file a name and a place, and answer with them."""
    name = f"{state.ids.file_name()}.{kind.extension}"
    folder = day_of(state.now).replace("-", "/")
    path = f"{state.settings.host}/uploads/{folder}/{name}"
    media = MediaRow(state.ids.uuid(), name, path, size, sha256)
    organization.media[media.id] = media
    state.measure(path, head)
    answer = {"id": media.id, "name": media.name, "originalName": None, "path": media.path}
    return json_response(201, answer | {"thumbnail": None, "alt": None})
