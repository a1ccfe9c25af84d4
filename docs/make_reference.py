"""Writes `docs/reference.md` from the docstrings: `python docs/make_reference.py`."""

from __future__ import annotations

import inspect
import re
from enum import Enum
from importlib import import_module
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PAGE = Path(__file__).with_name("reference.md")

_WIDTH = 96

HEAD = """# Reference

Made from the docstrings by `python docs/make_reference.py`. Settings of the providers have
[a page of their own](providers.md), errors too: [Errors](errors.md). All times are in seconds
unless they are `datetime`s, which need a time zone.
"""

SECTIONS = {
    "Client": (
        "_client:Postiz",
        "_pool:PostizPool",
        "_scheduler.bound:RawAnswer",
        "_scheduler.hooks:Attempt",
        "_scheduler.hooks:CallStarted",
        "_scheduler.hooks:CallEnded",
        "_wire.secrets:Secret",
    ),
    "Resources": (
        "_resources.posts:Posts",
        "_resources.media:MediaResource",
        "_resources.channels:Integrations",
        "_resources.insights:Analytics",
        "_resources.insights:Notifications",
        "models.insights:Figures",
    ),
    "Posts": (
        "models.posts:NewPost",
        "models.posts:ThreadPart",
        "models.posts:Text",
        "models.posts:Mention",
        "models.posts:Markdown",
        "models.posts:Html",
        "models.posts:CreatePost",
        "models.settings:RawSettings",
        "models.posts:Created",
        "models.posts:Post",
        "models.posts:PublishEvent",
        "errors:Marks",
        "models.integrations:Integration",
        "models.media:Media",
    ),
    "Texts and validation": (
        "texts:preview",
        "texts:render",
        "texts:split",
        "_validation:validate",
        "_validation:MediaFacts",
        "errors:Problem",
    ),
    "Batches": (
        "_batch.batch:Batch",
        "_batch.rows:CampaignRow",
        "_batch.read_options:ReadOptions",
        "_batch.plan:Forecast",
        "_batch.job:Outcome",
        "_batch.report:Report",
        "_batch.update_plan:Updated",
        "_batch.undo:Undone",
        "_batch.wait_published:Waited",
        "_batch.export:Exported",
    ),
    "Outbox": (
        "_outbox.outbox:Outbox",
        "_outbox.tickets:OutboxOptions",
        "_outbox.tickets:Ticket",
    ),
    "Web backends": (
        "contrib.fastapi:postiz_lifespan",
        "contrib.fastapi:postiz_for",
        "contrib.fastapi:add_error_handlers",
        "contrib.fastapi:postiz_router",
        "contrib.web:RequestClient",
        "contrib.web:Credentials",
        "contrib.web:CancelWhenGone",
        "contrib.web:answer_to",
        "contrib.web:Answer",
        "contrib.web:health",
        "contrib.web:open_store",
        "contrib.opentelemetry:Telemetry",
    ),
    "Task queues": (
        "contrib.taskiq:install",
        "contrib.taskiq:TaskPostiz",
        "contrib.taskiq:TaskPostizPool",
        "contrib.queues:retry_in",
    ),
    "Quota and its stores": (
        "_quota.view:Quota",
        "_scheduler.calls:Priority",
        "stores:QuotaStore",
        "stores:IdempotencyStore",
        "stores.memory:MemoryStore",
        "stores.sqlite:SqliteStore",
        "stores.redis:RedisStore",
        "stores.postgres:PostgresStore",
        "stores.postgres:ddl",
    ),
    "OAuth and webhooks": (
        "oauth:OAuth",
        "oauth:new_state",
        "oauth:check_callback",
        "webhooks:parse",
        "webhooks:WebhookPost",
    ),
    "Testing": ("testing:LocalPostiz", "_sandbox:Fault", "pytest_plugin:ServedPostiz"),
}


ATTRIBUTES = {"Posts", "MediaResource", "Integrations", "Analytics", "Notifications"}
"""Classes that nobody imports: a client has one of each."""


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, _contents(), *_sections()])


def _contents() -> str:
    """A line for each section, with links."""
    lines = [
        f"- {title}: " + ", ".join(f"[`{_short(name)}`](#{_anchor(name)})" for name in names)
        for title, names in SECTIONS.items()
    ]
    return "\n".join(lines) + "\n"


def _short(name: str) -> str:
    return name.partition(":")[2]


def _anchor(name: str) -> str:
    """Such as `models.media-media`: unlike names of classes, no two are equal."""
    return name.replace("._", ".").lstrip("_").replace(":", "-").lower()


