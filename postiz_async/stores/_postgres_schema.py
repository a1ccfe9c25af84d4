"""The tables of this library in PostgreSQL, in a schema of their own."""

from __future__ import annotations

from postiz_async.errors import ConfigurationError

TABLES_VERSION = 3

_LONGEST = 63
"""Bytes of a name; PostgreSQL cuts what is longer."""

_TABLES = """
CREATE TABLE {schema}.version (
    version integer NOT NULL
);

INSERT INTO {schema}.version VALUES ({version});

CREATE TABLE {schema}.records (
    scope text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    value bytea NOT NULL,
    expires timestamptz NOT NULL,
    PRIMARY KEY (scope, key)
) WITH (fillfactor = 50);

CREATE INDEX records_expires ON {schema}.records (expires) WHERE expires < 'infinity';

CREATE TABLE {schema}.organizations (
    quota text PRIMARY KEY,
    organization text NOT NULL,
    base_url text NOT NULL,
    key_name text,
    ready_at timestamptz NOT NULL DEFAULT 'infinity',
    holder text,
    fence bigint NOT NULL DEFAULT 0,
    wakes bigint NOT NULL DEFAULT 0,
    failures integer NOT NULL DEFAULT 0,
    trouble text NOT NULL DEFAULT ''
) WITH (fillfactor = 50);

CREATE INDEX organizations_ready ON {schema}.organizations (ready_at) WHERE ready_at < 'infinity';

CREATE INDEX organizations_key ON {schema}.organizations (key_name);

CREATE TABLE {schema}.tickets (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text NOT NULL UNIQUE,
    quota text NOT NULL,
    state text NOT NULL DEFAULT 'planned',
    due double precision NOT NULL,
    dated boolean NOT NULL,
    body text NOT NULL,
    post_ids text NOT NULL,
    sent text,
    moment bigint,
    sent_at double precision,
    note text NOT NULL DEFAULT '',
    seen boolean NOT NULL DEFAULT FALSE,
    ended_at timestamptz,
    mended_at double precision
);

CREATE INDEX tickets_state ON {schema}.tickets (quota, state, due, number);

CREATE INDEX tickets_new ON {schema}.tickets (number) WHERE NOT seen;

CREATE INDEX tickets_moment ON {schema}.tickets (quota, moment) WHERE moment IS NOT NULL;

CREATE INDEX tickets_ended ON {schema}.tickets (ended_at) WHERE ended_at IS NOT NULL;

CREATE INDEX organizations_trouble ON {schema}.organizations (organization) WHERE trouble <> '';
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
