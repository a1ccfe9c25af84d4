"""Upload the media of a job in advance: each content once, the most urgent first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from postiz_async._resources.media import upload_inspected
from postiz_async._uploads import AT_ONCE
from postiz_async.errors import (
    BadRequestError,
    CampaignError,
    InvalidInputError,
    PayloadTooLargeError,
    UploadError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from postiz_async._campaign.journal.journal import Journal
    from postiz_async._campaign.read.rows import Row
    from postiz_async._delivery.client import CampaignClient
    from postiz_async._delivery.pauses import Outage
    from postiz_async._uploads import FileFacts
    from postiz_async.models.media import Media


class MediaUploads:
    """The uploads of one job's media.

    Args:
        postiz: an open client.
        journal: where uploads are noted, so that a later run need not repeat them.
        facts: the results of inspecting each file, by its name in the campaign.
        outage: the outage of the job.
    """

    def __init__(
        self,
        postiz: CampaignClient,
        journal: Journal,
        facts: Mapping[str, FileFacts],
        outage: Outage,
    ) -> None:
        self.done = 0
        """Contents whose upload is done, by this run or an earlier one."""
        self._postiz = postiz
        self._journal = journal
        self._facts = facts
        self._media: dict[str, Media] = {}
        self._outage = outage
        self._refusals: dict[str, str] = {}
        self._decided: dict[str, anyio.Event] = {}

    def need(self, rows: Iterable[Row]) -> None:
        """Announce rows whose media are needed, the most urgent first."""
        for row in rows:
            for name in row.media:
                self._decided.setdefault(self._facts[name].sha256, anyio.Event())

    def medium(self, name: str) -> Media:
        """The uploaded medium for a name in the campaign."""
        return self._media[self._facts[name].sha256]

    async def refusal(self, row: Row) -> str | None:
        """Wait until a row's media are uploaded; returns the server's words if one is refused."""
        hashes = [self._facts[name].sha256 for name in row.media]
        for sha in hashes:
            await self._decided[sha].wait()
        return next((self._refusals[sha] for sha in hashes if sha in self._refusals), None)

    async def run(self) -> None:
        """Upload the announced media.

        Raises:
            PostizError: the server cannot be reached, or a file has changed.
        """
        self._media |= await self._journal.uploads()
        names = {facts.sha256: name for name, facts in self._facts.items()}
        limiter = anyio.Semaphore(AT_ONCE)

        async def one(sha: str) -> None:
            try:
                await self._upload(sha, names[sha])
            finally:
                limiter.release()

        async with anyio.create_task_group() as group:
            for sha in self._decided:
                if sha in self._media:
                    self._decide(sha)
                    continue
                await limiter.acquire()
                group.start_soon(one, sha)

    async def _upload(self, sha: str, name: str) -> None:
        facts = self._facts[name]
        try:
            media = await self._outage.read(lambda: upload_inspected(self._postiz.media, facts))
        except (BadRequestError, PayloadTooLargeError) as error:
            self._refusals[sha] = f"media {name}: {error.text}"
        except (InvalidInputError, UploadError) as error:
            why = error.problems[0].message if isinstance(error, InvalidInputError) else str(error)
            raise CampaignError(
                f"The media file {name} is not what it was when the campaign was checked "
                f"({why.rstrip('.')}). No post with it was sent; run again to take it as it is now."
            ) from error
        else:
            self._media[sha] = media
            await self._journal.uploaded(sha, media)
        self._decide(sha)

    def _decide(self, sha: str) -> None:
        self.done += 1
        self._decided[sha].set()
