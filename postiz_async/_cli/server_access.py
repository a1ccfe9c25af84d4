"""What it takes to reach a server: said by options, by its profile, or by the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from postiz_async import Secret
from postiz_async._transport import (
    ConnectionSettings,
    headers_of_environment,
    tls_context,
)
from postiz_async._wire import checked_headers, headers_in, merged_headers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from postiz_async._transport import Trust
    from postiz_async._wire import Headers


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerAccess:
    """What it takes to reach a server, as options or its profile say it."""

    headers: Mapping[str, Secret] = field(default_factory=dict[str, Secret])
    ca_file: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    proxy: Secret | None = None


def find_headers(said: Iterable[Secret], access: ServerAccess | None) -> Headers:
    """Those of the profile where the server is its own, else the environment's; and of --header."""
    given = None if access is None else dict(access.headers)
    headers = checked_headers(headers_of_environment(given))
    lines = Secret("\n".join(each.reveal() for each in said))
    return merged_headers(headers, checked_headers(headers_in(lines, "--header")))


def find_settings(said: ServerAccess, access: ServerAccess | None) -> ConnectionSettings:
    """What connections are made with: as was said, else as the profile of the server has it."""
    access = access or ServerAccess()
    certificate, key = access.client_cert, access.client_key
    ca: Trust | None = said.ca_file or access.ca_file
    if said.client_cert is not None or said.client_key is not None:
        certificate, key = said.client_cert, said.client_key
    if certificate is not None or key is not None:
        authorities = said.ca_file or access.ca_file or os.environ.get("POSTIZ_CA_FILE") or None
        ca = tls_context(authorities, certificate=certificate, key=key)
    if said.proxy is not None:
        return ConnectionSettings.checked(ssl=ca, proxy=said.proxy, source="--proxy")
    return ConnectionSettings.checked(ssl=ca, proxy=access.proxy, source="the profile")
