"""Each call with which a start changes a file fails once, or kills the process: no file is damaged or lost."""

from __future__ import annotations

import shutil
from itertools import count
from pathlib import Path

import pytest

from tests.support.faulty_calls import DIE, Fault
from tests.support.faulty_runs import Project
from tests.support.slow import slow
from tests.support.zygote import Zygote

# A test starts the command about fifty times: a quarter of a minute, and ten times that on a busy machine.
pytestmark = pytest.mark.timeout(1200)

ERRORS = ("ENOSPC", "EIO", "EROFS", "EDQUOT", "ESTALE", "ENOTCONN", "EACCES")


@pytest.fixture(scope="module")
def failed_run(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Make a run that can be resumed."""
    project = Project.make(tmp_path_factory.mktemp("template") / "project")
    assert zygote.run("new", "config.yml", cwd=project.root).code == 3
    return project


@pytest.mark.parametrize("first", [1, *slow(2)])  # and every other call after it
@pytest.mark.parametrize("command", ["new", "resume"])
@pytest.mark.parametrize("kind", ["dies", "fails", "keeps failing"])
def test_every_call_may_fail(
    zygote: Zygote, failed_run: Project, tmp_path: Path, command: str, kind: str, first: int
) -> None:
    words = {"new": ("new", "config.yml"), "resume": ("resume", "runs/exp")}[command]
    # A disk that stays full differs only after the first failure that the process survives.
    step = 6 if kind == "keeps failing" else 2
    for at in count(first, step):
        root = tmp_path / "project"
        project = Project.make(root) if command == "new" else Project.copy(failed_run, root)
        how = DIE if kind == "dies" else ERRORS[(at // step) % len(ERRORS)]
        fault = Fault(str(project.root / "runs"), at, how, stays=kind == "keeps failing")
        ended = zygote.run(*words, cwd=project.root, fault=fault)
        if not ended.failed:
            break
        told = f"{fault}: {ended}"
        project.check(ended, told)
        project.check_next(zygote, told)
        shutil.rmtree(root)
    assert at > 30
