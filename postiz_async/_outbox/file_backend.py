"""An outbox in a file: each process sends what it took in, and what dead ones left."""

from __future__ import annotations

import logging
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from postiz_async._outbox.file import OutboxFile
from postiz_async._outbox.forbidden import ForbiddenHandOvers
from postiz_async._outbox.sender import OutboxSender

if TYPE_CHECKING:
    from collections.abc import Callable

    from postiz_async._delivery.client import OutboxClient
    from postiz_async._outbox.tickets import OutboxOptions


log = logging.getLogger("postiz_async.outbox")


class FileBackend:
    """The file of an outbox, and the sender of one worker; as `Backend`.

    Args:
        postiz: the client.
        options: its file, and what is done in doubt.
        on_step: is called with each ticket whose state changed.
    """

    def __init__(
        self, postiz: OutboxClient, options: OutboxOptions, on_step: Callable[[str], None]
    ) -> None:
        self._options = options
        self.sends = options.sends
        self.hand_overs = OutboxFile(
            Path(str(options.path)), postiz.quota_name, uuid.uuid4().hex, clock=postiz.clock
        )
        self._forbidden = ForbiddenHandOvers(postiz.clock)
        self._sender = OutboxSender(postiz, self.hand_overs, options, on_step, self._forbidden)

    @property
    def trouble(self) -> str:
        return self._sender.outage.trouble or self._forbidden.trouble

    @property
    def pauses_for(self) -> float:
        return self._sender.outage.pauses_for

    async def open(self) -> None:
        unowned = await self.hand_overs.open(self._options.keep.total_seconds())
        if unowned:
            log.warning(
                "%d hand-overs in %s are of another key or server, and nobody sends them: start a "
                "client for it. If the key was renewed, say organization= as before",
                unowned,
                self._options.path,
            )

    async def run(self) -> None:
        await self._sender.run()

    def wake(self) -> None:
        self._sender.wake()

    async def until_idle(self) -> None:
        await self._sender.until_idle()

    async def aclose(self) -> None:
        await self.hand_overs.aclose()
