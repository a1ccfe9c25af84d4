"""A sandbox of Postiz for tests: in memory with time that jumps, or over HTTP from a thread.

* `LocalPostiz` is a sandbox in the event loop of a test, and clients for it; the pytest fixture
  `postiz_sandbox` is one.
* `ServedPostiz` is a sandbox over HTTP, for programs that make their own client; the fixture
  `postiz_server` is one, and `serve_postiz` makes others.
* `Sandbox` is the server itself, and `Fault` something that goes wrong in it.
"""

from postiz_async._sandbox import (
    ChannelRow as ChannelRow,
    CreateRecord as CreateRecord,
    CustomerRow as CustomerRow,
    Fault as Fault,
    FaultKind as FaultKind,
    Faults as Faults,
    MediaRow as MediaRow,
    NotificationRow as NotificationRow,
    OAuthApp as OAuthApp,
    Organization as Organization,
    Sandbox as Sandbox,
    StoredPost as StoredPost,
    TagRow as TagRow,
    ThreadRow as ThreadRow,
)
from postiz_async._sandbox.rows import MemberRow as MemberRow
from postiz_async._wire import WireRequest as WireRequest, WireResponse as WireResponse
from postiz_async.clock import (
    AcceleratedClock as AcceleratedClock,
    Anchor as Anchor,
    JumpingClock as JumpingClock,
    SystemClock as SystemClock,
)
from postiz_async.testing._controls import Channels as Channels
from postiz_async.testing._local import LocalPostiz as LocalPostiz
from postiz_async.testing._served import ServedPostiz as ServedPostiz, serve_postiz as serve_postiz
from postiz_async.testing._transport import (
    SandboxTransport as SandboxTransport,
    sandbox_client as sandbox_client,
)
