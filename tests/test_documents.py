"""JSON documents of the values that a program has."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from jsonschema import Draft202012Validator

from postiz_async import InvalidPostError, Problem, QuotaWaitError, documents
from postiz_async.schemas import OUTPUTS, schema_of
from postiz_async.testing import Sandbox


def misfits(document: object, command: str) -> list[str]:
    """Why a document is not what a command prints."""
    plain = msgspec.json.decode(msgspec.json.encode(document))
    return [each.message for each in Draft202012Validator(schema_of(command)).iter_errors(plain)]


async def test_a_campaign_from_its_plan_to_its_undo(tmp_path: Path) -> None:
    box = Sandbox(channels=["mastodon"])
    async with box.client() as postiz:
        date = datetime.fromtimestamp(box.clock.time(), UTC) + timedelta(days=1)
        row = {"channel": "mastodon", "date": date.isoformat(), "content": "Hello"}
        rows = [{**row, "tolerance": "5m"}]
        async with postiz.campaign(rows, journal=tmp_path / "j.journal") as campaign:
            plan = documents.plan_document(campaign, await campaign.plan())
            assert plan["posts"] == 1
            assert [each["align"] for each in plan["estimates"]] == [None, "0s"]
            assert misfits(plan, "plan") == []
            assert misfits(documents.refused_document(campaign), "plan") == []
            report = documents.report_document(await campaign.run())
            assert [row["state"] for row in report["rows"]] == ["stored"]
            assert misfits(report, "report") == []
            update = documents.update_document(
                campaign, await campaign.update(dry_run=True), done=False
            )
            assert misfits(update, "update") == []
            undo = documents.undo_document(await campaign.undo(), done=True)
            assert [each["row"] for each in undo["deleted"]] == [1]
            assert misfits(undo, "undo") == []


def test_errors_are_objects_too() -> None:
    problem = Problem("date", "is over", row=3)
    refused = documents.error_object(InvalidPostError([problem]), 2)
    assert refused["problems"] == documents.problem_objects([problem])
    later = documents.error_object(QuotaWaitError("Wait.", retry_after=60.0), 1)
    assert (later["type"], later["retry_after"]) == ("QuotaWaitError", 60.0)
    for error in (refused, later):
        assert misfits({"version": documents.VERSION, "error": error}, "errors") == []


def test_each_command_has_a_schema_of_its_own_name() -> None:
    titles = [str(schema_of(command)["title"]) for command in OUTPUTS]
    assert len(set(titles)) == len(titles)
