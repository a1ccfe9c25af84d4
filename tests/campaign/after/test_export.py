"""What is in Postiz as a campaign file: says what it lacks, is refused until it is filled in."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest
from campaign_lab import START, Lab, at
from processes import until
from samples import PNG

from postiz_async._campaign.after.export import EXPORTED, ExportResult
from postiz_async._campaign.read.columns import COLUMNS
from postiz_async._campaign.read.source import read_campaign
from postiz_async._sandbox import StoredPost
from postiz_async.errors import CampaignError

CHANNELS = {"c-mastodon": "mastodon", "c-telegram": "telegram", "c-discord": "discord"}
WHOLE = {"start": START, "end": START + timedelta(days=60)}


def make_lab(folder: Path, **options: Any) -> Lab:
    folder.mkdir()
    lab = Lab(folder, **options)
    for id_, provider in CHANNELS.items():
        lab.channel(provider, id=id_, name=f"The {provider} one")
    for tag in ("launch", "coffee"):
        lab.sandbox.add_tag(tag)
    (folder / "a.png").write_bytes(PNG)
    (folder / "b.png").write_bytes(PNG + b"b")
    return lab


CAMPAIGN: list[dict[str, Any]] = [
    {"channel": "c-mastodon", "date": at(24), "content": 'Plain, with "quotes"; & < 3'},
    {"channel": "c-mastodon", "date": at(25), "content": "Two\nlines, # no comment"},
    {
        "channel": "c-telegram",
        "date": at(25),
        "content": "<p>Some <strong>bold</strong> &amp; Grüße ☃</p><p>=1+1</p>",
        "format": "html",
        "tags": ["launch", "coffee"],
    },
    {
        "channel": "c-mastodon",
        "date": at(26),
        "content": "With everything",
        "media": ["a.png", "b.png"],
        "thread": ["second", "third"],
    },
    {"channel": "c-discord", "date": at(27), "content": "x", "settings": {"channel": "42"}},
    {"channel": "c-mastodon", "date": at(28), "content": "A draft", "type": "draft"},
    {"channel": "c-telegram", "date": at(29), "content": "Again", "repeat_days": 30},
]


async def exported(lab: Lab, name: str, **options: Any) -> tuple[Path, ExportResult]:
    path = lab.folder / name
    async with lab.client() as postiz:
        done = await postiz.export(path, **(WHOLE | options))
    return path, done


def fill_csv(path: Path) -> None:
    """What a person does in a spreadsheet: say what the posts have, and that it is said."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    head = [line for line in lines if line.startswith("#")]
    rows = list(csv.DictReader(lines[len(head) :]))
    for row in rows:
        row["needs_media"] = ""
        if row["content"] == "With everything":
            row |= {"media": "a.png;b.png", "thread": '["second", "third"]'}
    with path.open("w", encoding="utf-8", newline="") as file:
        file.writelines(head)
        writer = csv.DictWriter(file, EXPORTED)
        writer.writeheader()
        writer.writerows(rows)


def fill_json(path: Path) -> None:
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for line in lines:
        line.pop("needs_media", None)
        if line.get("content") == "With everything":
            line |= {"media": ["a.png", "b.png"], "thread": ["second", "third"]}
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")


def essence(post: StoredPost) -> tuple[object, ...]:
    settings = {key: value for key, value in post.settings.items() if key != "client_ref"}
    parts = [(part.content, len(part.media)) for part in post.thread]
    day = post.date.replace(microsecond=0)
    what = (post.content, len(post.media), parts, sorted(post.tags), post.state)
    return (post.channel_id, day, *what, post.interval, settings)


@pytest.mark.parametrize(("name", "fill"), [("out.csv", fill_csv), ("out.jsonl", fill_json)])
async def test_exported_filled_in_and_run_elsewhere_gives_the_same_posts(
    tmp_path: Path, name: str, fill: Callable[[Path], None]
) -> None:
    here, there = make_lab(tmp_path / "here"), make_lab(tmp_path / "there")
    async with here.sandbox, there.sandbox:
        here.write(CAMPAIGN)
        assert (await here.run()).complete
        path, done = await exported(here, name)
        assert done.posts == len(CAMPAIGN)
        there.path = there.folder / name
        path.replace(there.path)
        async with there.client() as postiz, there.campaign(postiz) as campaign:
            assert [problem.where for problem in campaign.problems] == ["needs_media"] * len(
                CAMPAIGN
            )
        fill(there.path)
        report = await there.run()
        assert report.complete
        assert sorted(map(essence, there.sandbox.posts), key=repr) == sorted(
            map(essence, here.sandbox.posts), key=repr
        )


