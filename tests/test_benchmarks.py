"""`benchmarks/run.py`: what it runs, what it says of it, and two commits side by side."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
import run
from figures import Figure
from growth import exponent
from run import Benchmark, Results, verdict

BENCHMARKS = run.HERE


def figure(value: float, base: float | None = None, **options: object) -> Figure:
    return Figure(name="f", value=value, unit="us", base=base, **options)  # type: ignore[arg-type]


# ------------------------------------------------------------------ what there is


@pytest.mark.parametrize("name", run.SHORT)
def test_what_is_run_by_default_hands_over_figures(name: str) -> None:
    script = (BENCHMARKS / f"{name}.py").read_text(encoding="utf-8")
    assert run.HANDS_OVER.search(script)


def test_the_list_has_a_line_for_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [*run.SHORT, *run.LONG]
    assert all(len(line.split()) > 4 for line in lines)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["call_pth"], "there is no benchmark 'call_pth'; did you mean 'call_path'?"),
        (["plan.py"], "did you mean 'plan'?"),
        (["zzzz"], "there is no benchmark 'zzzz'. All of them:"),
        (["plan", "--rounds", "-1"], "--rounds is at least 1, not -1"),
        (["plan", "--json", "nowhere/x.json"], "--json: there is no folder"),
        (["plan", "--against", "no-such-branch"], "git knows no commit 'no-such-branch'"),
    ],
)
def test_a_mistake_is_told_in_a_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run.main(arguments)
    error = capsys.readouterr().err
    assert ended.value.code == 2
    assert said in error
    assert len(error.splitlines()) == 1


# ------------------------------------------------------------------ figures


@pytest.mark.parametrize(
    ("made", "judged", "goal"),
    [
        (figure(3.0), 3.0, ""),
        (figure(3.0, target=2), 3.0, "<= 2: MISSED"),
        (figure(3.0, 4.0, target=3), 3.0, "<= 3: held"),
        (figure(3.0, 4.0, compared="ratio", target=0.9, better="more"), 0.75, ">= 0.9: MISSED"),
        (figure(3.0, 4.0, compared="above", target=0), -1.0, "<= 0: held"),
    ],
)
def test_a_figure_is_judged_alone_or_beside_its_baseline(
    made: Figure, judged: float, goal: str
) -> None:
    assert made.judged == judged
    assert made.goal == goal


def test_of_several_rounds_the_middle_one_counts_with_its_own_baseline() -> None:
    rounds = [
        Benchmark(name="b", title="t", figures=[figure(value, base, compared="ratio")])
        for value, base in ((9.0, 9.0), (4.0, 2.0), (1.0, 4.0))
    ]
    [found] = run.median(rounds).figures
    assert (found.value, found.base) == (9.0, 9.0)


@pytest.mark.parametrize(
    ("now", "before", "said"),
    [
        ([7.0] * 2, [7.0] * 2, "same"),
        ([7.0] * 2, [8.0] * 2, "better"),
        ([9.0] * 2, [8.0] * 2, "WORSE"),
        ([7.0, 7.1], [8.0, 8.1], "too few rounds"),
        ([7.0, 7.1, 7.2, 7.1, 7.0], [8.0, 8.1, 8.2, 8.1, 8.0], "better"),
        ([7.0, 7.1, 9.0, 7.1, 7.0], [8.0, 8.1, 8.2, 8.1, 8.0], "noise"),
        ([7.01, 7.02, 7.03, 7.02, 7.01], [7.0, 7.01, 7.02, 7.01, 7.0], "noise"),
    ],
)
def test_noise_is_told_from_a_difference(now: list[float], before: list[float], said: str) -> None:
    assert verdict([figure(each) for each in now], [figure(each) for each in before]) == said


def test_the_exponent_is_that_of_the_largest_sizes() -> None:
    points = [(10.0**n, 1e6 + 3 * 10.0 ** (2 * n)) for n in range(1, 7)]
    assert exponent(points) == pytest.approx(2.0, abs=0.01)


# ------------------------------------------------------------------ a repository of its own

TINY = '''"""A benchmark that takes no time."""
import sys
from figures import Figure, note, skip
from postiz_async import SPEED
note(Figure(name="speed", value=SPEED, unit="calls", better="more", target=2))
skip("the rest")
sys.exit(SPEED == 3 and "broken: it is 3")
'''


needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A repository with a package of one number and one benchmark, under a name that is known."""
    for name, text in (
        ("benchmarks/run.py", (BENCHMARKS / "run.py").read_text(encoding="utf-8")),
        ("benchmarks/figures.py", (BENCHMARKS / "figures.py").read_text(encoding="utf-8")),
        ("benchmarks/content.py", TINY),
        ("postiz_async/__init__.py", "SPEED = 1"),
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "One")
    return tmp_path


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=n", "-c", "user.email=n@example.com", "-c", "commit.gpgsign=false")
    command = ["git", *who, "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def ran(tree: Path, *arguments: str) -> tuple[int, str, Results]:
    """Exit code, output and what was written as JSON."""
    path = tree / "out.json"
    command = [sys.executable, "benchmarks/run.py", "content", "--json", str(path), *arguments]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout, msgspec.json.decode(path.read_bytes(), type=Results)


@needs_git
def test_what_is_printed_is_written_too(tree: Path) -> None:
    code, said, made = ran(tree)
    [benchmark] = made.benchmarks
    assert code == 0
    assert "A benchmark that takes no time." in said
    assert ">= 2: MISSED" in said
    assert "1 figures; of 1 targets 0 held" in said
    assert benchmark.skipped == ["the rest"]
    assert benchmark.figures == [
        Figure(name="speed", value=1, unit="calls", better="more", target=2)
    ]
    assert made.commit == git(tree, "rev-parse", "--short", "HEAD").strip()
    assert str(tree) not in (tree / "out.json").read_text(encoding="utf-8")


@needs_git
def test_a_benchmark_that_fails_says_why(tree: Path) -> None:
    (tree / "postiz_async/__init__.py").write_text("SPEED = 3", encoding="utf-8")
    code, said, made = ran(tree)
    assert code == 1
    assert "FAILED: broken: it is 3" in said
    assert made.benchmarks[0].figures[0].value == 3
    assert made.commit.endswith("+")


@needs_git
def test_two_commits_are_compared_and_nothing_is_left_of_it(tree: Path) -> None:
    (tree / "postiz_async/__init__.py").write_text("SPEED = 2", encoding="utf-8")
    code, said, made = ran(tree, "--against", "HEAD", "--rounds", "2")
    assert code == 0
    assert said.splitlines()[2].split() == ["speed", "2", "calls", "1", "calls", "2.000", "better"]
    assert made.against is not None
    assert [each.benchmarks[0].figures[0].value for each in (made, made.against)] == [2, 1]
    assert len(git(tree, "worktree", "list").splitlines()) == 1


@needs_git
def test_a_commit_that_a_benchmark_does_not_fit_is_told(tree: Path) -> None:
    (tree / "postiz_async/__init__.py").write_text("", encoding="utf-8")
    git(tree, "commit", "--quiet", "--all", "--message", "Two")
    (tree / "postiz_async/__init__.py").write_text("SPEED = 2", encoding="utf-8")
    code, said, made = ran(tree, "--against", "HEAD", "--rounds", "2")
    assert code == 0
    assert "the other commit FAILED: ImportError: cannot import name 'SPEED'" in said
    assert made.benchmarks[0].figures[0].value == 2
