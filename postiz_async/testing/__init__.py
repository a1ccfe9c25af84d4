"""A Postiz of your own for tests: in memory with time that jumps, or over HTTP from a thread.

* `LocalPostiz` is a sandbox in the event loop of a test, and clients for it; the pytest fixture
  `postiz_sandbox` is one.
* `ServedPostiz` is a sandbox over HTTP, for programs that make their own client; the fixture
  `postiz_server` is one, and `serve_postiz` makes others.
* `Sandbox` is the server itself, and `Fault` what goes wrong with it.
"""

from postiz_async._sandbox import (
    CreateRecord,
    CustomerRow,
    Fault,
    FaultKind,
    Faults,
    IntegrationRow,
    MediaRow,
    NotificationRow,
    OAuthApp,
    Organization,
    Sandbox,
    StoredPost,
    TagRow,
    ThreadRow,
)
from postiz_async._sandbox.rows import MemberRow
from postiz_async._wire import WireRequest, WireResponse
from postiz_async.clock import AcceleratedClock, Anchor, JumpingClock, SystemClock
from postiz_async.testing._controls import Channels
from postiz_async.testing._local import LocalPostiz
from postiz_async.testing._served import ServedPostiz, serve_postiz
from postiz_async.testing._transport import SandboxTransport, sandbox_client

__all__ = [
    "AcceleratedClock",
    "Anchor",
    "Channels",
    "CreateRecord",
    "CustomerRow",
    "Fault",
    "FaultKind",
    "Faults",
    "IntegrationRow",
    "JumpingClock",
    "LocalPostiz",
    "MediaRow",
    "MemberRow",
    "NotificationRow",
    "OAuthApp",
    "Organization",
    "Sandbox",
    "SandboxTransport",
    "ServedPostiz",
    "StoredPost",
    "SystemClock",
    "TagRow",
    "ThreadRow",
    "WireRequest",
    "WireResponse",
    "sandbox_client",
    "serve_postiz",
]
