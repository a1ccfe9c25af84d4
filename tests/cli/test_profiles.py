"""Profiles: whose server and key a command takes, and a file that keeps them to itself."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cli_lab import Cli, Result, write_campaign

from postiz_async._cli import profiles
from postiz_async._cli.connection import state_folder

if TYPE_CHECKING:
    from collections.abc import Callable

    from processes import Server

    Write = Callable[[str], Path]

on_posix = pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")


@pytest.fixture
def path(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = home / "config" / "postiz-async"
    folder.mkdir(parents=True)
    monkeypatch.setattr(sys, "platform", "linux")
    return folder / "profiles.toml"


@pytest.fixture
def write(path: Path) -> Write:
    def to_file(text: str) -> Path:
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        return path

    return to_file


@pytest.fixture
def alone(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The server, of which the environment says nothing."""
    for name in ("POSTIZ_API_KEY", "POSTIZ_API_URL"):
        monkeypatch.delenv(name)
    return server


def saying(text: str, code: int = 0) -> str:
    """A command as a TOML string."""
    script = f"import sys; print({text!r}); print({text!r}, file=sys.stderr); sys.exit({code})"
    return f"'''{shlex.join([sys.executable, '-c', script])}'''"


def refused(result: Result, *texts: str) -> None:
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("error: ")
    for text in texts:
        assert text in result.err


def test_a_profile_has_server_and_key(
    cli: Cli, alone: Server, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(f'[work]\nurl = "{alone.url}"\nkey = "{alone.api_key}"\n')
    refused(cli("channels"), "There is no API key")
    assert cli("channels", "--profile", "work").code == 0
    monkeypatch.setenv("POSTIZ_PROFILE", "work")
    assert cli("channels").code == 0
    settings = cli("doctor", "--json").document[0]
    assert settings["text"] == "the key comes from the profile 'work'"


def test_a_command_says_the_key(cli: Cli, alone: Server, write: Write) -> None:
    write(f'[work]\nurl = "{alone.url}"\nkey_command = {saying(alone.api_key)}\n')
    assert cli("channels", "--profile", "work").code == 0
    assert cli("doctor", "--profile", "work").code == 0


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (saying("secret-output-1", 3), "ended with code 3. Run it by hand to see why."),
        (saying(""), "printed no key in its first line"),
        ('"/nowhere/pass show secret-argument-1"', "cannot be started: '/nowhere/pass': No such"),
        ("""'pass "show secret-argument-2'""", "cannot be read: No closing quotation"),
    ],
)
def test_a_command_that_does_not_say_it(
    cli: Cli, alone: Server, write: Write, command: str, told: str
) -> None:
    write(f'[work]\nurl = "{alone.url}"\nkey_command = {command}\n')
    result = cli("channels", "--profile", "work")
    refused(result, "The key_command of the profile 'work'", told)
    assert "secret-" not in result.err


def test_a_command_that_says_nothing_for_too_long(
    cli: Cli, alone: Server, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profiles, "KEY_TIMEOUT", 0.2)
    hangs = f"'''{shlex.join([sys.executable, '-c', 'import time; time.sleep(600)'])}'''"
    write(f'[work]\nurl = "{alone.url}"\nkey_command = {hangs}\n')
    refused(cli("channels", "--profile", "work"), "said nothing for 0.2 s")


def test_what_a_command_prints_is_a_text_and_no_shell_reads_it(
    cli: Cli, alone: Server, write: Write, tmp_path: Path
) -> None:
    there = tmp_path / "made-by-a-shell"
    write(f'[work]\nurl = "{alone.url}"\nkey_command = "echo $(touch {there}); touch {there}"\n')
    assert cli("channels", "--profile", "work").code == 2
    assert not there.exists()


