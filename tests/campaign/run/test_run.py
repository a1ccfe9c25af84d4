from __future__ import annotations

import shutil
import threading
from collections import Counter
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import msgspec
import pytest
from campaign_lab import START, WITH_DOUBLES, Lab, at, bad, counted, rows, with_bad
from samples import MP4, PNG

from postiz_async import AdvancedOptions, CampaignError, InvalidPostError
from postiz_async._campaign.after.report import Report
from postiz_async._campaign.journal.summary import Summary, read_summary
from postiz_async._campaign.run import resume
from postiz_async._delivery.outcomes import RowState
from postiz_async._sandbox import Fault
from postiz_async.errors import AuthenticationError, PlanLimitError
from postiz_async.testing._transport import sandbox_client


def states(report: Report) -> dict[str, int]:
    return report.counts


# ------------------------------------------------------------------ the whole way


async def test_the_sample_campaign_is_stored_exactly_once(tmp_path: Path) -> None:
    with as_file(files("postiz_async._sandbox") / "sample") as sample:
        shutil.copytree(sample, tmp_path, dirs_exist_ok=True)
    lab = Lab(tmp_path, limit=30)
    lab.path = tmp_path / "campaign.csv"
    for channel in msgspec.json.decode(read(tmp_path / "channels.json")):
        lab.channel(channel["provider"], id=channel["id"], name=channel["name"])
    async with lab.sandbox, lab.client() as postiz, lab.campaign(postiz) as campaign:
        requests = len(campaign.requests)
        plan = await campaign.plan()
        assert plan.late == ()
        report = await campaign.run()
        expected = Counter((row.number, len(row.media)) for row in campaign.rows)
        assert report.complete
        assert report.requests == requests == len({(row.date, row.shared) for row in campaign.rows})
    posts = lab.sandbox.posts
    assert len(posts) == sum(expected.values()) == len(report.rows)
    assert len({record.post_id for record in report.rows}) == len(posts)
    assert len(lab.sandbox.uploads) == len({m for post in posts for m in post.media})
    assert lab.sandbox.refusals == 0
    by_id = {post.id: post for post in posts}
    for record in report.rows:
        stored = by_id[record.post_id or ""]
        assert stored.channel_id == record.channel
        assert abs(stored.date.timestamp() - record.seconds) < 1


async def test_a_job_longer_than_a_window_waits_for_the_next(lab: Lab, channels: list[str]) -> None:
    lab.write(rows(channels, 60 * 6))
    report = await lab.run()
    assert report.complete
    lab.assert_each_once(f"post {n}" for n in range(360))
    moments = [create.at for create in lab.sandbox.creates]
    assert len(moments) == 60
    assert 3_600 <= moments[-1] - moments[0] < 3_700


async def test_outcomes_come_as_they_happen(lab: Lab, channels: list[str]) -> None:
    lab.write(rows(channels, 9))
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        seen = [outcome async for outcome in campaign.run()]
    assert sorted(outcome.row for outcome in seen) == list(range(1, 10))
    assert {outcome.state for outcome in seen} == {RowState.STORED}
    assert {outcome.post_id for outcome in seen} == {post.id for post in lab.sandbox.posts}


async def test_running_again_sends_nothing_neither_in_this_process_nor_in_the_next(
    lab: Lab, channels: list[str]
) -> None:
    lab.write(rows(channels, 12))
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        for _ in range(3):
            assert (await campaign.run()).complete
            assert campaign.requests == []
    await lab.run()
    lab.assert_each_once(f"post {n}" for n in range(12))