async def test_the_head_and_the_answer_say_what_the_file_lacks(tmp_path: Path) -> None:
    lab = make_lab(tmp_path / "here")
    async with lab.sandbox:
        lab.write(CAMPAIGN)
        await lab.run()
        path, done = await exported(lab, "out.csv")
        (note,) = done.notes
        assert "media and thread parts" in note
        text = path.read_text(encoding="utf-8")
        assert text.startswith("# 7 posts of http://sandbox.invalid, 2027-01-01 to 2027-03-02\n# ")
        assert f"# {note}\n" in text
        assert "client_ref" not in text
        assert "__type" not in text
        assert set(EXPORTED) <= set(COLUMNS)


async def test_a_release_without_settings_in_the_list_is_named(tmp_path: Path) -> None:
    lab = make_lab(tmp_path / "old", release="v2.23.0")
    async with lab.sandbox:
        lab.write(CAMPAIGN)
        await lab.run()
        path, done = await exported(lab, "out.csv")
        assert len(done.notes) == 2
        assert "Settings are missing too" in done.notes[1]
        fill_csv(path)
        assert {row.settings for row in read_campaign(path).rows} == {None}


async def test_channels_by_name_where_the_name_is_theirs_alone(tmp_path: Path) -> None:
    lab = make_lab(tmp_path / "here")
    async with lab.sandbox:
        lab.channel("threads", name="The Discord one")
        lab.write(CAMPAIGN)
        await lab.run()
        path, _ = await exported(lab, "out.csv", naming="name")
        fill_csv(path)
        found = {row.channel for row in read_campaign(path).rows}
        assert found == {"The mastodon one", "The telegram one", "c-discord"}


async def test_a_part_of_the_posts(tmp_path: Path) -> None:
    lab = make_lab(tmp_path / "here")
    async with lab.sandbox:
        lab.write(CAMPAIGN)
        await lab.run()
        _, done = await exported(lab, "1.csv", state="DRAFT")
        assert done.posts == 1
        _, done = await exported(lab, "2.csv", tag="coffee")
        assert done.posts == 1
        _, done = await exported(lab, "3.csv", channel="c-telegram")
        assert done.posts == 2
        _, done = await exported(lab, "4.csv", end=datetime.fromisoformat(at(1)))
        assert done.posts == 0


async def test_a_file_that_may_be_filled_in_is_not_overwritten(tmp_path: Path) -> None:
    lab = make_lab(tmp_path / "here")
    async with lab.sandbox:
        path, _ = await exported(lab, "out.csv")
        with pytest.raises(CampaignError, match="is there already"):
            await exported(lab, "out.csv")
        await exported(lab, "out.csv", overwrite=True)
        with pytest.raises(CampaignError, match="cannot be written"):
            await exported(lab, "no/such/folder.csv")
        assert path.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of POSIX")
async def test_a_cancelled_export_leaves_no_thread_that_still_writes(tmp_path: Path) -> None:
    lab = make_lab(tmp_path / "one")
    pipe = lab.folder / "out.jsonl"
    os.mkfifo(pipe)  # whoever writes waits until somebody reads
    async with lab.sandbox:
        lab.write(CAMPAIGN[:2])
        await lab.run()
        async with lab.client() as postiz:
            exporting = asyncio.create_task(postiz.export(pipe, overwrite=True, **WHOLE))
            threads = anyio.to_thread.current_default_thread_limiter()
            await until(lambda: lab.transport.sent and threads.borrowed_tokens)
            exporting.cancel()
            for _ in range(50):
                await asyncio.sleep(0)
            assert not exporting.done()
            text = await asyncio.to_thread(pipe.read_text, encoding="utf-8")
            with pytest.raises(asyncio.CancelledError):
                await exporting
    assert sum("needs_media" in line for line in text.splitlines()[2:]) == 2
