"""A local model of a Postiz server, to develop and test against.

In memory, without a network:

    async with MemoryServer(api_key="sandbox", clock=JumpingClock()) as sandbox:
        sandbox.add_channel("mastodon")
        headers = {"authorization": "sandbox"}
        request = HttpRequest("GET", "/public/v1/integrations", headers=headers)
        response = await sandbox.handle(request)

`postiz_async._sandbox.http.serve` serves it over HTTP on loopback, and
`postiz_async._sandbox.faults` lists what can go wrong on demand. Posts are judged by the rules that
the client checks before it sends. Replaying recorded exchanges proves that the answers are those
of a real server.
"""

# pyright: reportUnusedImport=false

from postiz_async._sandbox.faults import Fault, FaultKind, Faults
from postiz_async._sandbox.messages import (
    ConnectionLost,
    FormError,
    HttpRequest,
    Response,
    UploadedFile,
)
from postiz_async._sandbox.pipeline import CreateRecord
from postiz_async._sandbox.rows import (
    ChannelRow,
    GroupRow,
    MediaRow,
    NotificationRow,
    TagRow,
)
from postiz_async._sandbox.server import MemoryServer, StoredPost, ThreadRow
from postiz_async._sandbox.state import OAuthApp, Organization
