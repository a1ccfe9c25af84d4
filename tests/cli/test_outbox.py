"""`outbox`: making its tables, looking at it, clearing it."""

from __future__ import annotations

import pytest
from cli_lab import Cli, misfits
from postgres_server import shared_server, why_no_postgres

from postiz_async.stores.postgres import ddl

pytestmark = pytest.mark.skipif(bool(why_no_postgres()), reason=why_no_postgres())

TICKETS = """
INSERT INTO postiz_async.scopes (name, organization, base_url, trouble, ready_at, holder)
VALUES ('1', 'acme', 'https://a', '', 9e15, 'x'),
    ('2', 'globex', 'https://a', '401: no', 9e15, NULL),
    ('3', '', 'https://a', '', 0, NULL);
INSERT INTO postiz_async.deliveries
    (id, scope, version, state, due, is_dated, until, value, body, ended_at)
SELECT id, scope, 1, state, 1800000000000000, TRUE, 0, '{}', '{}',
    extract(epoch FROM now() - ended::interval) * 1000000
FROM (VALUES ('a', '1', 'planned', NULL), ('b', '1', 'stored', '2 hours'),
    ('c', '2', 'stored', '40 days'), ('d', '2', 'planned', NULL)) AS t (id, scope, state, ended)
"""


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> str:
    address = shared_server().new_database()
    monkeypatch.setenv("POSTIZ_STORE", address)
    return address


def name_of(address: str) -> str:
    return address.rpartition("/")[2]


def test_the_tables_are_made_once(cli: Cli, database: str) -> None:
    place = database.partition("@")[2]
    made = cli("outbox", "init")
    assert (made.code, made.out) == (0, f'The schema "postiz_async" in {place} was made.\n')
    again = cli("outbox", "init")
    assert (again.code, again.out) == (
        0,
        f'The schema "postiz_async" in {place} is there already, in this version.\n',
    )
    assert cli("outbox", "status").out == "No tickets.\n"


def test_the_statements_are_printed_for_a_migration(cli: Cli, database: str) -> None:
    result = cli("outbox", "init", "--sql", "--schema", "mine")
    assert (result.code, result.out) == (0, ddl("mine"))
    shared_server().run(result.out, database=name_of(database))
    assert cli("outbox", "status", "--schema", "mine").code == 0


def test_it_says_how_it_stands(cli: Cli, database: str) -> None:
    cli("outbox", "init")
    shared_server().run(TICKETS, database=name_of(database))
    lines = [line.split() for line in cli("outbox", "status").out.splitlines()]
    assert lines[:3] == [["state", "tickets"], ["planned", "2"], ["stored", "2"]]
    rest = [" ".join(line) for line in lines[3:]]
    assert rest == [
        "3 organisations: 1 being sent for, 1 waiting for their turn",
        "the first waiting ticket is for Fri 15 Jan 2027 08:00 UTC",
        "globex: 401: no",
    ]
    told = cli("outbox", "status", "--json").document
    assert told == {
        "tickets": {"planned": 2, "stored": 2},
        "organizations": 3,
        "in_turn": 1,
        "waiting": 1,
        "oldest": "2027-01-15T08:00:00Z",
        "troubles": {"globex": "401: no"},
    }


def test_what_was_over_for_long_is_removed(cli: Cli, database: str) -> None:
    cli("outbox", "init")
    shared_server().run(TICKETS, database=name_of(database))
    asked = cli("outbox", "prune")
    assert asked.code == 2
    assert "finished more than 30d ago? There is no terminal to ask on; say --yes" in asked.err
    assert cli("outbox", "prune", "--yes").out == "Removed 1 ticket.\n"
    told = cli("outbox", "prune", "--yes", "--keep", "1h", "--json").document
    assert (told, misfits("outbox prune", told)) == (1, [])
    assert cli("outbox", "status", "--json").document["tickets"] == {"planned": 2}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["status"], 'the schema "postiz_async" is not there, or not whole. `postiz-async outbox'),
        (["prune", "--yes"], 'the schema "postiz_async" is not there'),
        (["prune", "--keep", "soon"], "--keep is 'soon'; write it like 12h or 30d."),
        (["init", "--schema", "pg_mine"], "A schema cannot be called 'pg_mine'"),
        (["status", "--store", "https://host/x"], "A store cannot be at https://"),
        (["init", "--store", "postgresql://me:hidden@127.0.0.1:1/x"], "Is it running"),
    ],
)
def test_what_is_wrong_is_said(cli: Cli, database: str, arguments: list[str], told: str) -> None:
    del database
    result = cli("outbox", *arguments)
    assert result.code == 2
    assert told in " ".join(result.err.split())
    assert "hidden" not in result.err + result.out
    assert "Traceback" not in result.err


def test_a_database_is_asked_for(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POSTIZ_STORE", raising=False)
    result = cli("outbox", "status")
    assert result.code == 2
    assert "export POSTIZ_STORE=postgresql://" in result.err
