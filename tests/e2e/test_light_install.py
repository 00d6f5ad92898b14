"""tsdia-run in an environment with the declared packages only: neither torch, accelerate nor wandb."""

from __future__ import annotations

import re
import subprocess
import sys
import venv
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import tsdia_run
from tests.support.command import environment

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "accelerate", "wandb", "numpy")
# It imports what the light environment does not have.
SCRIPT = """\
import accelerate, os, sys
accelerator = accelerate.Accelerator(cpu=True, project_dir=os.environ["TSDIA_RUN_DIR"])
accelerator.save_state(os.path.join(os.environ["TSDIA_RUN_DIR"], "checkpoint-1"))
accelerator.save_state("outputs/exp/step_1")
accelerator.save_state("outputs/exp/step_2")
print("trained", *sys.argv[1:])
"""


def needed(requirements: list[str]) -> Iterator[Distribution]:
    """Yield the distributions that the requirements need, with those that these need."""
    waiting, seen = [Requirement(line) for line in requirements], set[str]()
    while waiting:
        one = waiting.pop()
        if one.name in seen or (one.marker and not one.marker.evaluate({"extra": ""})):
            continue
        seen.add(one.name)
        found = distribution(one.name)
        yield found
        waiting += [Requirement(line) for line in found.requires or ()]


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an environment with links to the declared packages, as pip would install them."""
    folder = tmp_path_factory.mktemp("light") / "env"
    venv.create(folder, with_pip=False)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "tsdia_run").symlink_to(Path(tsdia_run.__file__).parent)
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    for one in needed(declared):
        tops = {file.parts[0] for file in one.files or () if file.parts[0] != ".." and file.parts[0] != "__pycache__"}
        for top in tops:
            (site / top).symlink_to(Path(str(one.locate_file(top))).resolve())
    return folder / "bin" / "python"


def run(python: Path, *words: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, "-m", "tsdia_run", *words], cwd=cwd, env=environment(env), capture_output=True, text=True, check=False
    )


def test_the_environment_has_none_of_the_heavy_packages(light: Path, tmp_path: Path) -> None:
    code = f"import importlib.util; print([one for one in {HEAVY} if importlib.util.find_spec(one)])"
    done = subprocess.run(
        [light, "-c", code], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_a_training_runs_in_another_environment(light: Path, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SCRIPT)
    done = run(light, "new", "--python", sys.executable, "train.py", "--", "--to", "outputs", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "trained --to outputs\n"), done.stderr
    assert "1, newest checkpoint-1" in done.stderr
    outside = (
        "2 checkpoints outside the run directory: outputs/exp/…; to change it, pass `--to {run_dir}` to the script"
    )
    assert outside in done.stderr
    shown = run(light, "info", "train", "--verify", cwd=tmp_path)
    assert outside in shown.stdout
    assert re.search(r"checkpoint-1 .*complete", shown.stdout), shown
    assert run(light, "list", cwd=tmp_path).stdout.splitlines()[1].startswith("train ")
    assert run(light, "new", "-h", cwd=tmp_path).returncode == 0


def test_without_accelerate_the_error_has_the_line_that_installs_it(light: Path, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("print('trained')\n")
    (tmp_path / "go.sh").write_text("#!/bin/sh\necho trained\n")
    (tmp_path / "go.sh").chmod(0o755)
    refused = run(light, "new", "train.py", cwd=tmp_path)
    assert refused.returncode == 78
    assert f"the interpreter {light} (tsdia-run's own) can't import accelerate" in refused.stderr
    assert f"{light} -m pip install accelerate" in refused.stderr
    # What needs no Accelerate starts without it.
    for words in (["./go.sh"], [str(light), "train.py"], ["--launcher", "python", "--name", "a", "train.py"]):
        assert run(light, "new", *words, cwd=tmp_path).stdout == "trained\n"
    # Plain Python finds it out itself; the closing card has the line then.
    (tmp_path / "train.py").write_text(SCRIPT)
    failed = run(light, "new", "--name", "b", "--python", str(light), "python", "train.py", cwd=tmp_path)
    assert failed.returncode == 1
    assert f"the interpreter {light} lacks it: {light} -m pip install accelerate" in failed.stderr
