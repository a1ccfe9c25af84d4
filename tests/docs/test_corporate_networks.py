"""The examples of `docs/corporate-networks.md`, each against a server that wants what it shows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from network_lab import (
    ConnectProxy,
    Recorder,
    ca_file,
    client_files,
    connect_proxy,
    recording,
    server_context,
)

PAGE = (Path(__file__).parents[2] / "docs" / "corporate-networks.md").read_text(encoding="utf-8")
URL = "https://postiz.example.com/api"


def example(title: str, number: int = 0) -> str:
    """A block of code of a section."""
    section = PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]
    return re.findall(r"^```(?:python|toml)\n(.*?)^```", section, re.MULTILINE | re.DOTALL)[number]


@pytest.fixture(autouse=True)
def company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the page names."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POSTIZ_API_KEY", "key")
    ca_file(tmp_path).rename(tmp_path / "company-ca.pem")
    certificate, key = client_files(tmp_path)
    certificate.rename(tmp_path / "agency.pem")
    key.rename(tmp_path / "agency.key")
    return tmp_path


async def run(text: str, server: Recorder) -> None:
    """Run an example against a server, which is asked."""
    module: dict[str, Any] = {"__name__": "example"}
    exec(compile(text.replace(URL, server.url), "corporate-networks.md", "exec"), module)  # noqa: S102
    if "main" in module:
        await module["main"]()
    else:
        async with module["client"]() as postiz:
            await postiz.channels.list()
    assert [path for _, path, _ in server.seen] == ["/public/v1/integrations"]


async def test_a_private_ca() -> None:
    with recording(server_context()) as server:
        await run(example("A private CA"), server)


async def test_a_client_certificate() -> None:
    with recording(server_context(wants_client=True)) as server:
        await run(example("A client certificate"), server)


async def test_a_gateways_header(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_SECRET", "secret")
    with recording() as server:
        await run(example("A gateway's header"), server)
        headers = server.seen[0][2]
        assert headers["cf-access-client-id"].endswith(".access")
        assert headers["cf-access-client-secret"] == "secret"


async def test_a_proxy() -> None:
    wants = ConnectProxy(wants="Basic bWU6cEBzc3dvcmQ=")
    with recording(server_context()) as server:
        async with connect_proxy(wants) as proxy:
            place = proxy.url.removeprefix("http://")
            text = example("Proxies").replace("proxy.example.com:3128", place)
            trust = "__import__('ssl').create_default_context(cafile='company-ca.pem')"
            text = text.replace("proxy=proxy)", f"proxy=proxy, ssl={trust})")
            await run(text, server)
    assert [head.split()[0] for head in proxy.heads] == ["CONNECT"]


def test_each_variable_and_option_of_the_page_is_one() -> None:
    package = Path(__file__).parents[2] / "postiz_async"
    sources = "".join(
        (package / name).read_text(encoding="utf-8")
        for name in ("_transport/settings.py", "_cli/connection.py", "_wire/proxies.py")
    )
    for name in set(re.findall(r"POSTIZ_[A-Z_]+", PAGE)):
        assert name in sources
