"""The OpenAPI document, and what it says of a request and its answer."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import msgspec
from jsonschema import Draft202012Validator

sys.path.append(str(Path(__file__).parents[2] / "docs"))
import make_openapi

[PAGE] = make_openapi.pages()
DOCUMENT: dict[str, Any] = msgspec.json.decode(PAGE.read_bytes())


def operation_of(method: str, path: str) -> dict[str, Any] | None:
    """The operation of a path; a fixed segment wins over a parameter."""
    found = [
        (template.count("{"), methods[method.lower()])
        for template, methods in DOCUMENT["paths"].items()
        if method.lower() in methods
        and re.fullmatch(re.sub(r"{\w+}", "[^/]+", template), path.rstrip("/"), re.IGNORECASE)
    ]
    return min(found, key=lambda each: each[0])[1] if found else None


def misfits(operation: dict[str, Any], status: int, body: object) -> list[str]:
    """Why an answer is not as documented."""
    answer = operation["responses"].get(str(status))
    if answer is None:
        return [f"{status} is not documented: {body!r:.200}"]
    if "$ref" in answer:
        answer = DOCUMENT["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    if "content" not in answer:
        return [f"{status} has no body, not {body!r:.200}"] if body else []
    return schema_misfits(answer["content"], body)


def schema_misfits(content: dict[str, Any], body: object) -> list[str]:
    """Why a body is not that of a request or an answer."""
    [each] = content.values()
    validator = Draft202012Validator({"components": DOCUMENT["components"], **each["schema"]})
    return [f"{error.json_path}: {error.message:.200}" for error in validator.iter_errors(body)]
