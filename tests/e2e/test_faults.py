"""Each call with which a start changes a file fails once, or the process dies there: nothing is torn, nothing lost."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.support.faulty import Zygote
from tests.support.faulty_calls import DIE, Fault
from tests.support.faulty_runs import Project

ERRORS = ("ENOSPC", "EIO", "EROFS")


@pytest.fixture(scope="module")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    zygote = Zygote(tmp_path_factory.mktemp("zygote"))
    yield zygote
    zygote.close()


@pytest.mark.parametrize("kind", ["dies", "fails", "keeps failing"])
def test_new(zygote: Zygote, tmp_path: Path, kind: str) -> None:
    for at in count(1):
        project = Project.make(tmp_path / str(at))
        fault = Fault(
            str(project.root / "runs"), at, DIE if kind == "dies" else ERRORS[at % 3], kind == "keeps failing"
        )
        ended = zygote.run("new", "config.yml", cwd=project.root, fault=fault)
        if not ended.failed:
            break
        project.check(ended, fault)
        project.finish(zygote, f"{fault}: {ended}")
        shutil.rmtree(project.root)
    assert at > 30
