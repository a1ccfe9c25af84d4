"""One outage is one pause of the whole job: one asks, nothing else is sent, and it is said once."""

from __future__ import annotations

import logging

import pytest
from campaign_lab import Lab, rows

from postiz_async import APIConnectionError, ConfigurationError
from postiz_async._sandbox import Fault
from postiz_async._scheduler.limits import MAX_CREATES
from postiz_async._wire import WireRequest, WireResponse

LASTS = 600


def is_create(request: WireRequest) -> bool:
    return request.method == "POST" and request.url.endswith("/posts")


@pytest.mark.parametrize(
    "fault",
    [
        Fault("reset", times=None),
        Fault("empty_401", times=None),
        Fault("error_before", status=502, times=None),
        Fault("error_before", status=500, times=None),
        Fault("html", times=None),
        Fault("error_before", status=302, times=None),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}",
)
async def test_nothing_but_one_question_is_sent_in_an_outage(
    lab: Lab, channels: list[str], fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    lab.write(rows(channels, 150))
    sent: list[int] = []

    def begins() -> None:
        sent.append(len(lab.transport.sent))
        lab.sandbox.faults.add(fault)
        lab.clock.call_at(lab.clock.monotonic() + LASTS, ends)

    def ends() -> None:
        sent.append(len(lab.transport.sent))
        lab.sandbox.faults.clear()

    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        done = 0
        with caplog.at_level(logging.INFO, "postiz_async.campaign"):
            async for _ in campaign.run():
                done += 1
                if done == 30:
                    begins()
        assert (await campaign.report()).complete
    during = lab.transport.sent[slice(*sent)]
    assert sum(map(is_create, during)) <= MAX_CREATES, "those that were leaving as it began"
    questions = [each for each in during if each.url.endswith("/is-connected")]
    assert 6 <= len(questions) <= 7
    assert len(during) <= MAX_CREATES + len(questions)
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert [text.partition(" ")[0] for text in said] == ["paused", "goes"]
    assert "10 min" in said[1] or "13 min" in said[1]
    lab.assert_each_once(f"post {n}" for n in range(150))


async def test_the_create_that_proves_a_loss_waits_for_postiz_as_all_do(
    lab: Lab, channels: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """An answer is lost and nothing follows it; then Postiz is away, and one request asks."""
    lab.write(rows(channels, 1))
    lab.sandbox.faults.add(Fault("reset", route="create_post"))
    left: list[float] = []
    async with lab.client() as postiz, lab.campaign(postiz) as campaign:
        sending = lab.transport.send

        async def send(request: WireRequest) -> WireResponse:
            if is_create(request):
                left.append(lab.clock.monotonic())
            if len(left) == 2 and not lab.sandbox.faults.pending:
                lab.sandbox.faults.add(Fault("empty_401", times=None))
                lab.clock.call_at(left[1] + LASTS, lab.sandbox.faults.clear)
            return await sending(request)

        lab.transport.send = send  # type: ignore[method-assign]
        assert (await campaign.run()).complete
    assert not [at for at in left if left[1] < at < left[1] + LASTS]
    assert lab.creates == [400, 201], "an empty one, and the post"
    assert [text.partition(" ")[0] for text in caplog.messages] == ["paused", "goes"]
    lab.assert_each_once(["post 0"])


async def test_stored_rows_show_that_the_address_is_right(lab: Lab, channels: list[str]) -> None:
    """A page is an outage for a process that has nothing but the journal."""
    lab.write(rows(channels, 2))
    lab.sandbox.faults.add(Fault("html", times=None))
    async with lab.client() as postiz:
        with pytest.raises(ConfigurationError, match="lacks /api"):
            await lab.campaign(postiz).open()
    lab.sandbox.faults.clear()
    await lab.run()
    lab.write(rows(channels, 4))
    lab.sandbox.faults.add(Fault("html", times=None))
    in_front = pytest.raises(APIConnectionError, match="Somebody in front of Postiz answers")
    async with lab.client() as postiz:
        with in_front:
            await lab.campaign(postiz).open()
    async with lab.client() as postiz:
        status = await postiz.sent_campaign(lab.path, journal=lab.journal).status()
    assert status.asked_at is None
    assert "Somebody in front of Postiz answers" in status.remarks[0]
    lab.sandbox.faults.clear()
    assert (await lab.run()).complete