def test_arguments_come_first_then_a_named_profile_then_the_environment_then_its_profile(
    cli: Cli, server: Server, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, key = f'url = "{server.url}"\n', f'key = "{server.api_key}"\n'
    bad = 'url = "http://127.0.0.1:9"\nkey = "wrong-key-0123"\n'
    write(f"[good]\n{good}{key}[bad]\n{bad}[nothing]\n")
    monkeypatch.delenv("POSTIZ_SANDBOX_CLOCK")
    assert cli("channels", "--profile", "nothing").code == 0, "the environment has both"
    away = cli("channels", "--profile", "bad")
    assert (away.code, away.out) == (1, "")
    assert "127.0.0.1:9" in away.err
    at = ("--profile", "bad", "--url", server.url)
    refused(cli("channels", *at), "401")
    monkeypatch.setenv("POSTIZ_PROFILE", "bad")
    assert cli("channels").code == 0, "the environment comes before its profile"
    monkeypatch.setenv("POSTIZ_API_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("POSTIZ_API_KEY", "wrong-key-0123")
    assert cli("channels", "--profile", "good").code == 0
    refused(cli("channels", "--profile", "good", "--api-key", "wrong-key-0123"), "401")


def test_the_login_of_the_official_command_line_is_another_server(
    cli: Cli, alone: Server, write: Write, home: Path
) -> None:
    login = home / ".postiz" / "credentials.json"
    login.parent.mkdir()
    login.write_text('{"accessToken": "another-servers-key"}')
    write(f'[work]\nurl = "{alone.url}"\n')
    refused(cli("channels", "--profile", "work"), "The profile 'work' has none.")


@on_posix
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644])
def test_a_file_that_others_may_read_is_refused(
    cli: Cli, alone: Server, write: Write, mode: int
) -> None:
    path = write(f'[work]\nurl = "{alone.url}"\nkey = "{alone.api_key}"\n')
    path.chmod(mode)
    advice = shlex.join(["chmod", "600", str(path)])
    refused(cli("channels", "--profile", "work"), advice)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[wrok]\n", "There is no profile 'work' (did you mean 'wrok'?)"),
        ("[other]\n", "profiles.toml has other"),
        ("", "profiles.toml has none or is not there"),
        ('[work]\nurll = "x"\n', "profile 'work': 'urll' is unknown (did you mean 'url'?)"),
        ('[work]\ncolour = "x"\n', "the settings are url, key, key_command, timezone"),
        ("[work]\nkey = 5\n", "profile 'work': key is not text"),
        ('[work]\nkey = "  "\n', "profile 'work': key is not text"),
        ('[work]\nkey = "a"\nkey_command = "b"\n', "both key and key_command"),
        ('[work]\ntimezone = "Europe/Berlni"\n', "there is no time zone 'Europe/Berlni'"),
        ('[work]\ntimezone = "localtime"\n', "there is no time zone 'localtime'"),
        ("work = 1\n", "write it like [work]"),
        ("[work\n", "is not TOML"),
        ("a = " + "[" * 9_999, "is not TOML"),
        ("a = " + "9" * 9_999, "is not TOML"),
        ('[work]\nkey = "sandbox-key-unfinished\n', "is not TOML"),
        ('[work]\nkey = "k"\n', "There is no sandbox"),
    ],
)
def test_what_a_file_may_not_say(
    cli: Cli, alone: Server, write: Write, text: str, told: str
) -> None:
    write(text)
    result = cli("channels", "--profile", "work", "--url", "http://127.0.0.1:9")
    refused(result, told)
    assert "sandbox-key" not in result.err


def test_only_the_profile_that_is_used_has_to_be_right(
    cli: Cli, alone: Server, write: Write
) -> None:
    good = f'[work]\nurl = "{alone.url}"\nkey = "{alone.api_key}"\n'
    write(good + '[old]\ntimezone = "Europe/Berlni"\n[odd]\nurll = "x"\n')
    assert cli("channels", "--profile", "work").code == 0
    refused(cli("channels", "--profile", "old"), "there is no time zone 'Europe/Berlni'")
    refused(cli("channels", "--profile", "odd"), "profile 'odd': 'urll' is unknown")
    refused(cli("channels", "--profile", "none"), "profiles.toml has work, old, odd.")


