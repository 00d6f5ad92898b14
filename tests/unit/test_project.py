"""Which runs belong to the project of the working directory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.hints import hint_of
from tests.support.runs import make_run
from tsdia_run.cli import completion
from tsdia_run.errors import NotFoundError
from tsdia_run.report.names import find_run, run_to_change
from tsdia_run.report.places import places, run_dirs
from tsdia_run.report.rows import rows, with_projects
from tsdia_run.rundir import catalog
from tsdia_run.rundir.project import MARKERS, project_of, runs_of
from tsdia_run.settings import from_files

Start = Callable[..., Path]


def test_the_markers_are_the_project_files_and_a_repository() -> None:
    assert (from_files.FILE_NAME, from_files._PYPROJECT, ".git") == MARKERS


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Return a function that makes a run, and notes it like a start in a directory does."""
    environ = {"XDG_STATE_HOME": str(tmp_path / "state")}
    monkeypatch.setenv("XDG_STATE_HOME", environ["XDG_STATE_HOME"])

    def note(run_dir: str, cwd: str) -> Path:
        (tmp_path / cwd).mkdir(parents=True, exist_ok=True)
        made = make_run(tmp_path / run_dir, run_id=f"id-{run_dir.replace('/', '-')}").layout.root
        catalog.note(made, project_of(tmp_path / cwd).folder, environ)
        return made

    return note


def mark(folder: Path, marker: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / marker).touch()
    return folder


def found(cwd: Path, monkeypatch: pytest.MonkeyPatch, *, everywhere: bool = False) -> set[str]:
    """Return the names of the runs that a command in a directory finds."""
    cwd.mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(cwd)
    where = places()
    return {Path(path).name for path in run_dirs(where.everywhere() if everywhere else where)}


@pytest.mark.parametrize("marker", MARKERS)
def test_a_project_has_its_own_runs_wherever_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: Start, marker: str
) -> None:
    mark(tmp_path / "a", marker)
    mark(tmp_path / "b", marker)
    start("a/runs/one", "a")
    start("a/src/runs/two", "a/src")
    start("disk/three", "a/src")
    start("b/runs/four", "b")
    start("a/out/five", "b")
    for folder in ("a", "a/src", "a/runs/one", "a/runs/one/logs"):
        assert found(tmp_path / folder, monkeypatch) == {"one", "two", "three", "five"}, folder
    assert found(tmp_path / "b", monkeypatch) == {"four", "five"}
    assert found(tmp_path / "elsewhere", monkeypatch) == set()
    assert found(tmp_path / "b", monkeypatch, everywhere=True) == {"one", "two", "three", "four", "five"}


def test_a_nested_project_is_a_project_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: Start
) -> None:
    outer = mark(tmp_path / "outer", ".git")
    inner = mark(outer / "inner", "pyproject.toml")
    start("outer/runs/of-outer", "outer")
    start("outer/inner/runs/of-inner", "outer/inner")
    assert found(outer, monkeypatch) == {"of-outer"}
    assert found(inner, monkeypatch) == {"of-inner"}
    (inner / "pyproject.toml").unlink()
    assert found(outer, monkeypatch) == {"of-outer", "of-inner"}


def test_without_a_marker_the_working_directory_is_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: Start
) -> None:
    start("bare/runs/one", "bare")
    start("disk/two", "bare")
    start("bare/other/runs/three", "bare/other")
    for folder in ("bare", "bare/runs/one", "bare/runs/one/logs", "disk/two"):
        assert found(tmp_path / folder, monkeypatch) == {"one", "two"}, folder
    assert found(tmp_path, monkeypatch) == set()
    mark(tmp_path / "bare", ".git")
    assert found(tmp_path / "bare", monkeypatch) == {"one", "two", "three"}


def test_a_copy_of_the_code_in_a_run_is_not_a_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: Start
) -> None:
    mark(tmp_path / "a", ".git")
    run_dir = start("a/runs/one", "a")
    mark(run_dir / "code", "pyproject.toml")
    assert project_of(run_dir / "code").folder == tmp_path / "a"
    assert found(run_dir / "code", monkeypatch) == {"one"}


def test_a_symlink_to_a_project_leads_to_the_same_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: Start
) -> None:
    mark(tmp_path / "a", ".git")
    start("a/runs/one", "a")
    start("disk/two", "a")
    (tmp_path / "link").symlink_to("a")
    assert found(tmp_path / "link", monkeypatch) == {"one", "two"}


def test_runs_of_a_removed_project_are_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: Start) -> None:
    run_dir = start("disk/one", "gone")
    (tmp_path / "gone").rmdir()
    assert found(tmp_path / "here", monkeypatch) == set()
    assert found(tmp_path / "here", monkeypatch, everywhere=True) == {"one"}
    where = places().everywhere()
    (row,) = with_projects(rows(where), where.known)
    assert (row.path, row.project) == (str(run_dir), str(tmp_path / "gone"))


