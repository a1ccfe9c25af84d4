"""A sandbox of Postiz for tests: in memory with time that jumps, or over HTTP from a thread.

* `Sandbox` is in the event loop of a test, and makes clients; the pytest fixture `postiz_sandbox`
  is one, and `postiz` a client of it.
* `SandboxServer` is served over HTTP, for programs that make their own client; the fixture
  `postiz_sandbox_server` is one, and `serve_sandbox` makes others.
* `Fault` is something that goes wrong in them.
"""

from postiz_async._sandbox import (
    ChannelRow as ChannelRow,
    CreateRecord as CreateRecord,
    Fault as Fault,
    FaultKind as FaultKind,
    GroupRow as GroupRow,
    MediaRow as MediaRow,
    NotificationRow as NotificationRow,
    OAuthApp as OAuthApp,
    Organization as Organization,
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
from postiz_async.testing._local import Sandbox as Sandbox
from postiz_async.testing._options import ClientOptions as ClientOptions, PoolOptions as PoolOptions
from postiz_async.testing._served import (
    SandboxServer as SandboxServer,
    serve_sandbox as serve_sandbox,
)
