"""The JSON schemas of the documents that commands print with `--json`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from inspect import cleandoc
from typing import Any, Literal, cast

import msgspec

from postiz_async import documents
from postiz_async.doctor import CheckResult
from postiz_async.models.channels import Channel, ChannelSettings, Group
from postiz_async.models.insights import Metric, Notification
from postiz_async.models.media import ListedMedia, Media
from postiz_async.models.oauth import Token
from postiz_async.models.posts import Created, MissingRelease, Post
from postiz_async.models.users import Membership

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True, slots=True)
class Printed:
    """The output of a command: one of `kinds`, a list, one per line, or depending on arguments."""

    kinds: tuple[type, ...]
    number: Literal["one", "list", "lines", "either"] = "one"


def _one(*kinds: type) -> Printed:
    return Printed(kinds)


def _list(*kinds: type) -> Printed:
    return Printed(kinds, "list")


ERRORS, FAILURES = "errors", "failures"
"""The names of the schemas of standard error, and of what `--on-failure` tells."""

_TITLES = {ERRORS: "standard error", FAILURES: "postiz-async --on-failure"}

OUTPUTS = {
    "plan": _one(documents.PlanDocument, documents.RefusedDocument),
    "run": _one(documents.RunDocument, documents.RefusedDocument),
    "update": _one(documents.UpdateDocument, documents.RefusedDocument),
    "shift": _one(documents.UpdateDocument, documents.RefusedDocument),
    "pause": _one(documents.UpdateDocument),
    "resume": _one(documents.UpdateDocument, documents.RefusedDocument),
    "undo": _one(documents.UndoDocument),
    "copy": _one(documents.CopyDocument),
    "status": _one(documents.StatusDocument),
    "report": _one(documents.ReportDocument),
    "reconcile": _one(documents.ReconcileDocument),
    "channels list": _list(Channel),
    "channels groups": _list(Group),
    "channels settings": _one(ChannelSettings),
    "channels find-slot": _one(documents.SlotDocument),
    "posts list": _list(Post),
    "posts get": _one(Post),
    "channels connect": _one(documents.UrlDocument),
    "channels delete": _one(documents.DeletedDocument),
    "channels trigger": _one(object),
    "posts create": _list(Created),
    "posts replace": _list(Created),
    "posts delete": _one(documents.DeletedDocument, documents.PostChangesDocument),
    "posts edit": _one(documents.PostChangesDocument),
    "posts check": _one(documents.CheckDocument),
    "posts delete-group": _one(documents.DeletedDocument),
    "posts settings": _one(documents.DueDocument),
    "posts release-id": _one(documents.ReleaseDocument),
    "posts status": _one(documents.StateDocument),
    "posts watch": Printed((documents.PublishLine,), "lines"),
    "posts missing": _list(MissingRelease),
    "media list": _list(ListedMedia),
    "media upload": _list(Media, documents.UploadFailure),
    "media upload-url": _list(Media),
    "media video": _list(Media),
    "media function": _one(object),
    "analytics channel": _list(Metric),
    "analytics post": _list(Metric),
    "notifications": _list(Notification),
    "users": _list(Membership),
    "quota": _one(documents.QuotaDocument),
    "doctor": _list(CheckResult),
    "providers": Printed((documents.ProviderObject,), "either"),
    "outbox prune": _one(documents.RemovedDocument),
    "oauth url": _one(documents.UrlDocument),
    "oauth exchange": _one(Token),
    "outbox status": _one(documents.OutboxDocument),
    "sandbox": _one(documents.SandboxStarted),
    "demo": _one(documents.SandboxDocument),
    ERRORS: _one(documents.ErrorDocument),
    FAILURES: _one(documents.FailureDocument),
}
"""The output of each command. Types of the API are printed as the API has them."""


def schema_of(command: str) -> dict[str, object]:
    """The JSON schema of what a command prints with `--json`.

    Args:
        command: one of `OUTPUTS`, such as `posts list`, or `errors`.
    """
    printed = OUTPUTS[command]
    each, named = _components(printed.kinds, "#/$defs/{name}")
    one: dict[str, object] = each[0] if len(each) == 1 else {"anyOf": list(each)}
    many: dict[str, object] = {"type": "array", "items": one}
    either: dict[str, object] = {"anyOf": [one, many]}
    forms = {"one": one, "list": many, "lines": one, "either": either}
    of = "each line of " if printed.number == "lines" else ""
    title = _TITLES.get(command, f"{of}postiz-async {command} --json")
    return {
        "$schema": _DIALECT,
        "$id": f"urn:postiz-async:{command.replace(' ', '-')}:{documents.VERSION}",
        "title": title,
        **forms[printed.number],
        "$defs": named,
    }


def _components(
    kinds: Sequence[type], place: str
) -> tuple[tuple[dict[str, Any], ...], dict[str, Any]]:
    """The schema of each type, and those to which they refer, by name.

    Args:
        kinds: the types.
        place: the form of a reference, such as `#/$defs/{name}`.
    """
    each, named = msgspec.json.schema_components(
        kinds, schema_hook=_of_anything, ref_template=place
    )
    for described in named.values():
        if "description" in described:
            described["description"] = cleandoc(described["description"])
        _put_null_last(described)
    return each, named


def _put_null_last(schema: object) -> None:
    """Put null last in each `anyOf`: its place differs between releases of msgspec."""
    if isinstance(schema, dict):
        choices = cast("dict[str, object]", schema).get("anyOf")
        if isinstance(choices, list):
            cast("list[object]", choices).sort(key=lambda choice: choice == {"type": "null"})
        for value in cast("dict[str, object]", schema).values():
            _put_null_last(value)
    elif isinstance(schema, list):
        for value in cast("list[object]", schema):
            _put_null_last(value)


def _of_anything(kind: type) -> dict[str, object]:
    """The schema of `object`, for which msgspec has none."""
    if kind is object:
        return {"description": "A JSON value."}
    raise NotImplementedError
