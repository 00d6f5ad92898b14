"""A run whose file system is gone, among runs that are fine: every command works, and names the run with the error."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.command import COMMAND, environment
from tests.support.dead_mount import dead_mount, needs_fuse
from tests.support.runs import full_run, make_run
from tests.support.unprivileged import obey_permissions

GONE = "Transport endpoint is not connected"


class Runs:
    """A project with runs: in its run root, behind a link, and on the user's list."""

    def __init__(self, root: Path) -> None:
        self.root = root
        full_run(root / "runs" / "exp")
        make_run(root / "runs" / "sound")
        make_run(root / "elsewhere" / "far")
        make_run(root / "listed" / "old")
        (root / "runs" / "link").symlink_to(root / "elsewhere" / "far")
        catalog = root / "state" / "tsdia-run" / "runs"
        catalog.parent.mkdir(parents=True)
        catalog.write_text(f"{root}/listed/old\n")

    def __call__(self, *words: str, before: Callable[[], None] | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [COMMAND, *words],
            cwd=self.root,
            env=environment({"XDG_STATE_HOME": str(self.root / "state")}),
            preexec_fn=before,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    yield Runs(tmp_path_factory.mktemp("mounts"))


def check(runs: Runs, dead: str, error: str, before: Callable[[], None] | None = None) -> None:
    name = Path(dead).name
    listed = runs("list", before=before)
    assert listed.returncode == 0, listed.stderr
    assert listed.stdout.count("\n") == 5
    assert f"{error}\n" in listed.stderr
    assert listed.stderr.count("\n") == 1, "only this run has an error"
    rows = {row["name"]: row for row in json.loads(runs("list", "--json", before=before).stdout)["runs"]}
    assert set(rows) == {"exp", "sound", "far", "old"}
    assert (rows[name]["state"], rows[name]["reason"]) == ("damaged", error)
    assert [row["state"] for row in rows.values()].count("damaged") == 1
    assert rows[name]["started_at"] is None or error != GONE
    assert "    - " in next(line for line in listed.stdout.splitlines() if line.startswith(f"{name} ")) or error != GONE
    for words in (["info", name], ["info", str(runs.root / dead)]):
        shown = runs(*words, before=before)
        assert (shown.returncode, error in shown.stdout) == (0, True), shown.stderr
        assert "resume" not in shown.stdout.partition("\nnext\n")[2]
    assert runs("info", "latest", before=before).returncode == 0
    assert runs("info", "sound", before=before).stdout.startswith("✓ sound: completed")
    compared = runs("compare", name, "sound", before=before)
    assert (compared.returncode, "damaged" in compared.stdout) == (0, True), compared.stderr
    completed = runs("completion", "--words", "bash", "", "tsdia-run info ", before=before)
    assert completed.stdout.rstrip("\0").split("\0") == ["latest", "exp", "far", "old", "sound"]
    for words in (["logs", name], ["stop", name], ["resume", name, "--dry-run"], ["list", str(runs.root / dead)]):
        done = runs(*words, before=before)
        assert done.returncode in (0, 65, 66, 74), done.stderr
        assert "Traceback" not in done.stderr
    assert "folder not found" not in runs("list", str(runs.root / dead), before=before).stderr


@pytest.mark.root
@needs_fuse
@pytest.mark.parametrize("dead", ["runs/exp", "elsewhere/far", "listed/old"])
def test_a_run_on_a_file_system_that_is_gone(runs: Runs, dead: str) -> None:
    with dead_mount(runs.root / dead):
        check(runs, dead, GONE)


@pytest.mark.root
@needs_fuse
@pytest.mark.parametrize("part", ["step_2", "logs", "attempts", "attempts/1", ".tsdia"])
def test_a_part_of_a_run_on_a_file_system_that_is_gone(runs: Runs, part: str) -> None:
    path = runs.root / "runs" / "exp" / part
    path.mkdir(exist_ok=True)
    with dead_mount(path):
        assert runs("list").stdout.count("\n") == 5
        for words in (
            ["list", "--json"], ["info", "exp"], ["info", "exp", "--json", "--verify"], ["logs", "exp"],
            ["logs", "exp", "-n", "3"], ["compare", "exp", "sound"], ["stop", "exp"], ["resume", "exp", "--dry-run"],
            ["completion", "--words", "2", "tsdia-run", "resume", "runs/exp/"],
        ):  # fmt: skip
            done = runs(*words)
            assert "Traceback" not in done.stderr, words
            assert "bug" not in done.stderr, (words, done.stderr)
            has_found_damage = "--verify" in words and done.returncode == 65
            must_work = words[0] in ("list", "info", "compare", "completion") and not has_found_damage
            assert done.returncode == 0 or not must_work, (words, done.stderr)


@pytest.mark.root
@needs_fuse
def test_a_run_root_on_a_file_system_that_is_gone(runs: Runs) -> None:
    with dead_mount(runs.root / "runs"):
        listed = runs("list")
        assert (listed.returncode, "old" in listed.stdout, GONE in listed.stderr) == (0, True, True)
        assert runs("info", "old").returncode == 0
        assert runs("completion", "--words", "2", "tsdia-run", "info", "").returncode == 0


@pytest.mark.parametrize("dead", ["runs/exp", "elsewhere/far", "listed/old"])
def test_a_run_without_permission(runs: Runs, dead: str) -> None:
    path = runs.root / dead
    path.chmod(0)
    try:
        check(runs, dead, "Permission denied", obey_permissions)
    finally:
        path.chmod(0o755)


def test_a_run_behind_links_that_lead_to_themselves(runs: Runs) -> None:
    path = runs.root / "runs" / "circle"
    path.mkdir()
    os.symlink("run.json", path / "run.json")
    try:
        listed = runs("list")
        assert (listed.returncode, "Too many levels of symbolic links" in listed.stderr) == (0, True)
        assert runs("completion", "--words", "2", "tsdia-run", "info", "").returncode == 0
    finally:
        (path / "run.json").unlink()
        path.rmdir()
