"""The site has each page and each public name once; what .ci/site built is whole."""

from __future__ import annotations

import ast
import html
import inspect
import os
import re
import tomllib
import zlib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import resolve_name
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PROJECT = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]
PACKAGE = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SHOWN = [
    name
    for page in sorted((DOCS / "reference").glob("*.md"))
    for name in re.findall(r"^::: (\S+)", page.read_text(encoding="utf-8"), re.MULTILINE)
]


PLACES = ("", ".testing", ".blocking", ".oauth", ".webhooks", ".texts", ".contrib.web")
PLACES += (".types", ".doctor")


def pages_of(nav: Any) -> list[str]:
    """The pages of a part of the navigation, in its order."""
    if isinstance(nav, str):
        return [] if "://" in nav else [nav]
    parts = nav.values() if isinstance(nav, dict) else nav
    return [page for part in parts for page in pages_of(part)]


def test_each_page_is_in_the_navigation_once() -> None:
    pages = [path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")]
    assert sorted(pages_of(PROJECT["nav"])) == sorted(pages)


def test_the_first_page_lists_the_pages_in_the_order_of_the_navigation() -> None:
    first = (DOCS / "README.md").read_text(encoding="utf-8")
    nav = [page for page in pages_of(PROJECT["nav"]) if not page.startswith("reference/")]
    listed = re.findall(r"^\| \[.*?\]\((.*?)\)", first, re.MULTILINE)
    assert ["README.md", *(page for page in listed if not page.startswith("reference/"))] == nav


def test_a_language_model_finds_the_same_pages() -> None:
    nav = {title: pages_of(part) for each in PROJECT["nav"] for title, part in each.items()}
    listed = {
        title: [next(iter(page)) if isinstance(page, dict) else page for page in pages]
        for title, pages in PROJECT["plugins"]["llmstxt"]["sections"].items()
    }
    assert listed == {title: pages for title, pages in nav.items() if pages}


def test_the_site_is_that_of_the_package() -> None:
    assert PROJECT["repo_url"] == PACKAGE["urls"]["Homepage"]
    owner, name = PROJECT["repo_url"].removeprefix("https://github.com/").split("/")
    assert PROJECT["site_url"] == f"https://{owner}.github.io/{name}/"
    assert PROJECT["site_description"] == PACKAGE["description"]


def public_names(name: str) -> list[str]:
    """What a module lists; without a list what it defines, and what it imports as the same."""
    module = import_module(name)
    tree = ast.parse(inspect.getsource(module))
    imports = (node.names for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
    named = [each.name for names in imports for each in names if each.asname == each.name]
    named += [
        each
        for each, value in vars(module).items()
        if each[0].isalpha() and getattr(value, "__module__", "") == name
    ]
    return getattr(module, "__all__", named)


def test_the_reference_has_each_public_name_once() -> None:
    assert len(SHOWN) == len(set(SHOWN))
    shown = {id(resolve_name(name)) for name in SHOWN}
    missing = [
        f"{place}.{name}"
        for place in PLACES
        for name in public_names(f"postiz_async{place}")
        if inspect.isclass(thing := resolve_name(f"postiz_async{place}.{name}"))
        or inspect.isfunction(thing)
        if id(thing) not in shown
    ]
    assert missing == []


def test_the_reference_names_things_as_users_import_them() -> None:
    private = [name for name in SHOWN if "._" in name]
    assert {name.rpartition(".")[2] for name in private} == {
        "Analytics",  # a client has one of each, and nobody imports them
        "Channels",
        "MediaResource",
        "Notifications",
        "Posts",
        "Users",
    }


@pytest.fixture(scope="module")
def site() -> Path:
    """What .ci/site made."""
    if "POSTIZ_SITE" not in os.environ:
        pytest.skip("POSTIZ_SITE is not set to a folder that .ci/site filled")
    return Path(os.environ["POSTIZ_SITE"])


@pytest.fixture(scope="module")
def texts(site: Path) -> dict[str, str]:
    """The pages of the site by their path, such as `quick-start/`."""
    return {
        path.parent.relative_to(site).as_posix().removeprefix(".").rstrip("/")
        + "/": path.read_text(encoding="utf-8")
        for path in site.rglob("index.html")
    }


def links(page: str, text: str) -> Iterator[str]:
    for target in re.findall(r'\b(?:href|src)="([^"]*)"', text):
        if not target.startswith(("data:", "mailto:")):
            yield urljoin(f"{PROJECT['site_url']}{page.lstrip('/')}", html.unescape(target))


def test_all_that_a_page_names_is_on_the_site(site: Path, texts: dict[str, str]) -> None:
    ids = {page: set(re.findall(r'\bid="([^"]*)"', text)) for page, text in texts.items()}
    lost = set()
    for page, text in texts.items():
        for link in links(page, text):
            if link.startswith(PROJECT["site_url"]):
                parts = urlsplit(link.removeprefix(PROJECT["site_url"]))
                there = site / unquote(parts.path)
                there = there / "index.html" if there.is_dir() else there
                if not there.is_file():
                    lost.add((page, link))
                elif parts.fragment and there.name == "index.html":
                    known = ids[parts.path or "/"]
                    if unquote(parts.fragment) not in known:
                        lost.add((page, link))
            elif link.startswith(f"{PROJECT['repo_url']}/blob/main/"):
                kept = link.removeprefix(f"{PROJECT['repo_url']}/blob/main/").partition("#")[0]
                if not (ROOT / kept).exists():
                    lost.add((page, link))
    assert lost == set()


def test_a_page_loads_nothing_from_elsewhere(texts: dict[str, str]) -> None:
    loaded = {
        target
        for text in texts.values()
        for tag in re.findall(r"<(?:script|img|iframe|source|link rel=\"?stylesheet)[^>]*>", text)
        for target in re.findall(r'\b(?:src|srcset|href)="?([^">\s]*)', tag)
        if "://" in target
    }
    assert loaded == set()
    asks = 'data-md-component="source"'  # the theme's link to GitHub, which calls its API
    assert [page for page, text in texts.items() if asks in text] == []


def test_a_page_has_a_title_and_says_what_it_is_for(texts: dict[str, str]) -> None:
    for said in (r"<title>(.*?)</title>", r'<meta name="description" content="(.*?)">'):
        found = {page: re.search(said, text) for page, text in texts.items()}
        assert len({each[1] for each in found.values() if each}) == len(texts)
    assert 'content="Quick start - your first post, from ' in texts["quick-start/"]
    assert html.escape(PACKAGE["description"]) in texts["/"]
    assert "<title>postiz_async: client for " in texts["/"]
    for page, text in texts.items():
        assert text.count("<h1") == 1, page


def test_a_page_is_there_as_markdown_too(site: Path) -> None:
    listed = re.findall(r"\]\(<?([^)>]*)>?\)", (site / "llms.txt").read_text(encoding="utf-8"))
    assert len(listed) == len(pages_of(PROJECT["nav"]))
    full = (site / "llms-full.txt").read_text(encoding="utf-8")
    for link in listed:
        page = site / link.removeprefix(PROJECT["site_url"])
        text = page.read_text(encoding="utf-8")
        title = re.search(r"^# (.*)", text, re.MULTILINE)
        assert title is not None, link
        assert title[0] in full


def test_other_projects_can_link_to_each_name(site: Path) -> None:
    _, _, packed = (site / "objects.inv").read_bytes().partition(b"zlib.\n")
    known = {line.split()[0] for line in zlib.decompress(packed).decode().splitlines()}
    assert set(SHOWN) <= known
    assert {"postiz_async.Postiz.with_options", "postiz_async.testing.Sandbox.posts"} <= known
