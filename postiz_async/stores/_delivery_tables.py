"""The tables of deliveries and records, for SQLite and PostgreSQL; `_sql_deliveries` uses them.

All times are microseconds.
"""

from __future__ import annotations

from string import Template

_TABLES = """
CREATE TABLE ${s}records (
    scope $name NOT NULL,
    key $name NOT NULL,
    version $integer NOT NULL,
    value $blob NOT NULL,
    expires $integer,
    PRIMARY KEY (scope, key)
)$often_changed;

CREATE INDEX records_expires ON ${s}records (expires) WHERE expires IS NOT NULL;

CREATE TABLE ${s}scopes (
    name $name NOT NULL PRIMARY KEY,
    organization text NOT NULL,
    base_url text NOT NULL,
    key_name text,
    served_at $integer NOT NULL DEFAULT 0,
    ready_at $integer NOT NULL DEFAULT 0,
    holder text,
    seen $snapshot,
    failures $integer NOT NULL DEFAULT 0,
    trouble text NOT NULL DEFAULT '',
    removed $integer NOT NULL DEFAULT 0
)$often_changed;

CREATE INDEX scopes_served ON ${s}scopes (served_at, name);

CREATE INDEX scopes_key ON ${s}scopes (key_name);

CREATE INDEX scopes_nameless ON ${s}scopes (name) WHERE organization = '';

CREATE INDEX scopes_removed ON ${s}scopes (removed);

CREATE TABLE ${s}deliveries (
    number $numbered,
    id text NOT NULL UNIQUE,
    scope $name NOT NULL,
    version $integer NOT NULL,
    state text NOT NULL,
    due $integer NOT NULL,
    is_dated $boolean NOT NULL,
    until $integer NOT NULL,
    mark $integer,
    ended_at $integer,
    ending $integer,
    put_at $integer NOT NULL DEFAULT 0,$put_in
    value $blob NOT NULL,
    body $blob NOT NULL
)$plain;

CREATE INDEX deliveries_state ON ${s}deliveries (scope, state, due, number);

CREATE INDEX deliveries_open ON ${s}deliveries (scope, until, state, due, put_at, ended_at)
    WHERE ended_at IS NULL;

CREATE INDEX deliveries_in_doubt ON ${s}deliveries (scope, until)
    WHERE ended_at IS NULL AND state <> 'planned';

CREATE INDEX deliveries_new ON ${s}deliveries (scope, $order) WHERE state = 'planned';

CREATE INDEX deliveries_ended ON ${s}deliveries (ended_at) WHERE ended_at IS NOT NULL;

CREATE UNIQUE INDEX deliveries_ending ON ${s}deliveries (ending) WHERE ending IS NOT NULL;

CREATE INDEX deliveries_endings ON ${s}deliveries (scope, ending) WHERE ending IS NOT NULL;

CREATE UNIQUE INDEX deliveries_mark ON ${s}deliveries (scope, mark) WHERE mark IS NOT NULL;

CREATE TABLE ${s}delivered (
    scope $name NOT NULL,
    post_id $name NOT NULL,
    number $integer NOT NULL,
    PRIMARY KEY (scope, post_id)
)$plain;

CREATE INDEX delivered_number ON ${s}delivered (number);

CREATE TABLE ${s}endings (store text NOT NULL, last $integer NOT NULL)$plain;

INSERT INTO ${s}endings VALUES ($random, 0);
"""
"""`seen` and the order of new deliveries: `_sql_deliveries`, "from which a scope is ready"."""


def delivery_tables_of_sqlite() -> str:
    """SQL statements that create the tables in a SQLite file."""
    return Template(_TABLES).substitute(
        s="",
        name="text",
        integer="integer",
        boolean="integer",
        blob="blob",
        numbered="integer PRIMARY KEY AUTOINCREMENT",
        snapshot="integer NOT NULL DEFAULT 0",
        put_in="",
        order="number",
        often_changed=" STRICT",
        plain=" STRICT",
        random="lower(hex(randomblob(16)))",
    )


def delivery_tables_of_postgres() -> str:
    """SQL statements that create the tables in the PostgreSQL schema `{schema}`."""
    return Template(_TABLES).substitute(
        s="{schema}.",
        name='text COLLATE "C"',
        integer="bigint",
        boolean="boolean",
        blob="bytea",
        numbered="bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
        snapshot="pg_snapshot",
        put_in="\n    put_in xid8 NOT NULL DEFAULT pg_current_xact_id(),",
        order="put_in",
        often_changed=" WITH (fillfactor = 50)",
        plain="",
        random="CAST(gen_random_uuid() AS text)",
    )
