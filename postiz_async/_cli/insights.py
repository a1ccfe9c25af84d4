"""The commands `analytics`, `notifications` and `users`."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import App, Parameter
from cyclopts.validators import Number

from postiz_async._cli.help import COMMON
from postiz_async._cli.options import ApiOptions
from postiz_async._cli.output import Output, count, short_moment
from postiz_async.models.insights import Metric, Notification

app = App(name="analytics", help="Figures of channels and posts.", group_parameters=COMMON)

Days = Annotated[Literal[7, 30, 90], Parameter(help="How many days back.")]

_BLOCKS = "▁▂▃▄▅▆▇█"
_ASCII = "_.-=+*#@"
_WIDTH = 60


@app.command
async def channel(channel: str, /, *, days: Days = 30, api: ApiOptions = ApiOptions()) -> None:
    """Show the figures of a channel.

    Args:
        channel: A channel: its id, its name, or its provider if it is the only one.
    """
    async with api.client() as postiz:
        metrics = await postiz.analytics.channel(channel, days=days)
    _show(Output(as_json=api.json), metrics)


@app.command
async def post(post_id: str, /, *, days: Days = 30, api: ApiOptions = ApiOptions()) -> None:
    """Show the figures of a post.

    Args:
        post_id: The id of a published post.
    """
    output = Output(as_json=api.json)
    async with api.client() as postiz:
        found = await postiz.analytics.post(post_id, days=days)
    if found.missing:
        output.say("Postiz does not know which item on the network this is; see: posts missing")
    _show(output, found.metrics)


def _show(output: Output, metrics: list[Metric]) -> None:
    if not metrics and not output.as_json:
        output.say("No figures: the network has none, or did not answer.")
        return
    encoding = output.out.encoding.lower()
    rows: list[tuple[str, str, str, str]] = []
    for metric in metrics:
        values = [value for point in metric.data if (value := point.value) is not None]
        last = f"{values[-1]:,.6g}" if values else "-"
        change = f"{metric.percentage_change:+g} %" if metric.percentage_change is not None else ""
        rows.append(
            (metric.label, sparkline(values, ascii_only="utf" not in encoding), last, change)
        )
    output.listing(metrics, ["figure", "by day", "last", "change"], rows)


def sparkline(values: list[float], *, ascii_only: bool = False) -> str:
    """A line of blocks, one per value, scaled from the lowest to the highest."""
    blocks = _ASCII if ascii_only else _BLOCKS
    shown = values[-_WIDTH:]
    if not shown:
        return ""
    low, high = min(shown), max(shown)
    span = (high - low) or 1.0
    return "".join(blocks[round((value - low) / span * (len(blocks) - 1))] for value in shown)


async def notifications(
    *,
    limit: Annotated[int, Parameter(validator=Number(gte=1))] = 20,
    api: ApiOptions = ApiOptions(),
) -> None:
    """Show Postiz's notifications, newest first.

    Args:
        limit: The largest number to show.
    """
    output = Output(as_json=api.json)
    found: list[Notification] = []
    async with api.client() as postiz:
        async for notification in postiz.notifications.list():
            found.append(notification)
            if len(found) >= limit:
                break
    if api.json:
        output.json(found)
    elif not found:
        output.say("There are no notifications.")
    else:
        zone = api.zone
        rows = [(short_moment(n.created_at, zone), n.content, n.link or "") for n in found]
        output.table([f"date ({zone})", "message", "link"], rows)


async def users(text: str | None = None, /, *, api: ApiOptions = ApiOptions()) -> None:
    """Find users of the instance, with the key of a super-admin.

    Postiz returns ten at most.

    Args:
        text: A part of a name, an e-mail address or an id; by default all users.
    """
    output = Output(as_json=api.json)
    async with api.client() as postiz:
        found = await postiz.users.search(text)
    if api.json:
        output.json(found)
        return
    output.table(
        ["organisation", "role", "name", "e-mail", "user"],
        [(m.organization.name, m.role, m.user.name or "", m.user.email, m.user.id) for m in found],
        whole={"e-mail", "user"},
        below=True,
    )
    output.say(count(len(found), "user"))
