"""The JSON schemas of the documents that commands print with `--json`."""

from __future__ import annotations

from dataclasses import dataclass
from inspect import cleandoc
from typing import Literal, cast

import msgspec

from postiz_async import documents
from postiz_async.doctor import CheckResult
from postiz_async.models.channels import Channel, ChannelSettings, Group
from postiz_async.models.insights import Metric, Notification
from postiz_async.models.media import Media
from postiz_async.models.posts import Created, MissingRelease, Post
from postiz_async.models.users import Membership
from postiz_async.models.video import Voice

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


ERRORS = "errors"
"""The name of the schema of standard error."""

OUTPUTS = {
    "plan": _one(documents.PlanDocument, documents.RefusedDocument),
    "run": _one(documents.RunDocument, documents.RefusedDocument),
    "update": _one(documents.UpdateDocument, documents.RefusedDocument),
    "undo": _one(documents.UndoDocument),
    "status": _one(documents.StatusDocument),
    "report": _one(documents.ReportDocument),
    "validate": _one(documents.ValidateDocument),
    "reconcile": _one(documents.ReconcileDocument),
    "channels list": _list(Channel),
    "channels is-connected": _one(documents.ConnectedDocument),
    "channels groups": _list(Group),
    "channels settings": _one(ChannelSettings),
    "channels find-slot": _one(documents.SlotDocument),
    "posts list": _list(Post),
    "posts get": _one(Post),
    "posts create": _list(Created),
    "posts replace": _list(Created),
    "posts delete": _one(documents.DeletedDocument),
    "posts status": _one(documents.StateDocument),
    "posts watch": Printed((documents.PublishLine,), "lines"),
    "posts missing": _list(MissingRelease),
    "media upload": _list(Media, documents.UploadFailure),
    "media upload-url": _list(Media),
    "media video": _list(Media),
    "media voices": _list(Voice),
    "analytics channel": _list(Metric),
    "analytics post": _list(Metric),
    "notifications": _list(Notification),
    "users": _list(Membership),
    "profiles": _one(documents.ProfilesDocument),
    "quota": _one(documents.QuotaDocument),
    "doctor": _list(CheckResult),
    "providers": Printed((documents.ProviderObject,), "either"),
    "outbox status": _one(documents.OutboxDocument),
    "sandbox": _one(documents.SandboxStarted),
    "demo": _one(documents.SandboxDocument),
    ERRORS: _one(documents.ErrorDocument),
}
"""The output of each command. Types of the API are printed as the API has them."""


def schema_of(command: str) -> dict[str, object]:
    """The JSON schema of what a command prints with `--json`.

    Args:
        command: one of `OUTPUTS`, such as `posts list`, or `errors`.
    """
    printed = OUTPUTS[command]
    each, named = msgspec.json.schema_components(
        printed.kinds, schema_hook=_of_anything, ref_template="#/$defs/{name}"
    )
    for described in named.values():
        if "description" in described:
            described["description"] = cleandoc(described["description"])
        _put_null_last(described)
    one: dict[str, object] = each[0] if len(each) == 1 else {"anyOf": list(each)}
    many: dict[str, object] = {"type": "array", "items": one}
    either: dict[str, object] = {"anyOf": [one, many]}
    forms = {"one": one, "list": many, "lines": one, "either": either}
    of = "each line of " if printed.number == "lines" else ""
    title = "standard error" if command == ERRORS else f"{of}postiz-async {command} --json"
    return {
        "$schema": _DIALECT,
        "$id": f"urn:postiz-async:{command.replace(' ', '-')}:{documents.VERSION}",
        "title": title,
        **forms[printed.number],
        "$defs": named,
    }


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
