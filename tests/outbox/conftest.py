"""The outbox in each place where it can be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from outbox_lab import PLACES, OutboxLab
from postgres_lab import Place
from postgres_server import why_no_postgres

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

needs_postgres = pytest.mark.skipif(bool(why_no_postgres()), reason=why_no_postgres())


@pytest.fixture
def place() -> Place:
    """A schema of its own in a real PostgreSQL."""
    if why_no_postgres():
        pytest.skip(why_no_postgres())
    return Place.made()


@pytest.fixture(params=PLACES)
async def lab(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[OutboxLab]:
    """What holds wherever the outbox is."""
    database = request.getfixturevalue("place") if request.param == "postgres" else None
    made = OutboxLab(tmp_path, database=database)
    async with made.sandbox:
        yield made


@pytest.fixture
async def file_lab(tmp_path: Path) -> AsyncIterator[OutboxLab]:
    """An outbox in a file."""
    made = OutboxLab(tmp_path)
    async with made.sandbox:
        yield made


@pytest.fixture
async def lab_in_postgres(place: Place, tmp_path: Path) -> AsyncIterator[OutboxLab]:
    """An outbox in PostgreSQL."""
    made = OutboxLab(tmp_path, database=place)
    async with made.sandbox:
        yield made
