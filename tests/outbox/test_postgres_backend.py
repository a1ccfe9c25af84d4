"""What a client says of an outbox in PostgreSQL when it opens it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from outbox_lab import OutboxLab

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from postgres_lab import Place


async def test_what_was_handed_over_with_another_key_is_not_forgotten_in_silence(
    place: Place, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lab = OutboxLab(tmp_path, database=place)
    async with lab.sandbox, lab.client() as postiz:
        await lab.put(postiz, 1)
        [(quota,)] = place.run("SELECT quota FROM organizations")
        place.run(
            "INSERT INTO organizations (quota, organization, base_url, ready_at) VALUES "
            "('old', '', 'https://x', now() - interval '1 hour'), "
            "('new', '', 'https://x', now() - interval '1 minute'), "
            "('named', 'acme', 'https://x', now() - interval '1 hour')"
        )
        place.run(f"UPDATE organizations SET ready_at = now() WHERE quota = '{quota}'")
    with caplog.at_level(logging.WARNING, "postiz_async.outbox"):
        async with lab.sandbox, lab.client():
            pass
    assert [record.getMessage().partition(" wait")[0] for record in caplog.records] == [
        "hand-overs with 1 other keys"
    ]
