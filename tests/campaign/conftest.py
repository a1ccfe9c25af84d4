"""A lab for each test, with three channels."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from campaign_lab import Lab


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    made = Lab(tmp_path)
    async with made.sandbox:
        yield made


@pytest.fixture
def channels(lab: Lab) -> list[str]:
    return [lab.channel(provider) for provider in ("mastodon", "telegram", "threads")]
