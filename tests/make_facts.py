"""Make tests/facts of what was measured on a real server, where that lies beside the repository.

    python tests/make_facts.py

The files hold requests and answers, one a line; `recorded.py` reads them, and nothing else looks
at `../shared`. Left out are the server's prose about networks, our notes, and headers that nothing
reads. What most lines have is left out too, long runs of a text are written once (`joined`), and a
list of similar objects as a table (`keys`, what is the `same` in all, `rows`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from recorded import BODY, FACTS, HEADERS, usual_request

MEASURED = Path(__file__).resolve().parents[2] / "shared"

_UNREAD = {"Connection", "Content-Length", "Keep-Alive", "Set-Cookie", "Transfer-Encoding"}
_UNREAD |= {"Access-Control-Allow-Credentials", "Access-Control-Expose-Headers"}
_RUN = re.compile(r"(..?)\1{39,}", re.DOTALL)
_MANY = 8

_FIELD = (
    "field", "type", "enum", "known_values", "min", "max", "min_items", "max_items", "max_total",
    "pattern", "message", "required", "required_when", "nullable", "unreleased",
)  # fmt: skip

Facts = dict[str, Any]


def files() -> dict[str, str]:
    """Name and text of each file."""
    contract, recordings = MEASURED / "contract", MEASURED / "recordings"
    made = {
        f"exchanges/{path.stem}": map(_exchange, _read(path)) for path in recordings.glob("*.json")
    }
    validation = _read(contract / "validation-cases.json")
    made["verdicts"] = map(_verdict, validation["cases"])
    made["urls"] = validation["url_cases"]
    made["lengths"] = map(_length, _read(contract / "weighted-length-cases.json"))
    made["texts"] = map(_text, _read(contract / "sanitize-cases.json"))
    made["providers"] = map(_provider, _read(contract / "providers.json"))
    return {f"{name}.jsonl": text_of(lines) for name, lines in made.items()}


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def text_of(lines: Iterable[object]) -> str:
    """A file of these lines, all in ASCII: texts have line ends and marks that no editor shows."""
    return "".join(f"{json.dumps(short(each), separators=(',', ':'))}\n" for each in lines)


def short(value: Any) -> Any:
    """The value that `recorded.long` reads."""
    if isinstance(value, str):
        pieces: list[object] = []
        end = 0
        for run in _RUN.finditer(value):
            pieces += [value[end : run.start()], [run[1], len(run[0]) // len(run[1])]]
            end = run.end()
        return {"joined": [*pieces, value[end:]]} if pieces else value
    if isinstance(value, dict):
        return {key: short(item) for key, item in value.items()}
    if not isinstance(value, list):
        return value
    first, *others = value or [None]
    if len(others) < _MANY or not isinstance(first, dict):
        return [short(item) for item in value]
    if any(not isinstance(each, dict) or list(each) != list(first) for each in others):
        return [short(item) for item in value]
    same = {key: item for key, item in first.items() if all(each[key] == item for each in others)}
    rows = [[short(item) for key, item in each.items() if key not in same] for each in value]
    return {"keys": list(first), "same": short(same), "rows": rows}


def _exchange(measured: Facts) -> Facts:
    request, response = measured["request"], measured["response"]
    usual = usual_request(request["body"])
    line: Facts = {"name": measured["name"]} | {k: measured[k] for k in ("t",) if k in measured}
    line["request"] = {k: v for k, v in request.items() if k not in usual or v != usual[k]}
    line["response"] = response and {
        "status": response["status"],
        "headers": _headers(response["headers"] or {}),
        "body": _without_prose(response["body"]),
    }
    return line


def _headers(all_: dict[str, str]) -> dict[str, str | None]:
    """What differs from the usual ones."""
    said = {name: HEADERS["ETag"] if name == "ETag" else each for name, each in all_.items()}
    names = [*HEADERS, *(name for name in said if name not in _UNREAD | HEADERS.keys())]
    return {name: said.get(name) for name in names if said.get(name) != HEADERS.get(name)}


def _without_prose(body: Any) -> Any:
    """An answer without what the server tells in its own words about a network."""
    output = body.get("output") if isinstance(body, dict) else None
    if not isinstance(output, dict) or "rules" not in output:
        return body
    return {"output": _undescribed(output) | {"rules": "..." if output["rules"] else ""}}


def _undescribed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_undescribed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _undescribed(item) for key, item in schema.items() if key != "description"}


def _verdict(case: Facts) -> Facts:
    line = {key: case[key] for key in ("provider", "case", "status", "stage")}
    posts = case["body"].get("posts")
    is_usual = case["body"] == BODY | {"posts": posts}
    line |= {"posts": posts} if is_usual else {"body": case["body"]}
    if case["additional_settings"]:
        line["additional_settings"] = case["additional_settings"]
    return line | {k: case[k] for k in ("message", "settings_after") if case.get(k) is not None}


def _length(case: Facts) -> Facts:
    return {key: each for key, each in case.items() if key != "strip_length_without_sanitize"}


def _text(case: Facts) -> Facts:
    return {key: case[key] for key in ("note", "input", "sanitized", "counted_text", "published")}


def _provider(network: Facts) -> Facts:
    line = {key: network[key] for key in ("identifier", "name", "editor", "counts", "mentions")}
    return line | {
        "since_release": network["since_release"],
        "defect": network.get("known_server_defect", {}).get("message", ""),
        "comments": {k: v for k, v in network["comments"].items() if k != "detail"},
        "tools": [tool["method"] for tool in network["tools"]],
        "max_length": {k: v for k, v in network["max_length"].items() if k != "rule"},
        "media_rules": [
            {"message": each["message"], "rule": each["rule"]} for each in network["media_rules"]
        ],
        "settings": [_field(each) for each in network["settings"]],
    }


def _field(field: Facts) -> Facts:
    said = f"{field.get('note', '')} {field.get('condition', '')}"
    line = {key: field[key] for key in _FIELD if key in field}
    if "Empty string is treated as absent" in said or "only when non-empty" in said:
        line["skip_empty"] = True
    if "(post:" in said:
        line["skip_reference"] = True
    if "item" in field:
        item = field["item"]
        line["item"] = {"ref": item["ref"]} if "ref" in item else {}
        line["item"] |= {"fields": [_field(each) for each in item.get("fields", [])]}
    return line


def main() -> None:
    """Write the files, and remove those that are no longer made."""
    (FACTS / "exchanges").mkdir(parents=True, exist_ok=True)
    made = files()
    for path in FACTS.rglob("*.jsonl"):
        if path.relative_to(FACTS).as_posix() not in made:
            path.unlink()
    for name, text in made.items():
        (FACTS / name).write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
