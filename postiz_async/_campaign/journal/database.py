"""Journals in a PostgreSQL database, so that several hosts can work on a campaign at once."""

from __future__ import annotations

import math
import re
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from postiz_async._campaign.journal.file import no_journal
from postiz_async.errors import CampaignError
from postiz_async.stores import in_seconds
from postiz_async.stores._deliveries import clean
from postiz_async.stores._postgres_blocking import BlockingDatabase
from postiz_async.stores._postgres_schema import NOW, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from psycopg import Cursor

    from postiz_async._campaign.journal.tables import Tables
    from postiz_async._wire.secrets import Secret
    from postiz_async.clock import Clock

T = TypeVar("T")

HOLD = 60.0
"""Seconds for which a request that left, and each step of a look-up, belong to one host."""

_WITHOUT = "Nothing is sent without it, because it has the journal of the campaign."


@dataclass(frozen=True, slots=True)
class _PostgresTables:
    """The tables of a campaign in PostgreSQL; see `tables.Tables`."""

    cursor: Cursor[tuple[Any, ...]]
    schema: str
    campaign: int
    speed: float

    def execute(self, statement: str, /, **values: object) -> Cursor[tuple[Any, ...]]:
        cursor = self.cursor.connection.cursor()
        return cursor.execute(_translated(statement, self.schema), self._filled(values))

    def each(self, statement: str, values: Iterable[Mapping[str, object]], /) -> int:
        filled = [self._filled(each) for each in values]
        if not filled:
            return 0
        self.cursor.executemany(_translated(statement, self.schema), filled)
        return self.cursor.rowcount

    def time(self) -> float:
        [(now,)] = self.cursor.execute(_NOW).fetchall()
        return in_seconds(now) * self.speed

    kept_time = time

    def _filled(self, values: Mapping[str, object]) -> dict[str, object]:
        texts = {name: clean(each) for name, each in values.items() if isinstance(each, str)}
        return {"campaign": self.campaign, **values, **texts}


_NOW = f"SELECT {NOW.replace('statement', 'clock')}"


@cache
def _translated(statement: str, schema: str) -> bytes:
    """Translate a statement to the parameter style of the driver."""
    named = re.sub(r":(\w+)", r"%(\1)s", statement)
    return named.replace("{s}", f"{quoted(schema)}.").encode()


@dataclass(frozen=True, slots=True)
class JournalDatabase:
    """The place of a campaign's journal in a database; the campaign need not exist there yet.

    Args:
        url: the address of the database; never shown.
        schema: the schema with the tables.
        campaign: the name of the campaign.
        base_url: the root of its server's API; None: only one campaign has this name.
    """

    url: Secret
    schema: str
    campaign: str
    base_url: str | None

    def __str__(self) -> str:
        return f"of {self.campaign!r} in PostgreSQL at {self._database().where}"

    @property
    def path(self) -> None:
        """None: the journal is not a file."""

    @property
    def is_there(self) -> bool:
        """Whether the database has the campaign.

        Raises:
            StoreError: the database cannot be used.
        """
        with closing(self._database()) as database:
            return bool(database.transaction(self._found))

    def query(self, query: Callable[[Tables], T], clock: Clock) -> T:
        """Run a read-only query, also while runs are working on the campaign.

        Raises:
            CampaignError: the database has no campaign with this name, or several.
            StoreError: the database cannot be used.
        """

        def work(cursor: Cursor[tuple[Any, ...]]) -> T:
            return query(self.tables(cursor, self._one(cursor), clock))

        with closing(self._database()) as database:
            return database.transaction(work)

    def open(self, campaign: str, base_url: str, clock: Clock) -> OpenDatabase:
        """Open the journal for writing, or create it; other hosts may have it open, too.

        Raises:
            StoreError: the database cannot be used.
        """
        database = self._database()

        def work(cursor: Cursor[tuple[Any, ...]]) -> int:
            values = {"name": campaign, "base_url": base_url}
            cursor.execute(_translated(_BEGIN, self.schema), values)
            [(found,)] = cursor.execute(_translated(_FIND, self.schema), values).fetchall()
            return int(found)

        try:
            found = database.transaction(work)
        except BaseException:
            database.close()
            raise
        return OpenDatabase(self, database, found, clock)

    def _database(self) -> BlockingDatabase:
        return BlockingDatabase(self.url, schema=self.schema, without=_WITHOUT)

    def tables(self, cursor: Cursor[tuple[Any, ...]], found: int, clock: Clock) -> Tables:
        """The tables of the campaign with this number."""
        speed = clock.speed if math.isfinite(clock.speed) else 1.0
        return _PostgresTables(cursor, self.schema, found, speed)

    def _found(self, cursor: Cursor[tuple[Any, ...]]) -> list[tuple[int, str]]:
        values = {"name": self.campaign, "base_url": self.base_url}
        return cursor.execute(_translated(_FIND_ALL, self.schema), values).fetchall()

    def _one(self, cursor: Cursor[tuple[Any, ...]]) -> int:
        found = self._found(cursor)
        if not found:
            raise no_journal(self)
        if len(found) > 1:
            servers = " and ".join(base_url for _, base_url in found)
            raise CampaignError(
                f"PostgreSQL knows campaigns called {self.campaign!r} of several servers: "
                f"{servers}. A program asks for the one of its server (postiz.sent_campaign(...)); "
                "for commands, run each with a name of its own (--name)."
            )
        return found[0][0]


_BEGIN = """
INSERT INTO {s}campaigns (name, base_url) VALUES (:name, :base_url)
ON CONFLICT (base_url, name) DO NOTHING
"""

_FIND = "SELECT id FROM {s}campaigns WHERE name = :name AND base_url = :base_url"

_FIND_ALL = """
SELECT id, base_url FROM {s}campaigns
WHERE name = :name AND base_url = coalesce(:base_url, base_url) ORDER BY id
"""


@dataclass(frozen=True, slots=True)
class OpenDatabase:
    """A journal that is open for writing.

    Args:
        place: the place of the journal.
        database: the database.
        campaign: the number of the campaign.
        clock: the clock of the client.
    """

    place: JournalDatabase
    database: BlockingDatabase
    campaign: int
    clock: Clock
    hold: float = HOLD

    def do(self, work: Callable[[Tables], T], *, whole: bool = False) -> T:
        """Run a transaction.

        Raises:
            TakenError: another request has the mark.
            StoreError: the database cannot be used.
        """
        del whole  # a database is never moved apart from what lies beside it

        def in_tables(cursor: Cursor[tuple[Any, ...]]) -> T:
            return work(self.place.tables(cursor, self.campaign, self.clock))

        return self.database.transaction(in_tables)

    def close(self) -> None:
        """Close the connection."""
        self.database.close()
