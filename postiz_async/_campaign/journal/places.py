"""Places of journals: files and databases."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar

from postiz_async._campaign.journal.file import JournalFile
from postiz_async.stores._addresses import place_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from postiz_async._campaign.journal.database import JournalDatabase
    from postiz_async._campaign.journal.tables import Tables
    from postiz_async._wire.secrets import Secret

JournalPlace: TypeAlias = "JournalFile | JournalDatabase"

T = TypeVar("T")


class OpenPlace(Protocol):
    """A journal that is open for writing."""

    @property
    def hold(self) -> float:
        """Seconds for which a sent request belongs to its sender; 0: there is no other process."""
        ...

    def do(self, work: Callable[[Tables], T], *, whole: bool = False) -> T:
        """Run a transaction.

        Args:
            work: what to do in it.
            whole: make a journal file complete without its companion files.

        Raises:
            TakenError: another request has the mark.
            CampaignError: the journal cannot be used.
            StoreError: the database cannot be used.
        """
        ...

    def close(self) -> None:
        """Close the journal."""
        ...


def journal_at(
    where: Path | Secret | str, schema: str, campaign: str, base_url: str | None
) -> JournalPlace:
    """The place of a journal: a path, or a campaign in a PostgreSQL database.

    Args:
        where: the path or the address.
        schema: the schema of the tables in PostgreSQL.
        campaign: the name of the campaign.
        base_url: the root of its server's API; None: only one campaign has this name.

    Raises:
        ConfigurationError: the address is of another kind, or the extra is not installed.
    """
    place = place_of(where)
    if isinstance(place, Path):
        return JournalFile(place)
    from postiz_async._campaign.journal.database import JournalDatabase  # noqa: PLC0415  (an extra)

    return JournalDatabase(place, schema, campaign, base_url)