def test_bytes_that_are_no_text(cli: Cli, write: Write) -> None:
    write("").write_bytes(b"\xff\xfe")
    refused(cli("channels", "--profile", "work"), "is not text in UTF-8")


def test_the_zone_is_that_of_dates_without_one(
    cli: Cli, server: Server, write: Write, tmp_path: Path
) -> None:
    write('[tokyo]\ntimezone = "Asia/Tokyo"\n')
    file = write_campaign(tmp_path / "c.csv", ("mastodon", "2027-01-20 09:00", f"Hi {tmp_path}"))
    assert "20 Jan 2027 09:00 (UTC)" in cli("plan", file).out, "the machine's"
    assert "20 Jan 2027 09:00 (Asia/Tokyo)" in cli("plan", file, "--profile", "tokyo").out
    berlin = ("--profile", "tokyo", "--timezone", "Europe/Berlin")
    assert "(Europe/Berlin)" in cli("plan", file, *berlin).out
    ran = cli("run", file, "--profile", "tokyo", "--json")
    assert ran.document["rows"][0]["date"] == "2027-01-20T00:00:00Z"
    how = ("--channel", "mastodon", "--at", "2027-06-01T09:00", "--json", "--profile", "tokyo")
    post = cli("posts", "create", "Hi", *how).document[0]["postId"]
    assert cli("posts", "get", post, "--json").document["publishDate"].startswith("2027-06-01T00:")


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("2027-10-31T02:30", "2027-10-31 02:30 exists twice in Europe/Berlin"),
        ("2027-03-28T02:30", "2027-03-28 02:30 does not exist in Europe/Berlin"),
    ],
)
def test_a_moment_that_the_clocks_of_the_zone_skip_or_repeat_is_refused(
    cli: Cli, server: Server, write: Write, at: str, said: str
) -> None:
    del server  # it is there
    write('[berlin]\ntimezone = "Europe/Berlin"\n')
    how = ("--channel", "mastodon", "--at", at, "--profile", "berlin")
    result = cli("posts", "create", "Hi", *how)
    assert (result.code, result.out) == (2, "")
    assert f"--at: {said}, because the clocks change" in result.err


def test_what_is_kept_beside_a_file_comes_before_the_zone_of_a_profile(
    cli: Cli, write: Write, server: Server, tmp_path: Path
) -> None:
    del server  # it is there
    write('[tokyo]\ntimezone = "Asia/Tokyo"\n')
    file = write_campaign(tmp_path / "c.csv", ("mastodon", "2031-01-10 09:00", f"Hi {tmp_path}"))
    (tmp_path / "c.toml").write_text('timezone = "Europe/Berlin"\n', encoding="utf-8")
    assert cli("run", file, "--profile", "tokyo").code == 0
    told = cli("status", file, "--profile", "tokyo", "--json").document
    assert told["rows"][0]["date"] == "2031-01-10T08:00:00Z"
    assert told["edits"] == {"new": [], "changed": [], "gone": [], "unread": []}


NO_HOME = "error: This user has no home folder: HOME is '~', and the system does not know one."


@on_posix
def test_without_a_home_it_says_what_to_set(
    cli: Cli, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "~")  # what no system can resolve, like the user of a container
    monkeypatch.delenv("XDG_CONFIG_HOME")
    assert cli("channels").code == 0, "no profile is asked for"
    refused(cli("channels", "--profile", "work"), NO_HOME, "export HOME=/a/folder")
    monkeypatch.delenv("XDG_STATE_HOME")
    refused(cli("channels"), NO_HOME)
    monkeypatch.delenv("POSTIZ_API_KEY")
    refused(cli("channels"), "There is no API key.")


def test_a_relative_folder_of_xdg_is_passed_over(
    path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", "config")
    monkeypatch.setenv("XDG_STATE_HOME", "state")
    home = Path(os.environ["HOME"])
    assert profiles.profiles_path() == home / ".config" / "postiz-async" / "profiles.toml"
    assert state_folder() == home / ".local" / "state" / "postiz-async"