async def test_a_plan_after_a_run_reads_the_journal_beside_the_event_loop(
    lab: Lab, channels: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    readers: list[threading.Thread] = []

    def reading(path: Path) -> Summary:
        readers.append(threading.current_thread())
        return read_summary(path)

    monkeypatch.setattr(resume, "read_summary", reading)
    lab.write(rows(channels, 12))
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        assert (await campaign.run()).complete
        readers.clear()
        assert (await campaign.plan()).requests == 0
        assert len(readers) == 1
        assert threading.main_thread() not in readers
        assert campaign.is_resumed
        assert len(readers) == 1


async def test_a_run_between_our_look_and_ours_is_noticed(lab: Lab, channels: list[str]) -> None:
    """Somebody plans, thinks, and lets another process run the same file meanwhile."""
    lab.write(rows(channels, 12))
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        await campaign.plan()
        await lab.run()
        assert (await campaign.run()).complete
    lab.assert_each_once(f"post {n}" for n in range(12))


async def test_two_runs_at_once_are_one_too_many(lab: Lab, channels: list[str]) -> None:
    lab.write(rows(channels, 12))
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        async for _ in campaign.run():
            with pytest.raises(CampaignError, match="Another process is working"):
                await lab.run()
    lab.assert_each_once(f"post {n}" for n in range(12))


async def test_every_kind_of_row_is_stored_as_it_was_written(lab: Lab, channels: list[str]) -> None:
    lab.sandbox.add_tag("news")
    write(lab.folder / "a.png", PNG)
    write(lab.folder / "film.mp4", MP4)
    lab.write(
        [
            {
                "channel": channels[0],
                "date": at(24),
                "content": "full",
                "media": ["a.png", "film.mp4"],
                "tags": ["news"],
                "settings": {"visibility": "unlisted"},
                "thread": ["second", "third"],
                "repeat_days": 7,
            },
            {"channel": "telegram", "date": at(24), "content": "draft", "type": "draft"},
            {"channel": channels[2], "date": at(24), "content": "now", "type": "now"},
        ]
    )
    assert (await lab.run()).complete
    by_content = {post.content: post for post in lab.sandbox.posts}
    full = by_content["full"]
    assert [path[-4:] for path in full.media] == [".png", ".mp4"]
    assert (full.tags, full.interval) == (("news",), 7)
    assert [part.content for part in full.thread] == ["second", "third"]
    assert full.settings["visibility"] == "unlisted"
    assert by_content["draft"].state == "DRAFT"
    assert abs((by_content["now"].date - START).total_seconds()) < 60


async def test_equal_files_are_uploaded_once(lab: Lab, channels: list[str]) -> None:
    write(lab.folder / "a.png", PNG)
    write(lab.folder / "same.png", PNG)
    write(lab.folder / "other.png", PNG + b"other")
    records = rows(channels, 9)
    for record, name in zip(records, ["a.png", "same.png", "other.png"] * 3, strict=True):
        record["media"] = name
    lab.write(records)
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        assert (await campaign.plan()).media_files == 2
        await campaign.run()
        assert campaign.progress.uploads == 2
    assert len(lab.sandbox.uploads) == 2
    await lab.run()
    assert len(lab.sandbox.uploads) == 2


async def test_a_medium_that_the_server_refuses_concerns_only_its_rows(
    lab: Lab, channels: list[str]
) -> None:
    write(lab.folder / "a.png", PNG)
    records = rows(channels, 6)
    records[2]["media"] = records[5]["media"] = "a.png"
    lab.write(records)
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        lab.transport.refuses_uploads = True
        report = await campaign.run()
    assert states(report) == {"stored": 4, "refused": 2}
    assert report.troubles()[0].note == "media a.png: Unsupported file type."
    lab.assert_each_once(f"post {n}" for n in range(6) if n not in {2, 5})


async def test_the_key_is_in_no_file(tmp_path: Path) -> None:
    key = "k3y-" + "7" * 20
    lab = Lab(tmp_path, api_key=key)
    async with lab.sandbox:
        lab.write(rows([lab.channel("mastodon")], 3))
        async with lab.client() as postiz, lab.campaign(postiz) as campaign:
            report = await campaign.run()
            written = b"".join(read(path) for path in files_in(tmp_path))
    assert b"post 2" in written
    assert key.encode() not in written
    assert key not in repr([campaign, report, report.to_csv()])


# ------------------------------------------------------------------ while there are problems


async def test_nothing_is_sent_and_no_journal_made_while_there_are_problems(
    lab: Lab, channels: list[str]
) -> None:
    twins = [lab.channel("x", name="Twin"), lab.channel("x", name="Twin")]
    lab.channel("bluesky", name="Off", disabled=True)
    write(lab.folder / "text.png", b"no picture")
    records = rows(channels, 2)
    records += [
        {"channel": "mastodn", "date": at(9), "content": "a"},
        {"channel": "Twin", "date": at(9), "content": "a"},
        {"channel": "x", "date": at(9), "content": "a"},
        {"channel": "Off", "date": at(9), "content": "a"},
        {"channel": channels[0], "date": at(-1), "content": "a"},
        {"channel": channels[0], "date": at(9), "content": "a", "media": "text.png"},
        {"channel": channels[0], "date": at(9), "content": "a", "media": "none.png"},
        {"channel": channels[0], "date": at(9), "content": "x" * 110_000},
        {"channel": channels[0], "date": "soon", "content": "a"},
    ]
    lab.write(records)
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        assert [(problem.row, problem.where) for problem in campaign.problems] == [
            (3, "channel"),
            (4, "channel"),
            (5, "channel"),
            (6, "channel"),
            (7, "date"),
            (8, "media"),
            (9, "media"),
            (10, "content"),
            (11, "date"),
        ]
        texts = [str(problem) for problem in campaign.problems]
        assert "did you mean 'mastodon'?" in texts[0]
        assert all(twin in texts[1] and twin in texts[2] for twin in twins)
        assert "disabled" in texts[3]
        for call in (campaign.plan, campaign.run):
            with pytest.raises(InvalidPostError, match="9 problems, nothing was sent"):
                await call()
        with pytest.raises(CampaignError, match="has not been run"):
            await campaign.report()
    assert lab.sandbox.creates == ()
    assert lab.sandbox.uploads == ()
    assert not is_there(lab.journal)


async def test_rows_with_problems_can_be_left_out_on_purpose(lab: Lab, channels: list[str]) -> None:
    lab.write([*rows(channels, 3), {"channel": "nobody", "date": at(9), "content": "a"}])
    report = await lab.run(skip_invalid=True)
    assert states(report) == {"stored": 3}
    assert [problem.row for problem in report.left_out] == [4]
    lab.assert_each_once(f"post {n}" for n in range(3))


# ------------------------------------------------------------------ one bad post


async def test_bad_posts_that_the_message_names_cost_one_request_more(
    lab: Lab, channels: list[str]
) -> None:
    def judge(posts: list[dict[str, Any]]) -> dict[str, Any] | None:
        texts = [f"posts.{n}.value.0.image.0.path must be fine" for n in bad(posts)]
        return {"message": texts, "error": "Bad Request", "statusCode": 400} if texts else None

    lab.judge = judge
    lab.write(with_bad(channels, 12, 3, 7))
    report = await lab.run()
    assert states(report) == {"stored": 10, "refused": 2}
    assert [record.number for record in report.troubles()] == [4, 8]
    assert "posts.3.value.0" in report.troubles()[0].note
    assert lab.creates == [400, 201]
    lab.assert_each_once(f"post {n}" for n in range(12) if n not in {3, 7})
    assert (await lab.run()).counts == report.counts


async def test_a_bad_post_is_known_as_the_only_one_on_its_channel(
    lab: Lab, channels: list[str]
) -> None:
    names = {each.id: each for each in lab.sandbox.organization.channels.values()}

    def judge(posts: list[dict[str, Any]]) -> dict[str, Any] | None:
        for place in bad(posts):
            channel = names[posts[place]["integration"]["id"]]
            where = {"provider": channel.provider, "name": channel.name}
            return {"statusCode": 400, "message": "post is too long, please fix it"} | where
        return None

    lab.judge = judge
    lab.write([*with_bad(channels, 3, 1), *with_bad(channels[:1], 4)])
    report = await lab.run(reading=WITH_DOUBLES)
    assert states(report) == {"stored": 6, "refused": 1}
    assert report.troubles()[0].note == "post is too long, please fix it"
    assert lab.creates == [400, 201]


async def test_a_channel_that_is_gone_is_known_by_its_id(lab: Lab, channels: list[str]) -> None:
    def judge(posts: list[dict[str, Any]]) -> dict[str, Any] | None:
        if all(post["integration"]["id"] != channels[1] for post in posts):
            return None
        text = f"Integration with id {channels[1]} not found"
        return {"message": text, "error": "Bad Request", "statusCode": 400}

    lab.judge = judge
    lab.write(with_bad(channels, 30))
    report = await lab.run()
    assert states(report) == {"stored": 20, "refused": 10}
    assert lab.creates == [400, 201]


async def test_odd_indices_in_a_message_refuse_nobody_else(lab: Lab, channels: list[str]) -> None:
    text = "posts.99.x is wrong, posts.99999999999999999999.y too"
    lab.judge = lambda posts: {"msg": text} if bad(posts) else None
    lab.write(with_bad(channels, 4, 2))
    report = await lab.run()
    assert states(report) == {"stored": 3, "refused": 1}


async def test_a_body_that_grew_too_large_is_halved_without_spending_a_request(
    lab: Lab, channels: list[str]
) -> None:
    """The paths of uploads may be longer than was reckoned with."""
    lab.sandbox.host = "http://" + "long." * 3_000 + "example"
    write(lab.folder / "a.png", PNG)
    records = [row | {"date": at(9), "media": "a.png"} for row in rows(channels, 12)]
    lab.write(records)
    report = await lab.run()
    assert report.complete
    assert set(lab.creates) == {201}
    lab.assert_each_once(f"post {n}" for n in range(12))


# ------------------------------------------------------------------ late rows


async def test_rows_that_cannot_leave_in_time_are_kept_unsent_and_reported(
    lab: Lab, channels: list[str]
) -> None:
    records = [
        {"channel": channels[0], "date": at(0.5 + n / 1000), "content": f"{n}"} for n in range(40)
    ]
    lab.write(records)
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        assert [row.number for row in (await campaign.plan()).late] == list(range(31, 41))
        report = await campaign.run()
    assert states(report) == {"published": 30, "late": 10}
    assert "date passed" in report.troubles()[0].note
    again = await lab.run()
    assert states(again) == {"published": 30, "late": 10}
    later = await lab.run(late="send")
    assert counted(later) == {"stored": 40}
    lab.assert_each_once(f"{n}" for n in range(40))


# ------------------------------------------------------------------ stops


async def test_a_wrong_key_in_the_middle_stops_the_job_which_can_go_on(
    lab: Lab, channels: list[str]
) -> None:
    lab.write(rows(channels, 60))
    key = lab.sandbox.organization.api_key

    async with lab.client() as postiz, lab.campaign(postiz) as campaign:

        def rotate() -> None:
            lab.sandbox.organization.api_key = "another"

        lab.transport.after[len(lab.transport.sent) + 6] = rotate
        with pytest.raises(AuthenticationError, match="Invalid API key"):
            await campaign.run()
    lab.sandbox.organization.api_key = key
    summary = read_summary(lab.journal)
    assert {record.state for record in summary.rows} == {RowState.STORED, RowState.PLANNED}
    assert (await lab.run()).complete
    lab.assert_each_once(f"post {n}" for n in range(60))


async def test_a_full_plan_stops_the_job(lab: Lab, channels: list[str]) -> None:
    lab.sandbox.organization.posts_per_month = 12
    lab.write(rows(channels, 30))
    with pytest.raises(PlanLimitError):
        await lab.run()
    lab.sandbox.organization.posts_per_month = None
    assert (await lab.run()).complete
    lab.assert_each_once(f"post {n}" for n in range(30))


async def test_a_web_page_in_the_place_of_an_answer_is_waited_out(
    lab: Lab, channels: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    lab.write(rows(channels, 30))
    lab.sandbox.faults.add(Fault("html", route="create_post"))
    assert (await lab.run()).complete
    lab.assert_each_once(f"post {n}" for n in range(30))
    assert "paused until Postiz is back: Somebody in front of Postiz answers: a page" in caplog.text


async def test_leaving_the_block_ends_what_is_in_flight_and_sends_no_more(
    lab: Lab, channels: list[str]
) -> None:
    lab.write(rows(channels, 120))
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        async for _ in campaign.run():
            break
    sent = len(lab.sandbox.creates)
    assert 1 <= sent <= 5
    summary = read_summary(lab.journal)
    assert {record.state for record in summary.rows} == {RowState.STORED, RowState.PLANNED}
    await lab.clock.sleep(4_000)
    assert len(lab.sandbox.creates) == sent
    assert (await lab.run()).complete
    lab.assert_each_once(f"post {n}" for n in range(120))


async def test_an_error_in_the_block_comes_out_as_it_is(lab: Lab, channels: list[str]) -> None:
    lab.write(rows(channels, 120))
    for turns in range(6):
        async with lab.client() as postiz, lab.campaign(postiz) as campaign:
            with pytest.raises(ZeroDivisionError):
                await fail_after(campaign, turns)
    assert (await lab.run()).complete
    lab.assert_each_once(f"post {n}" for n in range(120))


async def fail_after(campaign: Any, turns: int) -> None:
    outcomes = aiter(campaign.run())
    for _ in range(turns):
        await anext(outcomes)
    raise ZeroDivisionError


async def test_what_a_hook_raises_comes_out_and_the_next_run_goes_on(
    lab: Lab, channels: list[str]
) -> None:
    lab.write(rows(channels, 40))

    async def hook(_: object) -> None:
        raise ZeroDivisionError("the user's own")

    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        with pytest.raises(ZeroDivisionError, match="the user's own"):
            await campaign.run(hook)
        stored = len(lab.sandbox.posts)
    assert 0 < stored < 40
    assert states(await lab.run()) == {"stored": 40}
    lab.assert_each_once(f"post {n}" for n in range(40))


# ------------------------------------------------------------------ foreign journals, edited files


async def test_a_journal_of_another_campaign_is_refused(lab: Lab, channels: list[str]) -> None:
    lab.write(rows(channels, 6))
    await lab.run()
    before = read(lab.journal)
    others = rows(channels, 6, hours=500)
    lab.write([row | {"content": "other " + row["content"]} for row in others])
    with pytest.raises(CampaignError, match="belongs to another campaign"):
        await lab.run()
    assert read(lab.journal) == before


async def test_a_journal_of_another_organisation_is_refused(lab: Lab, channels: list[str]) -> None:
    lab.write(rows(channels, 6))
    await lab.run()
    other = lab.sandbox.add_organization(api_key="other")
    lab.sandbox.add_channel("mastodon", organization=other)
    async with sandbox_client(lab.sandbox, organization=other) as postiz:
        with pytest.raises(CampaignError, match="belongs to another organisation"):
            async with lab.campaign(postiz) as campaign:
                await campaign.run()


async def test_a_journal_of_another_server_is_refused_before_anything_is_asked(
    lab: Lab, channels: list[str]
) -> None:
    lab.write(rows(channels, 6))
    await lab.run()
    postiz = lab.client()
    postiz = type(postiz)(
        api_key="sandbox",
        base_url="http://elsewhere.invalid",
        advanced=AdvancedOptions(clock=lab.clock, transport=lab.transport),
    )
    async with postiz:
        with pytest.raises(CampaignError, match=r"belongs to http://sandbox\.invalid"):
            async with lab.campaign(postiz):
                pass
    assert lab.transport.sent == []


async def test_a_garbage_journal_is_refused(lab: Lab, channels: list[str]) -> None:
    lab.write(rows(channels, 6))
    write(lab.journal, b"notes about lunch")
    with pytest.raises(CampaignError, match="no journal"):
        await lab.run()
    assert read(lab.journal) == b"notes about lunch"


async def test_an_edited_campaign_goes_on_where_it_can(lab: Lab, channels: list[str]) -> None:
    records = [row | {"ref": f"r{n}"} for n, row in enumerate(rows(channels, 240))]
    lab.write(records)
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        async for _ in campaign.run():
            break
    journal = {record.ref: record for record in read_summary(lab.journal).rows}
    stored = [ref for ref, record in journal.items() if record.state is RowState.STORED]
    planned = [ref for ref, record in journal.items() if record.state is RowState.PLANNED]
    by_ref = {record["ref"]: record for record in records}
    by_ref[stored[0]]["content"] = "changed after it was stored"
    by_ref[planned[0]]["content"] = "changed before it was sent"
    del by_ref[planned[1]]
    by_ref["new"] = rows(channels, 1)[0] | {"ref": "new", "content": "new"}
    lab.write(reversed(list(by_ref.values())))
    report = await lab.run()
    assert states(report) == {"stored": 240, "skipped": 1}
    gone = {int(ref[1:]) for ref in (stored[0], planned[0], planned[1])}
    expected = [f"post {n}" for n in range(240) if n not in gone]
    lab.assert_each_once(
        [*expected, "changed after it was stored", "changed before it was sent", "new"]
    )
    numbers = {record.ref: record.number for record in report.rows}
    assert numbers["new"] == 1
    assert numbers["r0"] == 240
    # a row that comes back is sent after all
    lab.write([*by_ref.values(), records[int(planned[1][1:])]])
    assert states(await lab.run()) == {"stored": 241}


async def test_rows_that_differ_in_settings_alone_may_be_reordered_while_unsent(
    lab: Lab, channels: list[str]
) -> None:
    records = [
        {
            "channel": channels[0],
            "date": at(24),
            "content": "pin",
            "settings": {"board": f"{n}"},
            "tags": [],
            "repeat_days": n + 1,  # each in a request of its own
        }
        for n in range(12)
    ]
    lab.write(records)
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        async for _ in campaign.run():
            break
    lab.write(reversed(records))
    assert (await lab.run()).complete
    boards = Counter(post.settings["board"] for post in lab.sandbox.posts)
    assert boards == Counter(f"{n}" for n in range(12))


async def test_a_media_file_that_changes_under_way_stops_the_job_before_its_post(
    lab: Lab, channels: list[str]
) -> None:
    write(lab.folder / "a.png", PNG)
    records = rows(channels, 6)
    records[3]["media"] = "a.png"
    lab.write(records)
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        write(lab.folder / "a.png", PNG + b"changed")
        with pytest.raises(CampaignError, match=r"a\.png is not what it was"):
            await campaign.run()
    assert "post 3" not in lab.contents()
    assert (await lab.run()).complete
    lab.assert_each_once(f"post {n}" for n in range(6))


async def test_posts_of_one_moment_share_a_request(lab: Lab, channels: list[str]) -> None:
    lab.write(rows(channels, 100))
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        assert len(campaign.requests) == 17


# ------------------------------------------------------------------ files, outside of the loop


def read(path: Path) -> bytes:
    return path.read_bytes()


def write(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_file()]


def is_there(path: Path) -> bool:
    return path.exists()
