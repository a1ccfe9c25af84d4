"""The tables of this library in PostgreSQL, in a schema of their own."""

from __future__ import annotations

from typing import LiteralString

from postiz_async.errors import ConfigurationError
from postiz_async.stores._campaign_tables import campaign_tables_of_postgres

TABLES_VERSION = 10

NOW: LiteralString = "CAST(extract(epoch FROM statement_timestamp()) * 1000000 AS bigint)"
"""The time, in whole microseconds: of a float, some servers show fewer digits."""

_LONGEST = 63
"""Bytes of a name, at most; PostgreSQL truncates longer ones."""

_TABLES = """
CREATE TABLE {schema}.version (
    version integer NOT NULL,
    store uuid NOT NULL DEFAULT gen_random_uuid(),
    endings bigint NOT NULL DEFAULT 0
);

INSERT INTO {schema}.version VALUES ({version});

CREATE TABLE {schema}.records (
    scope text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    value bytea NOT NULL,
    expires bigint,
    PRIMARY KEY (scope, key)
) WITH (fillfactor = 50);

CREATE INDEX records_expires ON {schema}.records (expires) WHERE expires IS NOT NULL;

CREATE TABLE {schema}.scopes (
    name text COLLATE "C" PRIMARY KEY,
    organization text NOT NULL,
    base_url text NOT NULL,
    key_name text,
    served_at bigint NOT NULL DEFAULT 0,
    ready_at bigint NOT NULL DEFAULT 0,
    holder text,
    seen pg_snapshot,
    failures integer NOT NULL DEFAULT 0,
    trouble text NOT NULL DEFAULT '',
    removed bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

CREATE INDEX scopes_served ON {schema}.scopes (served_at, name);

CREATE INDEX scopes_key ON {schema}.scopes (key_name);

CREATE INDEX scopes_nameless ON {schema}.scopes (name) WHERE organization = '';

CREATE INDEX scopes_removed ON {schema}.scopes (removed);

CREATE TABLE {schema}.deliveries (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text NOT NULL UNIQUE,
    scope text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    state text NOT NULL,
    due bigint NOT NULL,
    is_dated boolean NOT NULL,
    until bigint NOT NULL,
    mark bigint,
    ended_at bigint,
    ending bigint,
    put_in xid8 NOT NULL DEFAULT pg_current_xact_id(),
    put_at bigint NOT NULL DEFAULT {now},
    value bytea NOT NULL,
    body bytea NOT NULL
);

CREATE INDEX deliveries_state ON {schema}.deliveries (scope, state, due, number);

CREATE INDEX deliveries_open ON {schema}.deliveries (scope, until)
    INCLUDE (state, due, put_at) WHERE ended_at IS NULL;

CREATE INDEX deliveries_in_doubt ON {schema}.deliveries (scope, until)
    WHERE ended_at IS NULL AND state <> 'planned';

CREATE INDEX deliveries_new ON {schema}.deliveries (scope, put_in) WHERE state = 'planned';

CREATE INDEX deliveries_ended ON {schema}.deliveries (ended_at) WHERE ended_at IS NOT NULL;

CREATE UNIQUE INDEX deliveries_ending ON {schema}.deliveries (ending) WHERE ending IS NOT NULL;

CREATE INDEX deliveries_endings ON {schema}.deliveries (scope, ending) WHERE ending IS NOT NULL;

CREATE UNIQUE INDEX deliveries_mark ON {schema}.deliveries (scope, mark) WHERE mark IS NOT NULL;

CREATE TABLE {schema}.delivered (
    scope text COLLATE "C" NOT NULL,
    post_id text COLLATE "C" NOT NULL,
    number bigint NOT NULL,
    PRIMARY KEY (scope, post_id)
);

CREATE INDEX delivered_number ON {schema}.delivered (number);
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
    made = f"{_TABLES.strip()}\n\n{campaign_tables_of_postgres().strip()}"
    return made.format(schema=quoted(schema), version=TABLES_VERSION, now=NOW)


def quoted(schema: str) -> str:
    """The quoted name of a schema."""
    return '"{}"'.format(check_name(schema).replace('"', '""'))
