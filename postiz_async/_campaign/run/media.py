"""Upload the media of a job in advance: each content once, the most urgent first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

import anyio

from postiz_async._campaign.read.rows import Row
from postiz_async._campaign.run.job import JobContext
from postiz_async._resources.media import upload_inspected
from postiz_async._uploads import AT_ONCE, FileFacts, shown_name
from postiz_async.errors import (
    BadRequestError,
    CampaignError,
    InvalidInputError,
    PayloadTooLargeError,
    UploadError,
)
from postiz_async.models.media import Media


@dataclass(slots=True)
class MediaUploads:
    """The uploads of one job's media.

    Args:
        job: has the journal where uploads are noted, so that a later run need not repeat them.
        facts: the results of inspecting each file, by its name in the campaign.
    """

    job: JobContext
    facts: Mapping[str, FileFacts]
    done: int = 0
    """Contents whose upload is done, by this run or an earlier one."""
    _media: dict[str, Media] = field(default_factory=dict[str, Media])
    _refusals: dict[str, str] = field(default_factory=dict[str, str])
    _decided: dict[str, anyio.Event] = field(default_factory=dict[str, anyio.Event])

    def need(self, rows: Iterable[Row]) -> None:
        """Announce rows whose media are needed, the most urgent first."""
        for row in rows:
            for name in row.media:
                self._decided.setdefault(self.facts[name].sha256, anyio.Event())

    def medium(self, name: str) -> Media:
        """The uploaded medium for a name in the campaign."""
        return self._media[self.facts[name].sha256]

    async def refusal(self, row: Row) -> str | None:
        """Wait until a row's media are uploaded; returns the server's words if one is refused."""
        hashes = [self.facts[name].sha256 for name in row.media]
        for sha in hashes:
            await self._decided[sha].wait()
        return next((self._refusals[sha] for sha in hashes if sha in self._refusals), None)

    async def run(self) -> None:
        """Upload the announced media.

        Raises:
            PostizError: the server cannot be reached, or a file has changed.
        """
        self._media |= await self.job.journal.uploads()
        names = {facts.sha256: name for name, facts in self.facts.items()}
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
        facts = self.facts[name]
        try:
            upload = partial(upload_inspected, self.job.postiz.media, facts)
            media = await self.job.outage.read(upload)
        except (BadRequestError, PayloadTooLargeError) as error:
            self._refusals[sha] = f"media {shown_name(name)}: {error.text}"
        except (InvalidInputError, UploadError) as error:
            why = error.problems[0].message if isinstance(error, InvalidInputError) else str(error)
            raise CampaignError(
                f"The media file {shown_name(name)} is not what it was when the campaign was "
                f"checked ({why.rstrip('.')}). No post with it was sent; run again to take it as "
                "it is now."
            ) from error
        else:
            self._media[sha] = media
            await self.job.journal.uploaded(sha, media)
        self._decide(sha)

    def _decide(self, sha: str) -> None:
        self.done += 1
        self._decided[sha].set()
