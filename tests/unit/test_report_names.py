from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.hints import hint_of
from tests.support.runs import BEGAN, make_run
from tsdia_run.cli import hints
from tsdia_run.errors import AmbiguousNameError, NotFoundError
from tsdia_run.errors.lookups import AmbiguousRun
from tsdia_run.report.names import find_run
from tsdia_run.report.places import Places, run_dirs
from tsdia_run.rundir import catalog
from tsdia_run.rundir.typed_command import TypedCommand


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    """Make runs/{exp-1,exp-2,other}, runs/group/inner, and one elsewhere that is in the user's list."""
    monkeypatch.chdir(tmp_path)
    for hours, name in enumerate(["exp-2", "exp-1", "group/inner", "other"]):
        made = make_run(tmp_path / "runs" / name, began=BEGAN + timedelta(hours=hours), run_id=f"id-{hours}")
        os.utime(made.layout.record, (made.run.last.started_at.timestamp() + 60,) * 2)
    make_run(tmp_path / "elsewhere" / "far", began=BEGAN - timedelta(days=9), run_id="id-far")
    (tmp_path / "runs" / "exp-2" / "wandb_info.json").write_text(json.dumps({"run_id": "wb42", "run_name": None}))
    return Places((tmp_path / "runs",), (tmp_path / "elsewhere" / "far", tmp_path / "gone"))


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("runs/exp-1", "runs/exp-1"),
        ("runs/exp-1/", "runs/exp-1"),
        ("runs/exp-1/logs", "runs/exp-1"),
        ("exp-1", "runs/exp-1"),
        ("oth", "runs/other"),
        ("inner", "runs/group/inner"),
        ("far", "elsewhere/far"),
        ("id-3", "runs/other"),
        ("wb42", "runs/exp-2"),
        ("latest", "runs/other"),
    ],
)
def test_a_run_is_found_by_path_name_prefix_latest_or_id(places: Places, tmp_path: Path, word: str, found: str) -> None:
    assert find_run(word, places) == tmp_path / found


def test_a_run_is_found_from_a_directory_inside_it(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path / "runs" / "exp-1" / "logs")
    assert find_run(".", places) == tmp_path / "runs" / "exp-1"


def test_latest_is_the_last_started_run_not_the_last_changed(places: Places, tmp_path: Path) -> None:
    os.utime(tmp_path / "runs" / "exp-2" / "run.json")
    assert find_run("latest", places) == tmp_path / "runs" / "other"


def test_a_name_of_several_runs_lists_them(places: Places) -> None:
    with pytest.raises(AmbiguousNameError, match="'exp' matches 2 runs") as caught:
        find_run("exp", places)
    typed = TypedCommand("logs", ("exp",), (("--follow", None),), (), os.getcwd())
    assert hints.hint(caught.value, typed).splitlines() == [
        "Use the path of one of them:",
        "  tsdia-run logs runs/exp-1 --follow",
        "  tsdia-run logs runs/exp-2 --follow",
    ]


def test_an_exact_name_wins_over_the_beginning_of_another(places: Places, tmp_path: Path) -> None:
    make_run(tmp_path / "runs" / "exp")
    assert find_run("exp", places) == tmp_path / "runs" / "exp"


def test_equal_names_in_two_roots_are_listed_with_their_paths(places: Places, tmp_path: Path) -> None:
    make_run(tmp_path / "more" / "exp-1")
    with pytest.raises(AmbiguousNameError, match="matches 2 runs") as caught:
        find_run("exp-1", Places((*places.roots, tmp_path / "more")))
    assert isinstance(caught.value, AmbiguousRun)
    assert caught.value.run_dirs == (tmp_path / "more" / "exp-1", tmp_path / "runs" / "exp-1")


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("exo-1", "no run 'exo-1'; did you mean exp-1?"),
        ("runs/nothing", "runs/nothing does not exist"),
        ("./runs", "./runs is not a run"),
    ],
)
def test_a_word_that_matches_no_run(places: Places, word: str, said: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        find_run(word, places)
    assert caught.value.message == said
    assert "tsdia-run list" in hint_of(caught.value)


def test_latest_without_runs_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no runs yet"):
        find_run("latest", Places((tmp_path / "runs",)))


def test_trash_and_links_to_neighbours_are_not_runs_but_links_elsewhere_are(tmp_path: Path) -> None:
    make_run(tmp_path / "runs" / "exp")
    make_run(tmp_path / "runs" / ".tsdia-trash" / "exp-20261120")
    make_run(tmp_path / "big-disk" / "exp-9")
    (tmp_path / "runs" / "newest").symlink_to("exp")
    (tmp_path / "runs" / "exp-9").symlink_to(tmp_path / "big-disk" / "exp-9")
    (tmp_path / "runs" / "nowhere").symlink_to("gone")
    found = set(run_dirs(Places((tmp_path / "runs", tmp_path / "runs" / "exp"), (tmp_path / "big-disk" / "exp-9",))))
    assert found == {str(tmp_path / "runs" / "exp"), str(tmp_path / "big-disk" / "exp-9")}


def test_runs_of_tsdia_scripts_are_runs(tmp_path: Path) -> None:
    own = tmp_path / "runs" / "ami"
    (own / "logs").mkdir(parents=True)
    (own / "config.yml").write_text("model: {}\n")
    (tmp_path / "runs" / "data").mkdir()
    (tmp_path / "runs" / "data" / "config.yml").write_text("a config alone makes no run\n")
    assert find_run("ami", Places((tmp_path / "runs",))) == own
    assert list(run_dirs(Places((tmp_path / "runs",)))) == [str(own)]


def test_runs_on_the_users_list_are_found(tmp_path: Path) -> None:
    environ = {"XDG_STATE_HOME": str(tmp_path / "state"), "HOME": str(tmp_path)}
    assert catalog.known(environ) == {}
    odd = Path(os.fsdecode(b"/runs/\xff b"))
    for path, project in ((Path("/runs/a"), Path("/p")), (odd, Path("/q q")), (Path("/runs/a"), Path("/new"))):
        catalog.note(path, project, environ)
    catalog.note(Path("/runs/b"), Path("/a\tb"), environ)
    with catalog.path(environ).open("a") as file:
        file.write("/runs/of an earlier version\n/runs/c\t/p\tmore of a later version\nnot a path\n")
    assert catalog.known(environ) == {
        "/runs/a": "/new",
        str(odd): "/q q",
        "/runs/b": None,
        "/runs/of an earlier version": None,
        "/runs/c": "/p",
    }
    assert catalog.path({"HOME": "/home/u"}) == Path("/home/u/.local/state/tsdia-run/runs")
    assert catalog.path({"HOME": "/home/u", "XDG_STATE_HOME": "relative"}) == catalog.path({"HOME": "/home/u"})


def test_an_unwritable_list_of_runs_is_not_an_error(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    catalog.note(Path("/runs/a"), Path("/p"), {"XDG_STATE_HOME": str(tmp_path / "state")})
    assert catalog.known({"XDG_STATE_HOME": str(tmp_path / "state")}) == {}
