"""The command `providers`: the rules of the networks, without asking a server."""

from __future__ import annotations

import msgspec

from postiz_async._cli.options import Json
from postiz_async._cli.output import Output
from postiz_async._cli.results import Result
from postiz_async.providers import PROVIDERS, FieldLine, Guide, find_provider, guide


def providers(name: str | None = None, /, *, json: Json = False) -> None:
    """Show what a network accepts: length, settings, media, pitfalls.

    Args:
        name: A network, such as x; by default all.
    """
    output = Output(as_json=json, says_results=True)
    if name is not None:
        found = guide(find_provider(name))
        if json:
            output.json(_rules(found))
        else:
            _show(output, found)
        return
    guides = [guide(each) for each in PROVIDERS.values()]
    if json:
        output.json([_rules(each) for each in guides])
        return
    output.table(
        ["provider", "name", "characters", "needed settings", "further parts"],
        [
            (each.provider.identifier, each.provider.name, each.limit, _needed(each), each.parts)
            for each in guides
        ],
        whole=["provider"],
    )
    output.say("postiz-async providers NAME shows one with its settings, media and pitfalls.")


def _rules(shown: Guide) -> Result:
    provider = shown.provider
    return {
        "identifier": provider.identifier,
        "name": provider.name,
        "limits": provider.limits,
        "counts": provider.counts,
        "editor": provider.editor,
        "parts": provider.parts,
        "part_media": provider.part_media,
        "settings": shown.fields,
        "least_settings": shown.settings,
        "media": shown.media,
        "notes": shown.notes,
        "tools": provider.tools,
        "since": provider.since,
    }


def _needed(shown: Guide) -> str:
    top = (field for field in shown.fields if "." not in field.name)
    return ", ".join(field.name.removesuffix("[]") for field in top if field.needed == "yes")


def _show(output: Output, shown: Guide) -> None:
    provider = shown.provider
    output.say(f"{provider.name} ({provider.identifier})", "bold")
    output.say(f"characters: {shown.limit}")
    output.say(f"counted in: {shown.counting}")
    output.say(f"further parts: {shown.parts}")
    for title, lines in (("media", shown.media), ("pitfalls", shown.notes)):
        if lines:
            output.say(f"{title}:")
        for line in lines:
            output.say(f"  {line}")
    if provider.tools:
        output.say(f"tools (channels trigger): {', '.join(provider.tools)}")
    if shown.fields:
        output.say("")
        rows = [(field.name, _takes(field), field.meaning) for field in shown.fields]
        output.table(["setting", "takes", "meaning"], rows, whole=["setting"])
    output.say("")
    output.say(f"minimal settings: {msgspec.json.encode(shown.settings).decode()}")


def _takes(field: FieldLine) -> str:
    needed = "" if field.needed == "no" else f"needed: {field.needed}"
    return "; ".join(filter(None, (field.kind, field.limits, needed)))
