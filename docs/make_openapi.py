"""Writes the OpenAPI document that the sandbox serves: `python docs/make_openapi.py`.

Routes, quota, answers and hints come from `_wire.endpoints`, bodies from the models, summaries from
the handlers of the sandbox. Only what these do not say stands here: queries, bodies without a
model, and the shapes of errors. `tests/sandbox/test_sandbox_openapi.py` compares it with recorded
exchanges.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from http import HTTPStatus
from inspect import cleandoc
from pathlib import Path
from typing import Any, cast

import msgspec

from postiz_async._sandbox.router import OPEN_ROUTES, ROUTES
from postiz_async._sandbox.server import StoredPost
from postiz_async._wire.endpoints import ENDPOINTS, OAUTH_TOKEN, Endpoint
from postiz_async.models.channels import ToolCall
from postiz_async.models.posts import PostRequest
from postiz_async.models.video import VideoRequest

PAGE = Path(__file__).parents[1] / "postiz_async" / "_sandbox" / "openapi.json"
ABOUT = """\
The public API of Postiz as the sandbox of postiz_async serves it.

`x-since` is the first release of Postiz with a route: an older server answers 404. `x-replay` is
the effect of sending a request again: `safe` has none, `idempotent` none beyond the first, and what
is `once` must not be repeated blindly. All times are UTC. Answers may have more fields.

