"""The state of the server and what its parts share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from postiz_async.sandbox.oauth import OAuthState
from postiz_async.sandbox.pixels import pixels_of
from postiz_async.sandbox.publishing import Jobs
from postiz_async.sandbox.work import Work

if TYPE_CHECKING:
    from collections.abc import Mapping

    from postiz_async.clock import Clock
    from postiz_async.sandbox.exchange import HttpRequest, UploadedFile
    from postiz_async.sandbox.faults import Fault
    from postiz_async.sandbox.identity import IdSource
    from postiz_async.sandbox.organization import Organization
    from postiz_async.sandbox.releases import Release

__all__ = ["ReceivedCall", "SandboxSettings", "SandboxState"]


@dataclass(frozen=True, slots=True)
class SandboxSettings:
    """What the operator of the server set."""

    release: Release
    host: str
    """Begins the paths of uploaded files."""
    work_per_post: float
    """Seconds that storing one post takes."""
    upload_domain: str | None = None
    """Text that the path of each medium in a post must contain."""
    video_types: tuple[str, ...] = ()
    """Generators of videos that are switched on."""


@dataclass(slots=True)
class SandboxState:
    """Organisations and what is common to all of them."""

    clock: Clock
    ids: IdSource
    settings: SandboxSettings
    organizations: list[Organization] = field(default_factory=list["Organization"])
    work: Work = field(default_factory=Work)
    jobs: Jobs = field(default_factory=Jobs)
    oauth: OAuthState = field(default_factory=OAuthState)
    remote_files: dict[str, UploadedFile] = field(default_factory=dict[str, "UploadedFile"])
    """The internet, by URL."""
    pictures: dict[str, tuple[int, int] | None] = field(
        default_factory=dict[str, "tuple[int, int] | None"]
    )
    """Width and height of all files that can be fetched, by path, where they are known."""

    def measure(self, path: str, head: bytes) -> None:
        """Remember that there is a file, and how large the picture is, if its beginning says so."""
        self.pictures[path] = pixels_of(head)

    @property
    def now(self) -> int:
        """Milliseconds since the epoch."""
        return int(self.clock.time() * 1000)

    def new_row_id(self) -> str:
        """An id that sorts behind all former ones."""
        return self.ids.row(self.clock.time())


@dataclass(frozen=True, slots=True)
class ReceivedCall:
    """A request that found its route and its organisation."""

    request: HttpRequest
    organization: Organization
    params: Mapping[str, str]
    body: object
    fault: Fault | None = None
    """What goes wrong while the work is done."""
