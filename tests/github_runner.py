"""How a runner of GitHub reads what a step prints: commands, and lines for the log."""

from __future__ import annotations

import re
from typing import NamedTuple

_COMMAND = re.compile(r"\s*::([^\s:]+)(?: (.*?))?::(.*)", re.DOTALL)
_OLD_FORM = re.compile(r"##\[([^\s\]]+)(?: (.*?))?\](.*)", re.DOTALL)
"""Which stands anywhere in a line."""
_MEANT = {"%25": "%", "%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ","}


class Command(NamedTuple):
    """One command, as `error` or `add-mask`."""

    name: str
    properties: dict[str, str]
    message: str


def read_log(text: str) -> tuple[list[Command], list[str]]:
    """The commands of an output, and the other lines; between `stop-commands` all are others."""
    commands: list[Command] = []
    others: list[str] = []
    token = ""
    for line in re.split(r"\r\n|\r|\n", text.removesuffix("\n")) if text else []:
        found = _COMMAND.fullmatch(line) or _OLD_FORM.search(line)
        name = found[1] if found else ""
        if token:
            if name == token:
                token = ""
            else:
                others.append(line)
        elif found is None:
            others.append(line)
        elif name == "stop-commands":
            token = found[3]
        else:
            pairs = (each.partition("=") for each in (found[2] or "").split(",") if each)
            properties = {key: _plain(value) for key, _, value in pairs}
            commands.append(Command(name, properties, _plain(found[3])))
    assert not token, "it does not obey again"
    return commands, others


def _plain(text: str) -> str:
    return re.sub("%(?:25|0D|0A|3A|2C)", lambda match: _MEANT[match[0]], text)
