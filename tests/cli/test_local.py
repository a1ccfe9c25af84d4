"""`sandbox --fault`, `--release`: what cannot be, and what it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cli_lab import write_campaign
from processes import PATIENCE, ended, sandbox_process, start

if TYPE_CHECKING:
    from pathlib import Path

    from cli_lab import Cli


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("--fault=drop", "--fault drop: there is no kind 'drop'; say drop_answer"),
        ("--fault=reset:route=post", "--fault reset:route=post: the routes are create_post, "),
        ("--fault=reset:120%", "--fault reset:120%: 120% is not a probability"),
        ("--release=new", "--release new: a release is written v1.2.3 or HEAD"),
    ],
)
def test_what_cannot_be_is_refused(cli: Cli, option: str, told: str) -> None:
    result = cli("sandbox", "--port", "0", option)
    assert result.code == 2
    assert result.err.startswith(f"error: {told}")


def test_a_fault_strikes_and_the_run_gets_over_it(tmp_path: Path) -> None:
    file = write_campaign(tmp_path / "c.csv", ("mastodon", "2027-01-20 09:00Z", "Hello"))
    options = ("--speed", "400", "--fault", "reset:route=create_post:times=1")
    with (
        sandbox_process(tmp_path / "sandbox", *options) as server,
        ended(start(["run", str(file), "--json"], tmp_path, server.environment)) as process,
    ):
        _, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, err
        assert server.struck == {"reset": 1}
        assert [post["content"] for post in server.posts] == ["Hello"]


def test_time_outs_on_the_clock_of_the_sandbox(tmp_path: Path) -> None:
    """The answer comes after ten seconds of the machine, before half a minute of it is over."""
    file = write_campaign(tmp_path / "c.csv", ("mastodon", "2027-01-20 09:00Z", "Hello"))
    options = ("--speed", "400", "--fault", "hang:delay=4000:route=create_post:times=1")
    with sandbox_process(tmp_path / "sandbox", *options) as server:
        environment = server.environment | {"POSTIZ_SANDBOX_CLOCK": "timeouts"}
        with ended(start(["run", str(file), "--json"], tmp_path, environment)) as process:
            _, err = process.communicate(timeout=PATIENCE)
        assert "did not answer within" in err
        assert len(server.posts) <= 1
        assert server.struck == {"hang": 1}
