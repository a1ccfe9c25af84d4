"""The options of clients and pools that a sandbox makes, which are those of `Postiz`."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import timedelta
    from pathlib import Path
    from ssl import SSLContext

    from postiz_async._outbox.pool_outbox import CredentialsOf
    from postiz_async._outbox.tickets import OutboxOptions
    from postiz_async._settings import AdvancedOptions
    from postiz_async._wire.secrets import Secret
    from postiz_async.errors import Scope
    from postiz_async.stores import Records


class _CommonOptions(TypedDict, total=False):
    base_url: str | None
    store: Records | Path | Secret | str | None
    validate: bool
    timeout: float | timedelta | None
    max_wait: float | timedelta | None
    max_retries: int
    headers: Mapping[str, str | Secret] | None
    ssl: SSLContext | None
    proxy: str | Secret | None
    drain: float | timedelta | None
    allow: Collection[Scope] | None
    advanced: AdvancedOptions | None


class ClientOptions(_CommonOptions, total=False):
    """The options of `Postiz` but for `organization`, which is one of the sandbox's."""

    api_key: str | Secret | None
    outbox: OutboxOptions | Path | Secret | str | None


class PoolOptions(_CommonOptions, total=False):
    """The options of `PostizPool`."""

    outbox: OutboxOptions | Secret | str | None
    credentials: CredentialsOf | None
    connections: int | None
    max_clients: int
