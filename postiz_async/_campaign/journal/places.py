"""Where journals can be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar

from postiz_async._campaign.journal.file import JournalFile
from postiz_async.errors import ConfigurationError
from postiz_async.stores._addresses import is_redis, place_of

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
        """Seconds for which what left is its sender's alone; 0: no other process has it open."""
        ...

    def do(self, work: Callable[[Tables], T], *, whole: bool = False) -> T:
        """Carry out a transaction.

        Args:
            work: what is done in it.
            whole: let a file tell of it alone, without what lies beside it.

        Raises:
            TakenError: another request has the mark.
            BatchError: the journal cannot be used.
            StoreError: the database cannot be used.
        """
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


def journal_at(
    where: Path | Secret | str, schema: str, campaign: str, base_url: str | None
) -> JournalPlace:
    """A journal at a path, or that of a campaign at the address of a PostgreSQL database.

    Args:
        where: the path or the address.
        schema: of the tables in PostgreSQL.
        campaign: the name of the campaign.
        base_url: of its server; None: there is one campaign of the name.

    Raises:
        ConfigurationError: it is an address of something else, or the extra is not installed.
    """
    place = place_of(where)
    if isinstance(place, Path):
        return JournalFile(place)
    if is_redis(place):
        raise ConfigurationError(
            "A journal cannot be in Redis: it is a file, or in PostgreSQL at an address that "
            "begins with postgresql://."
        )
    from postiz_async._campaign.journal.database import JournalDatabase  # noqa: PLC0415  (an extra)

    return JournalDatabase(place, schema, campaign, base_url)
