"""The tables of this library in PostgreSQL, in a schema of their own."""

from __future__ import annotations

from typing import LiteralString

from postiz_async.errors import ConfigurationError
from postiz_async.stores._campaign_tables import campaign_tables_of_postgres
from postiz_async.stores._delivery_tables import delivery_tables_of_postgres

TABLES_VERSION = 13

NOW: LiteralString = "CAST(extract(epoch FROM statement_timestamp()) * 1000000 AS bigint)"
"""The time, in whole microseconds: of a float, some servers show fewer digits."""

_LONGEST = 63
"""Bytes of a name, at most; PostgreSQL truncates longer ones."""

_VERSION = """
CREATE TABLE {schema}.version (version integer NOT NULL);

INSERT INTO {schema}.version VALUES ({version});
"""
"""Statements without `%` and `:`, which SQLAlchemy and drivers would take for parameters."""


def ddl(schema: str = "postiz_async") -> str:
    """The SQL statements that create the schema and its tables, for Alembic and for people.

    Statements are separated by an empty line.

    Args:
        schema: its name.

    Raises:
        ConfigurationError: the name cannot be used.
    """
    return f"CREATE SCHEMA {quoted(schema)};\n\n{tables(schema)}\n"


def check_name(schema: str) -> str:
    """Check the name of a schema and return it.

    Raises:
        ConfigurationError: the name is empty, too long, or reserved by PostgreSQL.
    """
    size = len(schema.encode("utf-8", "surrogatepass"))
    is_plain = schema.isprintable() and not {"%", ":"} & {*schema}
    if not is_plain or not 1 <= size <= _LONGEST or schema.startswith("pg_"):
        raise ConfigurationError(
            f"A schema cannot be called {schema!r}: its name has 1 to {_LONGEST} bytes of "
            "printable characters without % and :, and does not begin with pg_."
        )
    return schema


def tables(schema: str) -> str:
    """The statements that create the tables in an existing schema."""
    made = _VERSION, delivery_tables_of_postgres(), campaign_tables_of_postgres()
    text = "\n\n".join(each.strip() for each in made)
    return text.format(schema=quoted(schema), version=TABLES_VERSION)


def quoted(schema: str) -> str:
    """The quoted name of a schema."""
    return '"{}"'.format(check_name(schema).replace('"', '""'))
