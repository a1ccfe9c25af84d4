"""Blogs and newsletters: Medium, Dev.to, Hashnode, WordPress, Listmonk, Tumblr."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, TypeAlias

from msgspec import UNSET, Meta, field

from postiz_async.models._base import Value
from postiz_async.models.media import Media
from postiz_async.models.settings import ProviderSettings
from postiz_async.providers._schema import STRING, Limit, MediaRule, OrUnset, Provider, Server

_LINK = Server(checks=("loose_url",), skip_empty=True)
_CANONICAL = Server(checks=("loose_url",), skip_empty=True, skip_reference=True)


class ArticleTag(Value, frozen=True):
    """A tag of an article on Medium or Hashnode; the value is published.

    Args:
        value: the tag as it is published.
        label: the tag as the web page shows it.
    """

    value: Annotated[str, STRING]
    label: Annotated[str, STRING]


class DevToTag(Value, frozen=True):
    """A tag on Dev.to; the tool `tags` finds it, the label is published.

    Args:
        value: number of the tag.
        label: the tag as it is published.
    """

    value: Annotated[int, Server(checks=("number",))]
    label: Annotated[str, STRING]


class Medium(ProviderSettings, frozen=True, kw_only=True, tag="medium"):
    """Medium: 100,000 characters of Markdown, no media, no further parts.

    Args:
        title: title of the article.
        subtitle: required, but not published.
        canonical: where the article was first published.
        publication: id of a publication, where it becomes a draft.
        tags: up to 4 tags.
    """

    title: Annotated[str, Meta(min_length=2)]
    subtitle: Annotated[str, Meta(min_length=2)]
    canonical: OrUnset[Annotated[str, _CANONICAL]] = UNSET
    publication: OrUnset[str] = UNSET
    tags: OrUnset[Annotated[Sequence[ArticleTag], Meta(max_length=4)]] = UNSET


class DevTo(ProviderSettings, frozen=True, kw_only=True, tag="devto"):
    """Dev.to: 100,000 characters of Markdown, no further parts.

    Args:
        title: title of the article.
        main_image: picture above the article.
        canonical: where the article was first published.
        organization: id of an organisation, as a text.
        tags: up to 4 tags.
    """

    title: Annotated[str, Meta(min_length=2)]
    main_image: OrUnset[Media] = UNSET
    canonical: OrUnset[Annotated[str, _CANONICAL]] = UNSET
    organization: OrUnset[str] = UNSET
    tags: OrUnset[Annotated[Sequence[DevToTag], Meta(max_length=4), Server(nullable=False)]] = UNSET


class Hashnode(ProviderSettings, frozen=True, kw_only=True, tag="hashnode"):
    """Hashnode: 10,000 characters of Markdown, no further parts.

    Args:
        title: title of the article.
        subtitle: subtitle of the article.
        main_image: picture above the article.
        canonical: where the article was first published.
        publication: id of the publication.
        tags: at least one tag.
    """

    title: Annotated[str, Meta(min_length=6)]
    subtitle: OrUnset[Annotated[str, Meta(min_length=2)]] = UNSET
    main_image: OrUnset[Media] = UNSET
    canonical: OrUnset[Annotated[str, _CANONICAL]] = UNSET
    publication: str
    tags: Annotated[Sequence[ArticleTag], Meta(min_length=1)]


class WordPress(ProviderSettings, frozen=True, kw_only=True, tag="wordpress"):
    """A site with WordPress: 100,000 characters of HTML, no further parts.

    Args:
        title: title of the post.
        main_image: the featured image.
        type: `posts`, `pages`, or what the tool `postTypes` finds.
        categories: numbers of categories.
        tags: numbers of tags.
        status: what becomes of the post on the site.
    """

    title: Annotated[str, Meta(min_length=2)]
    main_image: OrUnset[Media] = UNSET
    type: str = "posts"
    categories: OrUnset[Sequence[int]] = UNSET
    tags: OrUnset[Sequence[int]] = UNSET
    status: OrUnset[Literal["publish", "draft", "pending", "private"]] = UNSET


class Listmonk(ProviderSettings, frozen=True, kw_only=True, tag="listmonk"):
    """A newsletter by Listmonk: HTML of any length, sent when it is published.

    Args:
        subject: subject of the mail.
        preview: text that mail programs show first.
        list_id: id of the mailing list, as a text.
        template: id of the template; `0` is the default.
    """

    subject: Annotated[str, Meta(min_length=1), Server(checks=("min_length", "string"))]
    preview: Annotated[str, STRING] = ""
    list_id: Annotated[str, STRING] = field(name="list")
    template: OrUnset[str] = UNSET


class Tumblr(ProviderSettings, frozen=True, kw_only=True, tag="tumblr", rename="camel"):
    """Tumblr: 32,768 characters, up to 30 pictures and 1 video, no further parts.

    Args:
        title: title of the post.
        link: what the post links to.
        source_url: where the content comes from.
        tags: tags, separated by commas.
    """

    title: OrUnset[Annotated[str, Meta(min_length=1, max_length=4096)]] = UNSET
    link: OrUnset[Annotated[str, _LINK]] = UNSET
    source_url: OrUnset[Annotated[str, _LINK]] = UNSET
    tags: OrUnset[Annotated[str, Meta(max_length=4096)]] = UNSET


_NO_MEDIA = "Media of the post is not sent."

AnyBlog: TypeAlias = Medium | DevTo | Hashnode | WordPress | Listmonk | Tumblr

BLOGS = (
    Provider(
        name="Medium",
        settings=Medium,
        limits=(Limit(100_000),),
        editor="markdown",
        pitfalls=(_NO_MEDIA, "In a publication the article becomes a draft."),
        tools={"publications": ()},
        since="v0.0.1",
        connected_by="form",
    ),
    Provider(
        name="Dev.to",
        settings=DevTo,
        limits=(Limit(100_000),),
        editor="markdown",
        pitfalls=(_NO_MEDIA,),
        tools={"tags": (), "organizations": ()},
        since="v1.63.0",
        connected_by="form",
    ),
    Provider(
        name="Hashnode",
        settings=Hashnode,
        limits=(Limit(10_000),),
        editor="markdown",
        pitfalls=(_NO_MEDIA,),
        tools={"tagsList": (), "publications": ()},
        since="v0.0.1",
        connected_by="form",
    ),
    Provider(
        name="WordPress",
        settings=WordPress,
        limits=(Limit(100_000),),
        editor="html",
        pitfalls=("The type is part of an address: `posts`, not `post`.",),
        tools={"postTypes": (), "categoriesList": (), "tagsList": ()},
        since="v1.65.0",
        connected_by="form",
    ),
    Provider(
        name="ListMonk",
        settings=Listmonk,
        limits=(Limit(100_000_000),),
        editor="html",
        pitfalls=("The campaign goes out as soon as the post is published.",),
        tools={"list": (), "templates": ()},
        since="v2.6.0",
        connected_by="form",
    ),
    Provider(
        name="Tumblr",
        settings=Tumblr,
        limits=(Limit(32_768),),
        rules=(
            MediaRule(
                "max_images",
                "Tumblr supports up to 30 images in one post.",
                n=30,
                is_video="dot_mp4_ci",
            ),
            MediaRule(
                "max_videos",
                "Tumblr supports one uploaded video in one post.",
                n=1,
                is_video="dot_mp4_ci",
            ),
        ),
        pitfalls=("A video beside pictures is stored; Tumblr may refuse it.",),
        since="v2.22.1",
        described=("settings",),
    ),
)
"""Facts about these networks."""
