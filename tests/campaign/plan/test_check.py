from __future__ import annotations

from datetime import UTC, datetime, timedelta

from postiz_async._campaign.plan.check import check_dates
from postiz_async._campaign.read.rows import Row

NOW = datetime(2027, 1, 15, 9, tzinfo=UTC)


def test_dates_that_have_long_passed_are_one_problem() -> None:
    ages = (-60, 0, 60, 24 * 60, 3 * 24 * 60, 400 * 24 * 60)
    rows = [
        Row(number=n, ref=str(n), channel="x", date=NOW - timedelta(minutes=age))
        for n, age in enumerate(ages, 2)
    ]
    assert [(problem.row, problem.message) for problem in check_dates(rows, NOW, UTC)] == [
        (3, "2027-01-15 09:00 UTC has passed"),
        (4, "2027-01-15 08:00 UTC has passed"),
        (5, "has passed"),
        (6, "has passed"),
        (7, "has passed"),
    ]
