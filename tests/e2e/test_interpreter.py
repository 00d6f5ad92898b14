"""The interpreter of the training: tsdia-run may be installed in another environment."""

from __future__ import annotations

import json
import os
import venv
from pathlib import Path

import pytest

from tests.support.command import tsdia_run

SHOW = "import sys; print(sys.prefix); import tsdia_run; print(tsdia_run.__version__)\n"


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an empty environment: no accelerate, no tsdia_run, no yaml."""
    folder = tmp_path_factory.mktemp("env") / "with space"
    venv.create(folder, with_pip=False)
    return folder


def test_the_given_interpreter_runs_the_script_although_it_has_no_tsdia_run(project: Path, bare: Path) -> None:
    (project / "train.py").write_text(SHOW)
    done = tsdia_run("new", "config.yml", "--python", str(bare / "bin" / "python"), cwd=project)
    assert done.returncode == 0, done.stderr
    prefix, version = done.stdout.split("\n")[:2]
    assert prefix == str(bare)
    assert version.startswith("0.")
    assert f"python {bare}/bin/python (as set)" in done.stderr
    attempt = project / "runs" / "exp" / "attempts" / "0"
    assert json.loads((attempt / "exit-rank0.json").read_text())["exit_code"] == 0
    assert json.loads((attempt / "environment.json").read_text())["packages"] == {}


@pytest.mark.parametrize("variable", ["VIRTUAL_ENV", "CONDA_PREFIX"])
def test_the_active_environment_is_preferred_to_that_of_tsdia_run(project: Path, bare: Path, variable: str) -> None:
    (project / "train.py").write_text(SHOW)
    done = tsdia_run("new", "config.yml", cwd=project, env={variable: str(bare)})
    assert done.stdout.startswith(f"{bare}\n")
    own = tsdia_run("new", "config.yml", "--name", "own", cwd=project)
    assert not own.stdout.startswith(str(bare))


def test_a_resume_keeps_the_interpreter(project: Path, bare: Path) -> None:
    saved = SHOW + "import os; os.makedirs('runs/exp/checkpoint-1', exist_ok=True)\n"
    saved += (
        "os.environ.get('TSDIA_RUN_CHECKPOINT') and open(os.environ['TSDIA_RUN_CHECKPOINT'] + '/state.json').read()\n"
    )
    saved += "open('runs/exp/checkpoint-1/state.json', 'w').write('{}')\n"
    (project / "train.py").write_text(saved)
    tsdia_run("new", "config.yml", "--python", str(bare / "bin" / "python"), cwd=project)
    assert tsdia_run("resume", "runs/exp", "--again", cwd=project).stdout.startswith(f"{bare}\n")


def test_the_launcher_accelerate_is_refused_if_accelerate_is_not_installed(project: Path, bare: Path) -> None:
    (project / "train.py").write_text(SHOW)
    python = str(bare / "bin" / "python")
    done = tsdia_run("new", "config.yml", "--launcher", "accelerate", "--python", python, cwd=project)
    assert done.returncode == 78
    assert "can't import accelerate" in done.stderr
    assert not (project / "runs").exists()


def test_an_interpreter_that_does_not_run_is_refused(project: Path) -> None:
    (project / "train.py").write_text(SHOW)
    (project / "python").write_text("#!/bin/sh\necho broken >&2\nexit 1\n")
    (project / "python").chmod(0o755)
    done = tsdia_run("new", "config.yml", "--launcher", "accelerate", "--python", "./python", cwd=project)
    assert done.returncode == 78
    assert "broken" in done.stderr


def test_flags_come_before_variables_before_the_section_before_the_project_file(project: Path) -> None:
    for name in ("flag", "variable", "section", "file"):
        (project / f"{name}.py").write_text(f"print('{name}')\n")
    (project / "tsdia-run.yml").write_text("entrypoint: file.py\n")
    config = project / "config.yml"

    def started(run: str, *words: str, **env: str) -> str:
        return tsdia_run("new", "config.yml", "--name", run, *words, cwd=project, env=env).stdout.strip()

    assert started("a") == "file"
    config.write_text(config.read_text() + "  entrypoint: section.py\n")
    assert started("b") == "section"
    assert started("c", TSDIA_RUN_OPT_ENTRYPOINT="variable.py") == "variable"
    assert started("d", "--entrypoint", "flag.py", TSDIA_RUN_OPT_ENTRYPOINT="variable.py") == "flag"


def test_more_than_one_machine_is_refused(project: Path) -> None:
    (project / "train.py").write_text(SHOW)
    (project / "two.yaml").write_text("distributed_type: MULTI_GPU\nnum_machines: 2\nnum_processes: 8\n")
    done = tsdia_run("new", "config.yml", "--launcher", "accelerate", "--accelerate-config", "two.yaml", cwd=project)
    assert done.returncode == 78
    assert "num_machines is 2: tsdia-run starts only on one machine" in done.stderr


def test_the_accelerate_config_in_use_is_kept(project: Path) -> None:
    (project / "train.py").write_text("import os; print(os.environ['ACCELERATE_MIXED_PRECISION'])\n")
    (project / "one.yaml").write_text(
        "distributed_type: 'NO'\nnum_processes: 1\nmixed_precision: bf16\nuse_cpu: true\n"
    )
    done = tsdia_run("new", "config.yml", "--launcher", "accelerate", "--accelerate-config", "one.yaml", cwd=project)
    assert done.stdout == "bf16\n", done.stderr
    kept = project / "runs" / "exp" / "attempts" / "0" / "accelerate.yaml"
    assert kept.read_bytes() == (project / "one.yaml").read_bytes()
    assert os.environ.get("ACCELERATE_MIXED_PRECISION") is None
