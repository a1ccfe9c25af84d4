"""The tables of this library in PostgreSQL, in a schema of their own."""

from __future__ import annotations

from postiz_async.errors import ConfigurationError

__all__ = ["TABLES_VERSION", "check_name", "ddl", "quoted", "tables"]

TABLES_VERSION = 1

_LONGEST = 63
"""Bytes of a name; PostgreSQL cuts what is longer."""

_TABLES = """
CREATE TABLE {schema}.version (
    version integer NOT NULL
);

INSERT INTO {schema}.version VALUES ({version});

CREATE TABLE {schema}.ledgers (
    name text COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL,
    value bytea NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE {schema}.idempotency (
    quota text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    value bytea NOT NULL,
    expires timestamptz NOT NULL,
    PRIMARY KEY (quota, key)
);

CREATE INDEX idempotency_expires ON {schema}.idempotency (expires);
"""
"""No `%` and no `:` are in it: SQLAlchemy and drivers would take them for parameters."""


def ddl(schema: str = "postiz_async") -> str:
    """The statements that make the schema and its tables, for Alembic and for people.

    Between two statements is an empty line.

    Args:
        schema: its name.

    Raises:
        ConfigurationError: the name cannot be used.
    """
    return f"CREATE SCHEMA {quoted(schema)};\n\n{tables(schema)}\n"


def check_name(schema: str) -> str:
    """The name of a schema, if it can be used.

    Raises:
        ConfigurationError: it is empty, too long, or PostgreSQL's own.
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
    """The statements that make the tables in a schema that is there."""
    return _TABLES.strip().format(schema=quoted(schema), version=TABLES_VERSION)


def quoted(schema: str) -> str:
    """The name of a schema as it stands in a statement."""
    return '"{}"'.format(check_name(schema).replace('"', '""'))
