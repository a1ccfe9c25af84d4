"""The tables of campaigns, for SQLite and PostgreSQL; `_campaign.journal` explains them."""

from __future__ import annotations

_TABLES = """
CREATE TABLE {s}campaigns (
    id {integer} PRIMARY KEY {counted},
    name TEXT NOT NULL,
    base_url TEXT NOT NULL,
    contents TEXT NOT NULL DEFAULT '',
    left_out TEXT NOT NULL DEFAULT '[]',
    quota {blob}
){strict};

CREATE UNIQUE INDEX campaigns_name ON {s}campaigns (base_url, name);

CREATE TABLE {s}campaign_runs (
    campaign {integer} NOT NULL,
    id TEXT NOT NULL,
    contents TEXT NOT NULL,
    until {integer} NOT NULL,
    PRIMARY KEY (campaign, id)
){strict};

CREATE TABLE {s}campaign_rows (
    campaign {integer} NOT NULL,
    ref TEXT NOT NULL,
    version {integer} NOT NULL,
    number {integer} NOT NULL,
    fingerprint TEXT NOT NULL,
    channel TEXT NOT NULL,
    date {integer} NOT NULL,
    state TEXT NOT NULL,
    request {integer},
    post_id TEXT,
    note TEXT NOT NULL DEFAULT '',
    finding TEXT NOT NULL DEFAULT '',
    remark TEXT NOT NULL DEFAULT '',
    link TEXT NOT NULL DEFAULT '',
    name TEXT NOT NULL DEFAULT '',
    moved_from {integer},
    said TEXT NOT NULL DEFAULT '',
    change {integer},
    becomes TEXT NOT NULL DEFAULT '',
    may_say TEXT NOT NULL DEFAULT '',
    stays TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (campaign, ref)
){strict};

CREATE INDEX campaign_rows_request ON {s}campaign_rows (campaign, request);

CREATE INDEX campaign_rows_post ON {s}campaign_rows (campaign, post_id);

CREATE TABLE {s}campaign_requests (
    number {integer} PRIMARY KEY {counted},
    campaign {integer} NOT NULL,
    id TEXT NOT NULL,
    version {integer} NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    posts {integer} NOT NULL,
    sent_at {integer},
    moment {integer} NOT NULL,
    mark {integer},
    value {blob} NOT NULL,
    body {blob} NOT NULL
){strict};

CREATE UNIQUE INDEX campaign_requests_id ON {s}campaign_requests (campaign, id);

CREATE UNIQUE INDEX campaign_requests_mark ON {s}campaign_requests (campaign, mark)
    WHERE mark IS NOT NULL;

CREATE INDEX campaign_requests_moment ON {s}campaign_requests (campaign, moment);

CREATE INDEX campaign_requests_open ON {s}campaign_requests (campaign, kind)
    WHERE state IN ('leaving', 'lost');

CREATE TABLE {s}campaign_uploads (
    campaign {integer} NOT NULL,
    sha256 TEXT NOT NULL,
    media {blob} NOT NULL,
    PRIMARY KEY (campaign, sha256)
){strict};

CREATE TABLE {s}campaign_copies (
    campaign {integer} NOT NULL,
    post_id TEXT NOT NULL,
    ref TEXT NOT NULL,
    mark TEXT NOT NULL,
    PRIMARY KEY (campaign, post_id)
){strict};
"""


def campaign_tables_of_sqlite() -> str:
    """SQL statements that create the tables of campaigns in a SQLite file."""
    return _TABLES.format(s="", integer="INTEGER", blob="BLOB", counted="", strict=" STRICT")


def campaign_tables_of_postgres() -> str:
    """SQL statements that create the tables of campaigns in the PostgreSQL schema `{schema}`."""
    return _TABLES.format(
        s="{schema}.",
        integer="bigint",
        blob="bytea",
        counted="GENERATED ALWAYS AS IDENTITY",
        strict="",
    )