The 500 of a route has a meaning of its own; besides, each route answers 500 when the server fails.
Whatever is in front of a server may answer in its place, mostly with a web page.
"""

Schema = dict[str, Any]
TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "integer"}
MOMENT: Schema = {"type": "string", "format": "date-time"}
OBJECT: Schema = {"type": "object"}

QUERIES: dict[str, dict[str, Schema]] = {
    "list_posts": {"startDate": MOMENT, "endDate": MOMENT, "customer": TEXT},
    "list_media": {"page": NUMBER, "search": TEXT},
    "list_channels": {"group": TEXT},
    "get_connect_url": {"refresh": TEXT},
    "get_analytics": {"date": NUMBER},
    "get_post_analytics": {"date": NUMBER},
    "list_notifications": {"page": NUMBER},
    "search_users": {"name": TEXT},
}
REQUIRED = {"startDate", "endDate", "date"}


def shape(about: str, *required: str, **fields: Schema) -> Schema:
    """The schema of an object; without a list of those that are required, all fields are."""
    return {
        "description": about,
        "type": "object",
        "properties": fields,
        "required": list(required or fields),
    }


STATUS = {"statusCode": NUMBER, "message": TEXT}
SHAPES = {
    "ReleaseId": shape("The id of a post on its network.", releaseId=TEXT),
    "NewStatus": shape("What a post becomes.", status={"enum": ["draft", "schedule"]}),
    "NewSettings": shape("Settings to merge into those of a post.", settings=OBJECT),
    "MediaUrl": shape("A public https address that ends like a picture or a video.", url=TEXT),
    "File": shape("A picture or a video.", file=TEXT | {"format": "binary"}),
    "VideoFunction": shape(
        "A function of a video generator, and its arguments.",
        *("identifier", "functionName"),
        identifier=TEXT,
        functionName=TEXT,
        params=OBJECT,
    ),
    "TokenRequest": shape(
        "The code of a callback. A public client has a verifier in place of a secret.",
        *("grant_type", "code", "client_id"),
        grant_type={"const": "authorization_code"},
        code=TEXT,
        client_id=TEXT,
        client_secret=TEXT,
        code_verifier=TEXT,
        redirect_uri=TEXT,
    ),
    "Deleted": shape(
        "Go by the status: `error` is true when it worked.", error={"type": "boolean"}
    ),
    "Message": shape("An error of authentication, and many others.", msg=TEXT),
    "Reason": shape(
        "An error with its reason; of a body or a query, `message` is a list of all that is wrong.",
        **STATUS | {"message": {"type": ["string", "array"], "items": TEXT}, "error": TEXT},
    ),
    "Failure": shape("An error without a reason.", **STATUS),
    "PostRefused": shape(
        "A post breaks a rule of its network; `provider` and `name` are those of its channel.",
        **STATUS | {"provider": TEXT, "name": TEXT},
    ),
    "PlanLimit": shape("The plan is used up; `url` is where it is changed.", **STATUS, url=TEXT),
    "OAuthError": shape("The code was not exchanged.", "error", error=TEXT, error_description=TEXT),
}
JSON, FORM = "application/json", "multipart/form-data"
BODIES: dict[str, str | type] = {
    "create_post": PostRequest,
    "update_release_id": "ReleaseId",
    "change_post_status": "NewStatus",
    "update_post_settings": "NewSettings",
    "upload_file": "File",
    "upload_from_url": "MediaUrl",
    "generate_video": VideoRequest,
    "video_function": "VideoFunction",
    "trigger_tool": ToolCall,
    "oauth_token": "TokenRequest",
}
UNUSED_ANSWERS = {"delete_post": "Deleted", "delete_post_group": "Deleted"}

ERRORS = {
    400: ("Reason", "Message", "Failure"),
    401: ("Message",),
    402: ("PlanLimit",),
    403: ("Message",),
    404: ("Reason", "Message"),
    413: ("Failure",),
    415: ("Failure",),
    429: ("Failure",),
    500: ("Failure", "Message"),
}
OWN_ERRORS = {
    ("create_post", 400): ("Reason", "Message", "PostRefused"),
    ("oauth_token", 400): ("Reason", "OAuthError"),
    ("oauth_token", 401): ("OAuthError",),
}
FURTHER = {
    "create_post": {402},
    "generate_video": {402},
    "get_connect_url": {402},
    "delete_post": {500},  # of a post that is not there
    "list_posts": {500},  # for a date that ISO 8601 has and no calendar
}
"""Statuses that follow from nothing else."""

_WINDOW = {
    "X-RateLimit-Limit": "Creates in a window.",
    "X-RateLimit-Remaining": "Creates that are left in this window.",
    "X-RateLimit-Reset": "Seconds until this window ends.",
}
_LOCK = {"Retry-After": "Seconds until posts can be created again."}
HEADERS = {201: _WINDOW, 400: _WINDOW, 402: _WINDOW, 429: _LOCK, 500: _WINDOW}
"""Headers of creates, by status."""

CONTROLS: dict[str, tuple[str, type]] = {
    "clock": ("What its clock shows: `shown + (now - real) * speed`.", dict[str, float]),
    "state": ("Numbers of posts, requests, creates, refusals (429) and uploads.", dict[str, int]),
    "posts": ("The stored posts of all organisations.", dict[str, list[StoredPost]]),
    "faults": ("How often each kind of fault struck.", dict[str, dict[str, int]]),
    "openapi.json": ("This document.", dict[str, object]),
}
ORDERS = {
    "faults": "Add a fault, such as `drop_answer:20%:route=create_post`.",
    "lock-out": "Lock the first organisation out, for so many seconds; empty: for a whole window.",
    "publish": "Publish this post now; empty: all that wait.",
}

TOPICS = {"create": "posts", "insights": "analytics"}
SERVER_REQUIRES = ("PostRequest", "ContentItem")
"""Models whose defaults are for users: the client sends every field."""
CLIENT_ONLY = {"Media": ("width", "height", "size"), "ListedMedia": ("width", "height")}
DATES = {
    "ListedMedia": ["createdAt"],
    "Notification": ["createdAt"],
    "Post": ["publishDate"],
    "PostRequest": ["date"],
    "StoredPost": ["date"],
}


def document() -> Schema:
    """The whole document."""
    replies: list[type] = [each.reply for each in ENDPOINTS]
    replies += [each for each in BODIES.values() if isinstance(each, type)]
    kinds = [*replies, *(kind for _, kind in CONTROLS.values())]
    made, named = _components(kinds, "#/components/schemas/{name}")
    schemas = list(zip(kinds, made, strict=True))
    _correct(named)
    paths: dict[str, Schema] = {}
    for each in ENDPOINTS:
        path = each.path if each is OAUTH_TOKEN else f"/public/v1{each.path}"
        paths.setdefault(path, {})[each.method.lower()] = _operation(each, schemas)
    for name, (summary, kind) in CONTROLS.items():
        answer = {"description": "OK", "content": _content([_of(kind, schemas)])}
        read = _control(name.partition(".")[0], summary, {"200": answer})
        paths[f"/sandbox/{name}"] = {"get": read}
    for name, summary in ORDERS.items():
        refused = _plain(400, [_of("Message", schemas)])
        made_so = _control(f"set_{name}", summary, {"204": {"description": "Done"}, "400": refused})
        made_so["requestBody"] = {"content": _content([TEXT], "text/plain")}
        paths.setdefault(f"/sandbox/{name}", {})["post"] = made_so
    key = {"type": "apiKey", "in": "header", "name": "Authorization"}
    key["description"] = "The key as it is, without `Bearer`; an OAuth token in the same way."
    common = {
        _name(status): _plain(status, [_of(each, schemas) for each in errors])
        for status, errors in ERRORS.items()
        if status not in {403, 429}  # each of one route
    }
    common["Unauthorized"]["description"] += ". No body: the server could not look the key up"
    return {
        "openapi": "3.1.0",
        "info": {"title": "Postiz", "version": "v1", "description": ABOUT},
        "servers": [{"url": "/", "description": "where this document comes from"}],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"key": key},
            "responses": common,
            "schemas": named | SHAPES,
        },
    }


def _control(name: str, summary: str, responses: Schema) -> Schema:
    about: Schema = {"operationId": f"sandbox_{name.replace('-', '_')}", "summary": summary}
    return about | {"tags": ["sandbox"], "security": [], "responses": responses}


def _correct(named: dict[str, Schema]) -> None:
    """Say of the models what the server says of its JSON."""
    for name, schema in named.items():
        schema["description"] = schema["description"].partition("\n\n")[0]
        for hidden in CLIENT_ONLY.get(name, ()):
            schema["properties"].pop(hidden)
        for date in DATES.get(name, ()):
            schema["properties"][date] = MOMENT
        for field, value in schema["properties"].items():
            if value.pop("default", None) is not None and name in SERVER_REQUIRES:
                schema["required"].append(field)
    named["PostItem"]["required"].remove("settings")  # networks without any
    tag = shape("A tag.", "name", id=TEXT, name=TEXT, color=TEXT)
    named["Post"]["properties"]["tags"]["items"] = shape("It wraps a tag.", tag=tag)


def handler_of(name: str) -> Callable[..., object]:
    """The function of the sandbox that answers an operation."""
    for route in (*ROUTES, *OPEN_ROUTES):
        if route.name == name:
            return route.handler
    raise LookupError(f"the sandbox has no route {name!r}: add it to `_sandbox.router`")


def _operation(endpoint: Endpoint[object], schemas: list[tuple[type, Schema]]) -> Schema:
    name = endpoint.name
    handler = handler_of(name)
    topic = handler.__module__.rpartition(".")[2]
    in_path = re.findall(r"{(\w+)}", endpoint.path)
    parameters: list[Schema] = [
        {"name": each, "in": "path", "required": True, "schema": TEXT} for each in in_path
    ] + [
        {"name": each, "in": "query", "required": each in REQUIRED, "schema": schema}
        for each, schema in QUERIES.get(name, {}).items()
    ]
    made: Schema = {
        "operationId": name,
        "summary": (handler.__doc__ or "").partition("\n")[0],
        "tags": [TOPICS.get(topic, topic)],
        "x-since": endpoint.since,
        "x-replay": endpoint.replay.value,
        "parameters": parameters,
    }
    if endpoint is OAUTH_TOKEN:
        made["security"] = []
    if name in BODIES:
        content = _content([_of(BODIES[name], schemas)], FORM if name == "upload_file" else JSON)
        made["requestBody"] = {"required": True, "content": content}
    success = 201 if endpoint.method == "POST" else 200
    answer = _of(UNUSED_ANSWERS.get(name, endpoint.reply), schemas)
    made["responses"] = {str(success): _response(endpoint, success, [answer])}
    if endpoint.method == "GET":
        made["responses"]["304"] = {"description": "Not Modified, where `If-None-Match` was sent"}
    takes = bool(parameters or name in BODIES)
    for status in sorted(_refusals(endpoint, takes=takes)):
        forms = [_of(each, schemas) for each in OWN_ERRORS.get((name, status), ERRORS[status])]
        made["responses"][str(status)] = _response(endpoint, status, forms)
    return made


def _refusals(endpoint: Endpoint[object], *, takes: bool) -> set[int]:
    found = {status for status, _ in endpoint.meanings} | FURTHER.get(endpoint.name, set())
    found |= {429} if endpoint.quota else set()
    found |= {413, 415} if endpoint.name in BODIES else set()
    return found | {401, 404} | ({400} if takes else set())


def _response(endpoint: Endpoint[object], status: int, forms: Iterable[Schema]) -> Schema:
    """An answer; a refusal that is the same for all routes stands once."""
    hints = [hint for (of, _), hint in endpoint.meanings.items() if of == status]
    headers = HEADERS.get(status, {}) if endpoint.quota else {}
    is_own = hints or headers or (endpoint.name, status) in OWN_ERRORS
    if status >= 400 and not is_own:
        return {"$ref": f"#/components/responses/{_name(status)}"}
    made = _plain(status, forms, *hints)
    if headers:
        made["headers"] = {
            name: {"description": about, "schema": NUMBER} for name, about in headers.items()
        }
    return made


def _plain(status: int, forms: Iterable[Schema], *hints: str) -> Schema:
    description = ". ".join([_phrase(status), *hints])
    return {"description": description, "content": _content(forms)}


def _phrase(status: int) -> str:
    """The phrase of a status; that of 413 is another before Python 3.13."""
    return HTTPStatus(status).phrase.replace("Request Entity", "Content")


def _name(status: int) -> str:
    return _phrase(status).replace(" ", "")


def _of(body: str | type, schemas: list[tuple[type, Schema]]) -> Schema:
    if isinstance(body, str):
        return {"$ref": f"#/components/schemas/{body}"}
    return next(schema for kind, schema in schemas if kind == body)


def _content(forms: Iterable[Schema], kind: str = JSON) -> Schema:
    one, *others = forms
    return {kind: {"schema": {"anyOf": [one, *others]} if others else one}}


def pages() -> dict[Path, str]:
    """The file and what it says."""
    return {PAGE: json.dumps(document(), indent=1) + "\n"}


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


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