def test_roots_of_the_project_file_replace_the_default_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: Start
) -> None:
    project = mark(tmp_path / "a", ".git")
    (project / "tsdia-run.yml").write_text("roots: [../disk]\n")
    make_run(tmp_path / "disk" / "unknown")
    start("a/runs/one", "a")
    assert found(project / "src", monkeypatch) == {"unknown", "one"}


def test_the_run_in_the_working_directory_is_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: Start
) -> None:
    mark(tmp_path / "a", ".git")
    one, two = start("a/runs/one", "a"), start("a/runs/two", "a")
    (tmp_path / "a" / "config.yml").touch()
    (tmp_path / "a" / "logs").mkdir()  # like a run of TS-DIA's scripts
    for run_dir in (one, two):
        monkeypatch.chdir(run_dir / "logs")
        assert find_run(None, places()) == run_dir
    monkeypatch.chdir(tmp_path / "a")
    assert find_run(None, places()) in (one, two)
    assert find_run(None, places()) == find_run("latest", places())


def test_names_mean_this_project_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: Start) -> None:
    for project in ("a", "b", "c"):
        mark(tmp_path / project, ".git")
    ours, theirs = start("a/runs/exp", "a"), start("b/runs/exp", "b")
    far = start("b/runs/far", "b")
    start("b/runs/twice", "b")
    start("c/runs/twice", "c")
    monkeypatch.chdir(tmp_path / "a")
    where = places()
    assert find_run("exp", where) == find_run("e", where) == Path(run_to_change("exp")) == ours
    assert find_run("far", where) == far
    assert [where.has(path) for path in (ours, theirs, far)] == [True, False, False]
    assert Path(run_to_change("id-b-runs-exp")) == find_run("id-b-runs-exp", where) == theirs
    assert run_to_change(str(theirs)) == str(theirs)
    for word, said in (("fa", "no run 'fa'"), ("twice", "'twice' matches 2 runs")):
        with pytest.raises(Exception, match=said):
            find_run(word, where)


@pytest.mark.parametrize(
    ("word", "said", "hinted"),
    [
        ("ex", "'ex' is not the full name of a run of this project", ["runs/exp", "runs/exp-2"]),
        ("far", "'far' is a run of another project", ["../b/runs/far"]),
        ("fa", "no run 'fa'", []),
        ("exq", "no run 'exq'; did you mean exp?", []),
    ],
)
def test_a_command_that_changes_a_run_does_not_guess(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: Start, word: str, said: str, hinted: list[str]
) -> None:
    mark(tmp_path / "a", ".git")
    mark(tmp_path / "b", ".git")
    for run_dir in ("a/runs/exp", "a/runs/exp-2", "b/runs/far"):
        start(run_dir, run_dir[0])
    monkeypatch.chdir(tmp_path / "a")
    with pytest.raises(NotFoundError) as caught:
        run_to_change(word)
    assert caught.value.message == said
    assert [Path(path).name for path in hinted] == [Path(path).name for path in getattr(caught.value, "run_dirs", ())]
    assert "tsdia-run" in hint_of(caught.value) or hinted


def test_completion_offers_the_runs_of_the_project_and_paths_for_equal_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: Start
) -> None:
    mark(tmp_path / "a", ".git")
    mark(tmp_path / "b", ".git")
    for run_dir in ("a/runs/exp", "a/runs/group/exp", "a/runs/only", "b/runs/far"):
        start(run_dir, run_dir[0])
    monkeypatch.chdir(tmp_path / "a")
    assert completion._runs("") == ["latest", "only", "runs/exp", "runs/group/exp"]


def test_latest_of_a_project_without_runs_is_not_a_run_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: Start
) -> None:
    mark(tmp_path / "a", ".git")
    start("a/runs/exp", "a")
    monkeypatch.chdir(mark(tmp_path / "b", ".git"))
    for find in (lambda: find_run("latest", places()), lambda: run_to_change("latest")):
        with pytest.raises(NotFoundError, match="no runs yet in the project"):
            find()


def test_a_name_wins_over_a_directory_that_is_not_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: Start
) -> None:
    mark(tmp_path / "a", ".git")
    exp = start("a/runs/exp", "a")
    for name in ("exp", "checkpoints-of-others"):
        (tmp_path / "a" / name).mkdir()
    monkeypatch.chdir(tmp_path / "a")
    assert run_to_change("exp") == str(exp)
    assert run_to_change("./exp") == "./exp"
    assert run_to_change("checkpoints-of-others") == "checkpoints-of-others"
    monkeypatch.chdir(exp)
    assert run_to_change(".") == "."


PARTS = st.lists(st.sampled_from(["a", "ab", "b"]), min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))


@given(path=PARTS, recorded=st.none() | PARTS, folder=PARTS)
def test_a_run_belongs_to_the_project_that_started_it_and_to_the_folder_that_holds_it(
    path: str, recorded: str | None, folder: str
) -> None:
    is_inside = folder in map(str, Path(path).parents)
    is_nested = recorded is not None and folder in map(str, Path(recorded).parents)
    assert bool([*runs_of(folder, {path: recorded})]) == (not is_nested and (is_inside or recorded == folder))
