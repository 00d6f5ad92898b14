"""Which interpreter runs the training."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.hints import hint_of
from tsdia_run.errors.launching import NoAccelerate, NoInterpreter
from tsdia_run.errors.typed import UntrustedEnvironment
from tsdia_run.launch.interpreter import Interpreter, choose, find_program
from tsdia_run.rundir.installing import install_command

STRANGER = 5151
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give files to other users")
OWN = Interpreter(sys.executable, "tsdia-run's own")


def environment(folder: Path, *, marker: str = "pyvenv.cfg") -> str:
    """Make what looks like an environment, and return its interpreter."""
    (folder / "bin").mkdir(parents=True)
    (folder / marker).touch()
    python = folder / "bin" / "python"
    python.touch(0o755)
    return str(python)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Make a repository with a project in it, inside another folder with an environment."""
    root = tmp_path / "outer" / "repository"
    (root / ".git").mkdir(parents=True)
    (root / "project" / "src").mkdir(parents=True)
    (root / "project" / "pyproject.toml").touch()
    environment(tmp_path / "outer" / ".venv")
    return root


def test_the_projects_environment_counts_as_active(repository: Path) -> None:
    for folder in (repository, repository / "project", repository / "project" / "src"):
        assert choose(None, {}, folder) == OWN
    outer = environment(repository / ".venv")
    for folder in (repository, repository / "project", repository / "project" / "src"):
        assert choose(None, {}, folder) == Interpreter(outer, "the project's .venv")
    inner = environment(repository / "project" / ".venv")
    assert choose(None, {}, repository).path == outer
    assert choose(None, {}, repository / "project" / "src").path == inner


def test_without_a_repository_the_project_is_the_limit(repository: Path) -> None:
    (repository / ".git").rmdir()
    environment(repository / ".venv")
    assert choose(None, {}, repository / "project" / "src") == OWN
    assert choose(None, {}, repository).origin == "the project's .venv"  # its own folder needs no marker
    inner = environment(repository / "project" / ".venv")
    assert choose(None, {}, repository / "project" / "src").path == inner
    (repository / "project" / "src" / "tsdia-run.yml").touch()
    assert choose(None, {}, repository / "project" / "src") == OWN


def test_the_environment_of_the_script_is_second_to_that_of_the_working_directory(
    repository: Path, tmp_path: Path
) -> None:
    of_script = environment(repository / ".venv")
    script = str(repository / "project" / "src" / "train.py")
    assert choose(None, {}, tmp_path, script).path == of_script
    assert choose(None, {}, tmp_path, "outer/repository/project/train.py").path == of_script
    here = environment(tmp_path / ".venv")
    assert choose(None, {}, tmp_path, script).path == here


def test_an_active_environment_comes_first(repository: Path, tmp_path: Path) -> None:
    of_project = environment(repository / ".venv")
    active, conda = environment(tmp_path / "active"), environment(tmp_path / "conda", marker="conda-meta")
    variables = {"VIRTUAL_ENV": str(tmp_path / "active"), "CONDA_PREFIX": str(tmp_path / "conda")}
    assert choose(None, variables, repository) == Interpreter(active, "the active virtual environment")
    del variables["VIRTUAL_ENV"]
    assert choose(None, variables, repository) == Interpreter(conda, "the conda environment")
    # conda activates its base environment in every shell.
    assert choose(None, {**variables, "CONDA_DEFAULT_ENV": "base"}, repository).path == of_project
    assert choose(None, {**variables, "CONDA_DEFAULT_ENV": "base"}, tmp_path).path == conda
    assert choose(active, variables, repository) == Interpreter(active, "as set")


def test_an_environment_without_an_interpreter_is_skipped(repository: Path) -> None:
    python = Path(environment(repository / ".venv"))
    python.chmod(0o644)
    assert choose(None, {}, repository) == OWN
    python.unlink()
    python.symlink_to("/nonexistent/python")
    assert choose(None, {}, repository) == OWN


