"""Writes into its pages how to install the package: python docs/make_install.py.

`PUBLISHED` in `postiz_async/_extras.py` says whether that is by the name on the index.
"""

from __future__ import annotations

import re
from pathlib import Path

from postiz_async._extras import PUBLISHED

ROOT = Path(__file__).parents[1]
PART = re.compile(r"(?<=<!-- install -->\n).*?(?=<!-- end -->)", re.DOTALL)
"""What is written anew of a page."""

DEMO = """
```console
python3 -m venv .venv && .venv/bin/python -m pip install . && .venv/bin/postiz-async demo
```
"""

TEXTS = {
    "README.md": (
        f"""
Try it in a clone of this repository, with Python 3.11 or newer and no account:
{DEMO}
The command is then `.venv/bin/postiz-async`. To try it without installing anything:
`uvx --from . postiz-async demo` or `pipx run --spec . postiz-async demo`.
""",
        f"""
Try it without an account and without installing anything:

```console
uvx postiz-async demo
```

`pipx run postiz-async demo` does the same, and `pip install postiz-async` installs library and
command. In a clone of this repository:
{DEMO}""",
    ),
    "docs/README.md": (
        """
To try it, all you need is a clone of the repository and Python 3.11 or newer:

```console
$ python3 -m venv .venv
$ .venv/bin/python -m pip install .
$ .venv/bin/postiz-async demo
```
""",
        """
To try it, all you need is [uv](https://docs.astral.sh/uv/):

```console
$ uvx postiz-async demo
```
""",
    ),
    "docs/quick-start.md": (
        """
In a clone of this repository:

```console
python3 -m venv .venv && . .venv/bin/activate && python -m pip install .
```

Some features need an extra. To install several, list them in one pair of brackets, as in
`'.[mcp,postgres]'`. From another folder, write the path of the clone in place of the dot.
""",
        """
```console
python3 -m venv .venv && . .venv/bin/activate && python -m pip install postiz-async
```

Some features need an extra. To install several, list them in one pair of brackets, as in
`'postiz-async[mcp,postgres]'`.
""",
    ),
    "docs/agents.md": (
        """
```console
$ .venv/bin/python -m pip install '.[mcp]'
$ export POSTIZ_API_KEY=...
$ postiz-async mcp --allow read,draft,schedule
```
""",
        """
```console
$ python -m pip install 'postiz-async[mcp]'
$ export POSTIZ_API_KEY=...
$ postiz-async mcp --allow read,draft,schedule
```
""",
    ),
    "docs/deciding.md": (
        """
Beta, and not on the index yet: it is installed from a clone of the repository. It has few users.
Before version 1.0 names may change; the [changelog](../CHANGELOG.md) says what to write instead.
""",
        """
Beta; `pip install postiz-async` installs the newest release. It has few users. Before version 1.0
names may change; the [changelog](../CHANGELOG.md) says what to write instead.
""",
    ),
}
"""Of each page what it says until the package is on the index, and then."""


def pages(*, published: bool) -> dict[Path, str]:
    """The pages as they should be."""
    made: dict[Path, str] = {}
    for name, texts in TEXTS.items():
        page = (ROOT / name).read_text(encoding="utf-8")
        made[ROOT / name] = PART.sub(lambda _, text=texts[published]: f"{text}\n", page)
    return made


if __name__ == "__main__":
    for path, text in pages(published=PUBLISHED).items():
        path.write_text(text, encoding="utf-8")
