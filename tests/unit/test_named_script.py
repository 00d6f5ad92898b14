"""What a path in place of a config names."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.hints import hint_of
from tsdia_run.errors.typed import NotebookNamed, NotExecutable, NotStartable
from tsdia_run.launch import command
from tsdia_run.launch.named_script import NamedScript, is_executable, is_script, named
from tsdia_run.settings import resolve

CONFIG = b"a: 1\n"
PYTHON, SHELL, ELF = b"#!/usr/bin/env python3\n", b"#!/bin/sh\n", b"\x7fELF\x02\x01"


@pytest.mark.parametrize("mode", [0o644, 0o755])
@pytest.mark.parametrize("name", ["c.yml", "c.YAML", "c.json", "c.toml", "c", "c.cfg", "train.yml"])
def test_a_config_is_a_config_whatever_its_mode(tmp_path: Path, name: str, mode: int) -> None:
    (tmp_path / name).write_bytes(SHELL if name == "train.yml" else CONFIG)
    (tmp_path / name).chmod(mode)
    assert not is_script(name, tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "mode", "script"),
    [
        ("train.py", b"", 0o644, NamedScript("train.py", "train")),
        ("train.py", SHELL, 0o755, NamedScript("train.py", "train")),
        ("go.sh", SHELL, 0o755, NamedScript("go.sh", "go", is_program=True)),
        ("train", PYTHON, 0o755, NamedScript("train", "train", is_program=True)),
        ("train", PYTHON, 0o644, NamedScript("train", "train")),
        ("tool", ELF, 0o755, NamedScript("tool", "tool", is_program=True)),
        ("v1.2.exe", ELF, 0o755, NamedScript("v1.2.exe", "v1.2", is_program=True)),
    ],
)
def test_scripts_and_programs(tmp_path: Path, name: str, content: bytes, mode: int, script: NamedScript) -> None:
    (tmp_path / name).write_bytes(content)
    (tmp_path / name).chmod(mode)
    assert is_script(name, tmp_path)
    assert named(name, tmp_path) == script


def test_a_missing_python_script_is_a_script(tmp_path: Path) -> None:
    assert is_script("src/gone.py", tmp_path)
    assert not is_script("gone.yml", tmp_path)
    assert not is_script("gone", tmp_path)


def test_a_directory_with_a_main_file_is_a_script(tmp_path: Path) -> None:
    (tmp_path / "pkg").mkdir()
    assert not is_script("pkg", tmp_path)
    (tmp_path / "pkg" / "__main__.py").touch()
    assert is_script("pkg/", tmp_path)
    assert named("pkg/", tmp_path) == NamedScript("pkg/__main__.py", "pkg")
    assert named(".", tmp_path / "pkg") == NamedScript("./__main__.py", "pkg")


def test_a_file_that_is_not_regular_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert not is_script("pipe", tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "mode", "error", "hint"),
    [
        ("my run.ipynb", b"{}", 0o644, NotebookNamed, "jupyter nbconvert --to script 'my run.ipynb'"),
        ("my run.sh", SHELL, 0o644, NotExecutable, "chmod +x 'my run.sh'"),
        ("go.sh", b"echo\n", 0o644, NotExecutable, "chmod +x go.sh"),
        ("go", SHELL, 0o644, NotExecutable, "chmod +x go"),
        ("go.sh", b"echo\n", 0o755, NotStartable, "#!/bin/bash"),
    ],
)
def test_what_can_not_be_started_is_refused(
    tmp_path: Path, name: str, content: bytes, mode: int, error: type[NotExecutable], hint: str
) -> None:
    (tmp_path / name).write_bytes(content)
    (tmp_path / name).chmod(mode)
    assert is_script(name, tmp_path)
    with pytest.raises(error) as raised:
        named(name, tmp_path)
    assert hint in hint_of(raised.value)
    with pytest.raises(error):  # the setting too
        command.build(replace(resolve([]), entrypoint=name), "py", tmp_path, [], None)


@pytest.mark.parametrize(
    ("name", "content", "is_program"),
    [
        ("train", b"print(1)\n", False),  # on a file system where every file is executable
        ("train", PYTHON, True),
        ("tool", b"MZ\0\1", True),
        ("go.sh", SHELL, True),
        ("train.py", SHELL, False),
    ],
)
def test_an_executable_text_without_a_first_line_for_the_kernel_is_a_python_script(
    tmp_path: Path, name: str, content: bytes, is_program: bool
) -> None:
    (tmp_path / name).write_bytes(content)
    (tmp_path / name).chmod(0o755)
    assert is_executable(tmp_path / name) is is_program
    built = command.build(replace(resolve([]), entrypoint=name), "py", tmp_path, [], None)
    assert (built.argv[0] != "py") is is_program
