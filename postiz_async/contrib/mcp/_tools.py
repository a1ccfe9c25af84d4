"""The tools as data: name, scope, description, hints, arguments, work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from mcp import types

from postiz_async.contrib.mcp import _inputs as given
from postiz_async.contrib.mcp._campaigns import Campaigns
from postiz_async.contrib.mcp._desk import Desk, Kind, Progress
from postiz_async.contrib.mcp._plans import Answer, Plan

if TYPE_CHECKING:
    from postiz_async.types import Scope

Effect = Literal["reads", "adds", "changes", "destroys"]
PlanWork = Callable[["Hands", Any], Awaitable[tuple[Any, Answer]]]


class Hands(NamedTuple):
    """What does the work of tools."""

    desk: Desk
    campaigns: Campaigns


Run = Callable[[Hands, Any, Progress, Plan], Awaitable[Answer]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A tool.

    `plan` makes work that has to be confirmed; `run` gets the arguments, how to tell progress, and
    the plan that it carries out. With `keyed` it may be repeated.
    """

    name: str
    scope: Scope
    about: str
    effect: Effect
    args: type[given.Input]
    run: Run
    plan: PlanWork | None = None
    keyed: bool = False

    def listed(self) -> types.Tool:
        """The definition that clients get."""
        return types.Tool(
            name=self.name,
            description=self.about,
            input_schema=given.schema_of(self.args),
            annotations=types.ToolAnnotations(
                read_only_hint=self.effect == "reads",
                destructive_hint=self.effect in {"changes", "destroys"},
                idempotent_hint=self.effect != "adds" or self.keyed,
            ),
        )


def _read(
    name: str, args: type[given.Input], work: Callable[[Desk, Any], Awaitable[Answer]], about: str
) -> Tool:
    return Tool(name=name, scope="read", about=about, effect="reads", args=args, run=_simple(work))


def _simple(work: Callable[[Desk, Any], Awaitable[Answer]]) -> Run:
    return lambda hands, args, _progress, _plan: work(hands.desk, args)


def _creating(
    name: str, kind: Kind, scope: Scope, args: type[given.CreateArgs], about: str
) -> Tool:
    return Tool(
        name=name,
        scope=scope,
        about=about,
        effect="adds",
        args=args,
        run=lambda hands, args, progress, plan: hands.desk.create(kind, args, progress, plan),
        plan=lambda hands, args: hands.desk.planned(kind, args),
        keyed=True,
    )


def _of_campaigns(work: Callable[[Campaigns, Any], Awaitable[Answer]]) -> Run:
    return lambda hands, args, _progress, _plan: work(hands.campaigns, args)


_PLANNED = "Answers with a plan first; call again with only confirm=its id."

TOOLS: tuple[Tool, ...] = (
    _read("channels", given.NoArgs, Desk.channels, "List the connected channels."),
    _read(
        "rules",
        given.RulesArgs,
        Desk.rules,
        "What a network accepts: length, settings, media, pitfalls; of a channel, also its tools.",
    ),
    _read("find_slot", given.ChannelArgs, Desk.find_slot, "Find a channel's next free time."),
    _read(
        "trigger",
        given.TriggerArgs,
        Desk.trigger,
        "Look something up on a network, such as boards, with a tool of `rules`.",
    ),
    _read("check", given.CheckArgs, Desk.check, "Check posts without sending them."),
    _read(
        "preview",
        given.PreviewArgs,
        Desk.preview,
        "Show a text as a network would, with its length.",
    ),
    _read("list_posts", given.ListPostsArgs, Desk.list_posts, "List or search posts by date."),
    _read("get_post", given.PostArgs, Desk.get_post, "Get a post with its text."),
    _read("quota", given.NoArgs, Desk.quota, "Create requests left in this hour."),
    _read("analytics", given.AnalyticsArgs, Desk.analytics, "Figures of a channel or a post."),
    _read(
        "notifications", given.NotificationsArgs, Desk.notifications, "What Postiz told its users."
    ),
    _read("ticket", given.TicketArgs, Desk.ticket, "What became of posts in the outbox."),
    _creating(
        "draft",
        "draft",
        "draft",
        given.DatedCreateArgs,
        f"Store drafts, which costs one create request of the hour. {_PLANNED}",
    ),
    _creating(
        "schedule",
        "schedule",
        "schedule",
        given.DatedCreateArgs,
        f"Schedule posts for one date with one create request. {_PLANNED}",
    ),
    _creating(
        "publish_now",
        "now",
        "publish",
        given.CreateArgs,
        f"Publish posts at once with one create request. {_PLANNED}",
    ),
    Tool(
        name="replace",
        scope="update",
        about=f"Replace a post's whole content, media and thread; one create request. {_PLANNED}",
        effect="changes",
        args=given.ReplaceArgs,
        run=lambda hands, args, progress, _: hands.desk.replace(args, progress),
        plan=lambda hands, args: hands.desk.plan_replace(args),
    ),
    Tool(
        name="set_status",
        scope="update",
        about="Turn a post into a draft, or back; `schedule` needs the scope publish.",
        effect="changes",
        args=given.SetStatusArgs,
        run=_simple(Desk.set_status),
    ),
    Tool(
        name="delete",
        scope="delete",
        about=f"Delete posts by id; published ones stay on their network. {_PLANNED}",
        effect="destroys",
        args=given.DeleteArgs,
        run=_simple(Desk.delete),
        plan=lambda hands, args: hands.desk.plan_delete(args),
    ),
    Tool(
        name="withdraw",
        scope="delete",
        about="Take posts back from the outbox before they leave.",
        effect="destroys",
        args=given.TicketArgs,
        run=_simple(Desk.withdraw),
    ),
    Tool(
        name="upload",
        scope="media",
        about="Store a picture or video: a file below the media root, or an https address.",
        effect="adds",
        args=given.UploadArgs,
        run=_simple(Desk.upload),
    ),
    Tool(
        name="campaign_plan",
        scope="read",
        about="What is left to send of a campaign's file, its cost and its problems.",
        effect="reads",
        args=given.CampaignArgs,
        run=_of_campaigns(Campaigns.plan),
    ),
    Tool(
        name="campaign_status",
        scope="read",
        about="What became of a campaign's rows.",
        effect="reads",
        args=given.CampaignArgs,
        run=_of_campaigns(Campaigns.status),
    ),
    Tool(
        name="campaign_run",
        scope="schedule",
        about=f"Send a campaign's file in the background, each row once. {_PLANNED}",
        effect="adds",
        args=given.CampaignRunArgs,
        run=_of_campaigns(Campaigns.run),
        plan=lambda hands, args: hands.campaigns.plan_run(args),
        keyed=True,
    ),
    Tool(
        name="campaign_undo",
        scope="delete",
        about=f"Delete a campaign's posts that are still to come. {_PLANNED}",
        effect="destroys",
        args=given.CampaignRunArgs,
        run=_of_campaigns(Campaigns.undo),
        plan=lambda hands, args: hands.campaigns.plan_undo(args),
    ),
)
"""All tools, in the order in which clients see them."""
