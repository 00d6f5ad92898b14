"""Files of a run that were edited, cut short or replaced: a clear line and an exit code, never a traceback."""

from __future__ import annotations

import json
import shutil
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.faulty_files import OWN_FILES, REPLACEMENTS, change, make_run
from tests.support.faulty_runs import Project
from tests.support.slow import slow
from tests.support.zygote import Ended, Zygote

COMMANDS = (("resume", "runs/exp"), ("ensure", "config.yml"), ("new", "config.yml"))
# Completed training; usage; and the sysexits.h codes that docs/architecture.md lists, except 70: a bug in tsdia-run.
CODES = {0, 2, 65, 66, 73, 74, 75, 78}
NUMBERS = count()


@pytest.fixture(scope="module")
def damaged(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Make a run, to be copied before it is damaged."""
    return make_run(zygote, tmp_path_factory.mktemp("template") / "project")


def check(ended: Ended, told: str) -> None:
    told = f"{told}: {ended}"
    assert ended.code in CODES, told
    assert "Traceback" not in ended.err, told
    assert ended.err.count("tsdia-run: error:") == (ended.code != 0), told


@pytest.mark.parametrize("half", [0, *slow(1)])  # of the replacements
@pytest.mark.parametrize("name", OWN_FILES)
def test_a_file_replaced_by_something_else(
    zygote: Zygote, damaged: Project, tmp_path: Path, name: str, half: int
) -> None:
    first = (OWN_FILES.index(name) + half) % 2
    for at, (kind, replace) in enumerate([*REPLACEMENTS.items()][first::2]):
        project = Project.copy(damaged, tmp_path / "project")
        replace(project.run_dir / name)
        words = COMMANDS[at % 2]
        check(zygote.run(*words, cwd=project.root), f"{name} {kind}, {words[0]}")
        shutil.rmtree(project.root)


VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**400, -1, 1e308, float("nan"), "", "\0", "\ud800", "../../x", "/", "9" * 5000, "2026-99-99"])
    | st.text(max_size=8)
    | st.lists(st.integers(), max_size=3)
    | st.dictionaries(st.text(max_size=4), st.none(), max_size=2)
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from([name for name in OWN_FILES if name.endswith(".json")]),
    way=st.lists(st.integers(0, 30), min_size=1, max_size=4),
    value=VALUES,
    words=st.sampled_from(COMMANDS),
)
def test_a_value_replaced_by_another(
    zygote: Zygote, damaged: Project, tmp_path: Path, name: str, way: list[int], value: object, words: tuple[str, ...]
) -> None:
    project = Project.copy(damaged, tmp_path / str(next(NUMBERS)))
    path = project.run_dir / name
    path.write_text(json.dumps(change(json.loads(path.read_text()), way, value)))
    check(zygote.run(*words, cwd=project.root), f"{path.read_text()} in {name}, {words[0]}")
    shutil.rmtree(project.root)