def _sections() -> Iterator[str]:
    for title, names in SECTIONS.items():
        yield f"## {title}\n"
        for name in names:
            module, _, attribute = name.partition(":")
            thing = getattr(import_module(f"postiz_async.{module}"), attribute)
            yield f'<a id="{_anchor(name)}"></a>\n'
            yield f"### `{attribute}`\n"
            if attribute not in ATTRIBUTES:  # what a client has, and its docstring says so
                yield f"From `{_module(thing, f'postiz_async.{module}')}`.\n"
            yield from _class(thing) if inspect.isclass(thing) else _function(attribute, thing)


def _class(kind: type) -> Iterator[str]:
    if (
        is_made_by_users(kind)
        and not issubclass(kind, Enum)
        and not getattr(kind, "_is_protocol", False)
    ):
        yield f"```text\n{_signature(kind.__name__, kind)}\n```\n"
    yield _text(kind)
    if issubclass(kind, Enum):
        yield "".join(f"- `{member.name}` = {member.value!r}\n" for member in kind)
        return
    for name, member in _members(kind):
        if isinstance(member, property):
            yield f"#### `{kind.__name__}.{name}` (property)\n"
            yield _text(member)
        else:
            yield f"#### `{kind.__name__}.{name}`\n"
            yield from _function(name, member)


def is_made_by_users(kind: type) -> bool:
    """Whether its constructor is called by users, and not for them."""
    return not inspect.signature(kind).parameters.keys() & {"bound", "client", "context", "postiz"}


def _module(thing: type | Callable[..., object], named: str) -> str:
    """From where users import a thing: one of two modules that have all, else the one named."""
    places = ("postiz_async", "postiz_async.testing", named)
    found = (name for name in places if thing.__name__ in import_module(name).__all__)
    module = next(found, thing.__module__)
    assert "._" not in module, f"{thing} is not public"  # noqa: S101  (a mistake in SECTIONS)
    return module


def _members(kind: type) -> Iterator[tuple[str, property | Callable[..., object]]]:
    """Public methods and properties of the package, in the order of the source, base first."""
    found: dict[str, property | Callable[..., object]] = {}
    for base in reversed(kind.__mro__):
        if base.__module__.startswith("postiz_async"):
            for name, member in vars(base).items():
                is_ours = inspect.isfunction(member) or isinstance(member, property)
                if is_ours and not name.startswith("_") and _is_for_users(member):
                    found[name] = member
    yield from found.items()


def _is_for_users(member: object) -> bool:
    text = inspect.getdoc(member)
    return bool(text) and "other parts of this package" not in " ".join(text.split())


def _function(name: str, function: Callable[..., object]) -> Iterator[str]:
    word = "await " if inspect.iscoroutinefunction(function) else ""
    yield f"```text\n{word}{_signature(name, function)}\n```\n"
    yield _text(function)


def _signature(name: str, thing: Callable[..., object]) -> str:
    signature = inspect.signature(thing)
    returns = signature.return_annotation
    end = f" -> {_annotation(returns)}" if returns not in {signature.empty, "None"} else ""
    words = list(_parameters(signature))
    line = f"{name}({', '.join(words)}){end}"
    if len(line) <= _WIDTH:
        return line
    lines = "".join(f"    {word},\n" for word in words)
    return f"{name}(\n{lines}){end}"


def _parameters(signature: inspect.Signature) -> Iterator[str]:
    is_open = False
    for parameter in signature.parameters.values():
        if parameter.name == "self":
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not is_open:
            is_open = True
            yield "*"
        is_open = is_open or parameter.kind is parameter.VAR_POSITIONAL
        star = "*" if parameter.kind is parameter.VAR_POSITIONAL else ""
        given = parameter.annotation is not parameter.empty
        kind = f": {_annotation(parameter.annotation)}" if given else ""
        default = (
            "" if parameter.default is parameter.empty else f" = {_default(parameter.default)}"
        )
        yield f"{star}{parameter.name}{kind}{default}"


def _annotation(hint: object) -> str:
    text = hint if isinstance(hint, str) else inspect.formatannotation(hint)
    return re.sub(r"\b(?:\w+\.)+(\w+)", r"\1", text)


def _default(value: object) -> str:
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    return repr(value)


def _text(thing: object) -> str:
    """A docstring as Markdown: its sections become lists."""
    lines = dedent(inspect.getdoc(thing) or "").splitlines()
    out: list[str] = []
    section = ""
    for line in lines:
        heading = re.fullmatch(r"(Args|Raises|Returns|Attributes|Yields):", line)
        entry = re.fullmatch(r" {4}(\*{0,2}\w+): (.*)", line)
        if heading:
            section = heading[1]
            out += [f"**{section}**", ""]
        elif section and entry and section != "Returns":
            out.append(f"- `{entry[1]}`: {entry[2]}")
        elif section and line.startswith("    "):
            out.append(f"  {line.strip()}" if section != "Returns" else line.strip())
        else:
            section = section if not line else ""
            out.append(line)
    return "\n".join(out).rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
