from __future__ import annotations

import pytest
from postgres_server import shared_server, why_no_postgres

from postiz_async.stores.postgres import ddl


@pytest.fixture
def postgres_url() -> str:
    """The address of a database of a real PostgreSQL, with the tables for a quota."""
    if why_no_postgres():
        pytest.skip(why_no_postgres())
    return shared_server().new_database(ddl())
