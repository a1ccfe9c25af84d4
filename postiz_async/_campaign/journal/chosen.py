"""Dates that are chosen for rows of a campaign, and written down before anything leaves.

A date is chosen once: for a row that says none or a relative one, or for any row whose date is
shifted beside what the file says. What the campaign said then is kept with it; the choice holds
while the campaign says the same, and else the campaign does. A chosen date is no part of a row's
identity (`Row.says` is), and a row leaves only with the date that is written down for it
(`other_dates`), so that hosts with one journal agree.

`choose_dates` is one transaction after the other, also across hosts: whoever chooses sees all that
was chosen before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from postiz_async._campaign.journal.rows import NOT_BEGUN, ChosenDate
from postiz_async._campaign.journal.tables import IN, Tables, in_groups
from postiz_async.stores import in_micros, in_seconds


class Choices(NamedTuple):
    """What is known when dates are chosen.

    `dates` are those chosen before, by ref. `begun` are refs of rows that are stored, or in a
    request whose outcome is unknown.
    """

    dates: Mapping[str, ChosenDate]
    begun: frozenset[str]


def choose_dates(
    t: Tables, choose: Callable[[Choices], Iterable[ChosenDate]]
) -> dict[str, ChosenDate]:
    """Choose dates and write them down; they replace earlier ones of their rows.

    Args:
        t: the tables.
        choose: returns the new dates; may be called more than once.

    Returns:
        All chosen dates, by ref.
    """
    t.execute(_IN_TURN)
    known = read_chosen(t)
    begun = frozenset(ref for (ref,) in t.execute(_BEGUN))
    put_chosen(t, choose(Choices(known, begun)))
    return read_chosen(t)


def read_chosen(t: Tables) -> dict[str, ChosenDate]:
    """Read all chosen dates, by ref."""
    return {
        ref: ChosenDate(ref, written, in_seconds(date), note)
        for ref, written, date, note in t.execute(_CHOSEN)
    }


def put_chosen(t: Tables, chosen: Iterable[ChosenDate]) -> None:
    """Write down chosen dates, in the place of earlier ones of their rows."""
    t.each(_PUT, ({**each._asdict(), "date": in_micros(each.seconds)} for each in chosen))


def other_dates(t: Tables, leaving: Mapping[str, ChosenDate]) -> list[str]:
    """Refs of rows for which another date was chosen meanwhile.

    Args:
        t: the tables.
        leaving: what rows say and the dates that they are to have, by ref.
    """
    return [
        ref
        for some in in_groups(leaving)
        for ref, written, date, _ in t.execute(f"{_CHOSEN} {IN.format('ref')}", **some)
        if written == leaving[ref].written and date != in_micros(leaving[ref].seconds)
    ]


_IN_TURN = "UPDATE {s}campaigns SET name = name WHERE id = :campaign"
"""Locks the campaign in PostgreSQL; in SQLite the transaction does."""

_BEGUN = f"""
SELECT ref FROM {{s}}campaign_rows
WHERE campaign = :campaign AND state NOT IN ({", ".join(f"'{each}'" for each in sorted(NOT_BEGUN))})
"""  # noqa: S608

_CHOSEN = "SELECT ref, written, date, note FROM {s}campaign_dates WHERE campaign = :campaign"

_PUT = """
INSERT INTO {s}campaign_dates (campaign, ref, written, date, note)
VALUES (:campaign, :ref, :written, :date, :note)
ON CONFLICT (campaign, ref) DO UPDATE
SET written = excluded.written, date = excluded.date, note = excluded.note
"""
