from __future__ import annotations

import socket

import pytest
from postgres_server import shared_server, why_no_postgres
from processes import PATIENCE
from redis_server import RedisServer

from postiz_async.stores.postgres import ddl


@pytest.fixture
def redis_url(redis: RedisServer) -> str:
    """The address of an empty database of a real Redis."""
    with socket.create_connection(("127.0.0.1", redis.port), timeout=PATIENCE) as connection:
        connection.sendall(b"FLUSHALL\r\n")
        assert connection.recv(16) == b"+OK\r\n"
    return redis.url


@pytest.fixture
def postgres_url() -> str:
    """The address of a database of a real PostgreSQL, with the tables for a quota."""
    if why_no_postgres():
        pytest.skip(why_no_postgres())
    return shared_server().new_database(ddl())
