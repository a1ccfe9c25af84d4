"""All kinds of values of the package, private ones too."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import postiz_async
from postiz_async.models._base import Model, Value
from postiz_async.models.settings import ProviderSettings

ROOT = Path(postiz_async.__file__).parent

for path in sorted(ROOT.rglob("*.py")):  # a kind is known when its module is imported
    text = path.read_text(encoding="utf-8")
    if "(Value, " in text or "(Model, " in text or "(ProviderSettings, " in text:
        import_module(".".join(path.relative_to(ROOT.parent).with_suffix("").parts))


def kinds_below(kind: type[Value]) -> set[type[Value]]:
    """Those that derive from it."""
    return {each for sub in kind.__subclasses__() for each in (sub, *kinds_below(sub))}


KINDS = sorted(
    (
        kind
        for kind in kinds_below(Value) - {Model, ProviderSettings}
        if kind.__module__.startswith("postiz_async")
    ),
    key=lambda kind: (kind.__module__, kind.__name__),
)
