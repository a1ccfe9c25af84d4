"""A local model of a Postiz server, to develop and test against.

In memory, without a network:

    async with Sandbox(api_key="sandbox", clock=JumpingClock()) as sandbox:
        sandbox.add_integration("mastodon")
        headers = {"authorization": "sandbox"}
        request = HttpRequest("GET", "/public/v1/integrations", headers=headers)
        response = await sandbox.handle(request)

`postiz_async._sandbox.http.serve` serves it over HTTP on loopback, and
`postiz_async._sandbox.faults` lists what can go wrong on demand. The sandbox is an island: of the
client it imports only the clock, so that the two cannot share a mistake.
"""

from postiz_async._sandbox.faults import (
    Fault as Fault,
    FaultKind as FaultKind,
    Faults as Faults,
)
from postiz_async._sandbox.messages import (
    ConnectionLost as ConnectionLost,
    FormError as FormError,
    HttpRequest as HttpRequest,
    Response as Response,
    UploadedFile as UploadedFile,
)
from postiz_async._sandbox.rows import (
    CustomerRow as CustomerRow,
    IntegrationRow as IntegrationRow,
    MediaRow as MediaRow,
    NotificationRow as NotificationRow,
    TagRow as TagRow,
)
from postiz_async._sandbox.server import (
    Sandbox as Sandbox,
)
from postiz_async._sandbox.state import (
    OAuthApp as OAuthApp,
    Organization as Organization,
)
from postiz_async._sandbox.views import (
    CreateRecord as CreateRecord,
    StoredPost as StoredPost,
    ThreadRow as ThreadRow,
)
