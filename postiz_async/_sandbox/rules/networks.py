"""The social networks that the server knows, with the facts in the API's answers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from postiz_async._sandbox.rows import UNRELEASED, Release, Version
from postiz_async._sandbox.rules.fields import FieldRule
from postiz_async._sandbox.rules.media import RULES, Rule
from postiz_async._sandbox.rules.network_settings import FIELDS


@dataclass(frozen=True, slots=True)
class Network:
    """A social network.

    Attributes:
        max_length: Longest text, unless settings or channel have another limit.
        describes_settings: Whether the API tells which settings there are.
        is_oauth: Whether connecting a channel begins on a web page.
        tools: Names of its tools, each with the keys that the API lists.
        analytics: Subjects with analytics: the channel, its posts, or both.
        advice: The API's text about its posts.
        is_weighted: Whether text is counted in the way of X.
        is_broken: Whether a defect of the server refuses all posts but drafts.
        since: First release with it, if that matters.
        fields: The settings of a post, of all releases.
        rules: Its rules for a post.
    """

    max_length: int
    describes_settings: bool = True
    is_oauth: bool = True
    tools: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    analytics: frozenset[str] = frozenset()
    advice: str = ""
    is_weighted: bool = False
    is_broken: bool = False
    since: Version = (0, 0, 0)
    fields: tuple[FieldRule, ...] = ()
    rules: tuple[Rule, ...] = ()

    def fields_in(self, release: Release) -> tuple[FieldRule, ...]:
        """The settings that a release knows."""
        return tuple(each for each in self.fields if each.is_in(release))

    def has_articles_in(self, release: Release) -> bool:
        """Whether a release has long articles on this network."""
        return any(each.name == "article_title" for each in self.fields_in(release))


_BOTH = frozenset({"channel", "post"})
_POST = frozenset({"post"})
_LINKEDIN_ADVICE = "One video, or pictures; comments have text alone."

_KNOWN = {
    "reddit": Network(10_000, tools={"subreddits": ("word",), "restrictions": ("subreddit",)}),
    "lemmy": Network(10_000, is_oauth=False, tools={"subreddits": ("word",)}),
    "youtube": Network(5000, analytics=_BOTH, advice="Exactly one video."),
    "pinterest": Network(
        500,
        tools={"boards": ()},
        analytics=_BOTH,
        advice="One to 5 pictures of one size, or one video with a picture as its cover.",
    ),
    "dribbble": Network(40_000, tools={"teams": ()}, analytics=_POST),
    "tiktok": Network(
        2000,
        analytics=_BOTH,
        advice="One video, or one or more pictures. UPLOAD leaves publishing to the app.",
    ),
    "tiktok-business": Network(
        2200,
        tools={"musicSearch": ("genre",), "locationSearch": ("q",)},
        analytics=_BOTH,
        advice="One video, or up to 35 pictures.",
        since=UNRELEASED,
    ),
    "discord": Network(1980, tools={"channels": ()}),
    "slack": Network(400_000, tools={"channels": ()}),
    "kick": Network(500, is_broken=True),
    "twitch": Network(500),
    "x": Network(
        280, analytics=_BOTH, is_weighted=True, advice="At most 4 pictures or one video, or none."
    ),
    "linkedin": Network(3000, describes_settings=False, advice=_LINKEDIN_ADVICE),
    "linkedin-page": Network(
        3000, describes_settings=False, analytics=_BOTH, advice=_LINKEDIN_ADVICE
    ),
    "instagram": Network(
        2200,
        tools={"audioSearch": ("q", "type")},
        analytics=_BOTH,
        advice="At least one picture or video, at most 10; a story has one.",
    ),
    "instagram-standalone": Network(
        2200, analytics=_BOTH, advice="At least one picture or video; a story has one."
    ),
    "medium": Network(100_000, is_oauth=False, tools={"publications": ()}),
    "devto": Network(100_000, is_oauth=False, tools={"tags": (), "organizations": ()}),
    "wordpress": Network(
        100_000, is_oauth=False, tools={"postTypes": (), "categoriesList": (), "tagsList": ()}
    ),
    "hashnode": Network(10_000, is_oauth=False, tools={"tagsList": (), "publications": ()}),
    "listmonk": Network(100_000_000, is_oauth=False, tools={"list": (), "templates": ()}),
    "gmb": Network(1500, analytics=_BOTH, advice="One picture or none, and no video."),
    "wrapcast": Network(
        800, is_oauth=False, tools={"subreddits": ("word",)}, advice="Pictures only."
    ),
    "facebook": Network(
        63206, analytics=_BOTH, advice="Text, pictures or a video; a story needs one of the latter."
    ),
    "threads": Network(500, describes_settings=False, analytics=_BOTH),
    "mastodon": Network(500, describes_settings=False),
    "bluesky": Network(
        300, describes_settings=False, is_oauth=False, advice="One video, or up to 4 pictures."
    ),
    "telegram": Network(4096, describes_settings=False, is_oauth=False),
    "nostr": Network(100_000, describes_settings=False, is_oauth=False),
    "vk": Network(2048, describes_settings=False),
    "moltbook": Network(300, describes_settings=False, is_oauth=False),
    "skool": Network(5000, is_oauth=False, tools={"groups": (), "label": ()}),
    "whop": Network(50_000, tools={"companies": (), "experiences": ()}),
    "mewe": Network(63206, tools={"groups": ()}),
    "tumblr": Network(32_768),
}

NETWORKS = {
    name: replace(network, fields=FIELDS.get(name, ()), rules=RULES.get(name, ()))
    for name, network in _KNOWN.items()
}
"""Networks by identifier, in the order in which the server lists them."""


def networks_in(release: Release) -> list[str]:
    """The identifiers that a release knows."""
    return [name for name, network in NETWORKS.items() if release.since(network.since)]


def network_in(release: Release, identifier: str) -> Network | None:
    """A network, if the release knows it."""
    network = NETWORKS.get(identifier)
    return network if network is not None and release.since(network.since) else None
