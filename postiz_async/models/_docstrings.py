"""What the docstrings of values say. PURE."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from inspect import cleandoc


@cache
def described_fields(kind: type) -> Mapping[str, str]:
    """What the `Args` of a struct and of its bases say of its fields, as sentences."""
    found: dict[str, str] = {}
    for each in reversed(kind.__mro__):
        said = cleandoc(each.__doc__ or "").partition("\n\nArgs:\n")[2].partition("\n\n")[0]
        for name, text in _ARGUMENT.findall(said):
            found[name] = " ".join((text[0].upper() + text[1:]).split())
    return found


_ARGUMENT = re.compile(r"^ {4}(\w+): (.+(?:\n {5,}.+)*)", re.MULTILINE)