def make_open_to_all(folder: Path) -> None:
    folder.chmod(0o777)


def give_to_stranger(folder: Path) -> None:
    os.chown(folder, STRANGER, STRANGER)


@pytest.mark.root
@as_root
@pytest.mark.parametrize("change", [make_open_to_all, give_to_stranger])
@pytest.mark.parametrize("of", [".venv", ".venv/bin", "."])
def test_an_environment_that_another_user_could_have_written_is_refused(
    repository: Path, change: Callable[[Path], None], of: str
) -> None:
    python = environment(repository / ".venv")
    change(repository / of)
    inner = repository / "project"
    with pytest.raises(UntrustedEnvironment) as raised:
        choose(None, {}, inner)
    assert "--python" in hint_of(raised.value)
    with pytest.raises(UntrustedEnvironment):
        find_program("python", {"PATH": "/usr/bin"}, inner)
    # Trusted, not needed, or named.
    assert choose(None, {"TSDIA_RUN_TRUSTED_DIRS": str(repository)}, inner).path == python
    assert choose(None, {"VIRTUAL_ENV": str(repository / ".venv")}, inner).path == python
    assert choose(python, {}, inner).path == python


@pytest.mark.root
@as_root
def test_the_interpreter_behind_a_trusted_environment_may_belong_to_others(repository: Path) -> None:
    """An administrator's account owns the Python that an environment is made of."""
    python = Path(environment(repository / ".venv"))
    base = repository.parent / "python3"
    python.rename(base)
    os.chown(base, STRANGER, STRANGER)
    python.symlink_to(base)
    assert choose(None, {}, repository).path == str(python)


def test_a_program_is_found_as_the_shell_finds_it(repository: Path, tmp_path: Path) -> None:
    first, second = Path(environment(tmp_path / "first")), Path(environment(tmp_path / "second"))
    path = {"PATH": f"{first.parent}:{second.parent}"}
    for folder in (first.parent, second.parent):
        (folder / "torchrun").touch(0o755)
    assert find_program("python", path, tmp_path) == str(first)
    assert find_program("torchrun", path, tmp_path) == str(first.parent / "torchrun")
    assert find_program("second/bin/torchrun", path, tmp_path) == str(second.parent / "torchrun")
    assert find_program("torchrun", {**path, "VIRTUAL_ENV": str(tmp_path / "second")}, tmp_path) == str(
        second.parent / "torchrun"
    )
    of_project = environment(repository / ".venv")
    assert find_program("python", path, repository) == of_project
    assert find_program("torchrun", path, repository) == str(first.parent / "torchrun")
    assert find_program("deepspeed", path, repository) is None
    assert find_program("first/bin/deepspeed", path, tmp_path) is None


def test_an_environment_with_accelerate_that_tsdia_run_is_in_comes_before_a_bare_python(tmp_path: Path) -> None:
    bare = tmp_path / "usr" / "bin"
    bare.mkdir(parents=True)
    (bare / "python").touch(0o755)
    found = find_program("python", {"PATH": str(bare)}, tmp_path)
    assert found is not None
    assert os.path.samefile(found, sys.executable)


def test_a_missing_interpreter_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NoInterpreter):
        choose("./gone/bin/python", {}, tmp_path)


def test_the_error_without_accelerate_has_the_command_that_installs_it(tmp_path: Path) -> None:
    python = environment(tmp_path / "my env")
    assert install_command(python, "accelerate") == (python, "-m", "pip", "install", "accelerate")
    error = NoAccelerate(python, "as set", install_command(python, "accelerate"))
    assert f"'{python}' -m pip install accelerate" in hint_of(error)
    (tmp_path / "my env" / "pyvenv.cfg").write_text("home = /usr/bin\nuv = 0.4.0\n")  # uv installs no pip
    assert install_command(python, "accelerate") == ("uv", "pip", "install", "--python", python, "accelerate")
