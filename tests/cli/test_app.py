"""What holds for all commands: completion in shells, `--quiet`."""

from __future__ import annotations

import logging
import shutil
import subprocess
from pathlib import Path

import pytest
from cli_lab import Cli, write_campaign
from processes import Server
from spread import spread

from postiz_async._cli.output import IS_QUIET

LATER = "2027-01-20 09:00Z"


@pytest.mark.parametrize("quiet", [False, True])
def test_what_the_library_logs_is_a_warning(
    cli: Cli,
    capsys: pytest.CaptureFixture[str],
    quiet: bool,  # noqa: FBT001
) -> None:
    cli("--version")
    handler = logging.lastResort
    assert handler is not None, "that of a process in which nobody set up logging"
    token = IS_QUIET.set(quiet)
    try:
        handler.handle(logging.LogRecord("a", logging.WARNING, "", 0, "no %s", ("slot",), None))
        handler.handle(logging.LogRecord("a", logging.ERROR, "", 0, "no display", (), None))
    finally:
        IS_QUIET.reset(token)
    told = ["no display"] if quiet else ["no slot", "no display"]
    assert capsys.readouterr().err == "".join(f"warning: {each}\n" for each in told)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_campaign(tmp_path / "c.csv", ("mastodon", LATER, f"Hello {tmp_path}"))


_SCRIPTS: dict[str, str] = {}
"""What was printed for which shell: it is the same each time, and work."""


def script_of(cli: Cli, shell: str) -> str:
    """What is printed for a shell."""
    if shell not in _SCRIPTS:
        done = cli("completion", shell)
        assert done.code == 0
        _SCRIPTS[shell] = done.out
    return _SCRIPTS[shell]


def completed(cli: Cli, tmp_path: Path, *words: str) -> list[str]:
    """What bash offers for the last word."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("bash is not on this machine")
    script = tmp_path / "completion.bash"
    script.write_text(script_of(cli, "bash"))
    asked = """
        source "$1"; shift
        COMP_WORDS=(postiz-async "$@") COMP_CWORD=$#
        _postiz_async
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    command = [bash, "-c", asked, "bash", str(script), *words]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_bash_completes_commands_options_and_values(cli: Cli, tmp_path: Path) -> None:
    assert completed(cli, tmp_path, "stat") == ["status"]
    assert {"list", "create", "delete"} <= set(completed(cli, tmp_path, "posts", ""))
    assert completed(cli, tmp_path, "plan", "--ali") == ["--align"]
    assert completed(cli, tmp_path, "posts", "list", "--state", "PUB") == ["PUBLISHED"]
    assert "--quiet" in completed(cli, tmp_path, "status", "--")


def test_bash_completes_the_files_of_a_campaign(cli: Cli, tmp_path: Path) -> None:
    write_campaign(tmp_path / "spring.csv")
    assert completed(cli, tmp_path, "plan", "./spr") == ["./spring.csv"]


@pytest.mark.parametrize("shell", spread(["bash", "zsh", "fish"], every=3))
def test_a_shell_accepts_its_script(cli: Cli, tmp_path: Path, shell: str) -> None:
    script = script_of(cli, shell)
    assert "plan" in script
    assert "quiet" in script
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"{shell} is not on this machine")
    path = tmp_path / "script"
    path.write_text(script)
    done = subprocess.run([found, "-n", str(path)], capture_output=True, check=False, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_shell_that_is_not_known(cli: Cli) -> None:
    result = cli("completion", "tcsh")
    assert result.code == 2
    assert "bash" in result.err


def test_quiet_leaves_results_and_errors(cli: Cli, server: Server, file: Path) -> None:
    ran = cli("run", file, "--quiet")
    assert ran.code == 0
    assert ran.out == "1 stored of 1 row; 1 create request spent.\n"
    assert ran.err == ""
    assert "-q" in cli("run", "--help").out
    again = cli("-q", "run", file)
    assert again.out.startswith("Nothing is left to send: 1 stored of 1 row.")
    assert cli("run", file, "-q", "--json").err == "", "the document says it"
    assert cli("status", file, "-q").out == cli("status", file).out
    failed = cli("run", file.with_name("none.csv"), "-q")
    assert (failed.code, failed.out) == (2, "")
    assert failed.err.startswith("error: ")


def test_quiet_leaves_what_a_command_is_for(cli: Cli, server: Server, file: Path) -> None:
    for command in (("plan", file), ("channels",), ("quota",)):
        assert cli(*command, "--quiet").out == cli(*command).out != "", command
    listed = cli("posts", "list")
    assert listed.out.splitlines()[:-1] == cli("posts", "list", "-q").out.splitlines()


def test_quiet_says_nothing_of_what_was_done(cli: Cli, server: Server) -> None:
    done = cli("posts", "delete-group", "nothing", "--yes", "--quiet")
    assert (done.code, done.out, done.err) == (0, "", "")


def test_quiet_is_a_text_after_two_dashes(cli: Cli, server: Server) -> None:
    channel = ("--channel", "mastodon", "--at", "2027-06-01T10:00Z", "--json")
    created = cli("posts", "create", *channel, "--", "-q")
    post = cli("posts", "get", created.document[0]["postId"], "--json").document
    assert post["content"] == "-q"
