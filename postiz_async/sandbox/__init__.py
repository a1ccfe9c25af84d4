"""A local model of a Postiz server, to develop and test against.

In memory, without a network:

    async with Sandbox(api_key="sandbox", clock=JumpingClock()) as sandbox:
        sandbox.add_integration("mastodon")
        headers = {"authorization": "sandbox"}
        request = Request("GET", "/public/v1/integrations", headers=headers)
        response = await sandbox.handle(request)

Over HTTP, on loopback, see `postiz_async.sandbox.http.serve`. What goes wrong on demand, see
`postiz_async.sandbox.faults`. The sandbox is an island: it imports nothing of the client but
the clock, so that the two cannot share a mistake.
"""

from postiz_async.sandbox.exchange import (
    ConnectionLost,
    FormError,
    Request,
    Response,
    UploadedFile,
)
from postiz_async.sandbox.faults import Fault, FaultKind
from postiz_async.sandbox.organization import Organization
from postiz_async.sandbox.rows import Customer, Integration, Media
from postiz_async.sandbox.server import Sandbox
from postiz_async.sandbox.views import CreateRecord, StoredPost, ThreadPart

__all__ = [
    "ConnectionLost",
    "CreateRecord",
    "Customer",
    "Fault",
    "FaultKind",
    "FormError",
    "Integration",
    "Media",
    "Organization",
    "Request",
    "Response",
    "Sandbox",
    "StoredPost",
    "ThreadPart",
    "UploadedFile",
]
