"""`postiz-async providers`: what a network takes, without a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from postiz_async.providers import PROVIDERS

if TYPE_CHECKING:
    from cli_lab import Cli


def test_all_networks(cli: Cli) -> None:
    shown = cli("providers")
    assert shown.code == 0
    assert all(name in shown.out for name in PROVIDERS)
    assert [each["identifier"] for each in cli("providers", "--json").document] == list(PROVIDERS)


@pytest.mark.parametrize("name", ["x", "kick", "threads", "reddit"])
def test_one_network(cli: Cli, name: str) -> None:
    shown = cli("providers", name)
    assert shown.code == 0
    assert f"({name})" in shown.out
    document = cli("providers", name, "--json").document
    assert document["identifier"] == name
    assert all(field["name"] in shown.out for field in document["settings"])
    assert all(note in shown.out for note in (*document["notes"], *document["media"]))


@pytest.mark.parametrize(("name", "hint"), [("linkedn", "'linkedin'"), ("Dev.to", "'devto'")])
def test_a_misspelt_network(cli: Cli, name: str, hint: str) -> None:
    refused = cli("providers", name)
    assert refused.code == 2
    assert hint in refused.err
    assert cli("providers", name, "--json").document["error"]["problems"]
