"""Files named in a config are found next to it, although the script reads a copy elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from tsdia_run.config import Edited, parse
from tsdia_run.launch.named_files import Named, kept_as, resolve


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a project with configs that name each other."""
    for name, text in {
        "configs/base/a.yml": "_base_: [deeper/b.yml, ../base/c.json]\n",
        "configs/base/deeper/b.yml": "_base_: ../a.yml\nx: !include ../leaf\n",
        "configs/base/c.json": '{"_base_": "./leaf"}',
        "configs/base/leaf": "x: 1\n",
        "configs/base/mm.py": "lr = 1\n",
        "configs/parts/one.yml": "a: 1\n",
        "configs/parts/two.yml": "b: 1\n",
        "configs/model/small.yaml": "defaults: [base, /model/tiny]\n",
        "configs/model/base.yaml": "x: 1\n",
        "configs/model/tiny.yaml": "x: 1\n",
        "cwd.yml": "x: 1\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path / "configs"


def resolved(text: str, folder: Path, name: str = "exp.yml") -> Named:
    return resolve(Edited(parse(text.encode(), name), ()), folder, folder.parent)


@pytest.mark.parametrize(
    ("text", "name", "after"),
    [
        ("_base_: base/a.yml  # why\n", "exp.yml", "_base_: {}/base/a.yml  # why\n"),
        ("_BASE_: ./base/a.yml\n", "exp.yml", "_BASE_: {}/base/a.yml\n"),
        ("_base_:\n- base/a.yml\n- 'base/mm.py'\n", "exp.yml", "_base_:\n- {}/base/a.yml\n- {}/base/mm.py\n"),
        ("_base_: base/leaf\n", "exp.yml", "_base_: {}/base/leaf\n"),
        ("BASE: ['base/a.yml']\n", "exp.yml", "BASE: [{}/base/a.yml]\n"),
        ("BASE: ['']\n", "exp.yml", "BASE: ['']\n"),
        ("m: {_BASE_: base/a.yml}\n", "exp.yml", "m: {_BASE_: {}/base/a.yml}\n"),
        ("m: !include base/a.yml\n", "exp.yml", "m: !include {}/base/a.yml\n"),
        ("m: !inc &x 'base/a.yml'\nn: *x\n", "exp.yml", "m: !inc &x {}/base/a.yml\nn: *x\n"),
        (
            "l: [!include base/a.yml, !include base/leaf]\n",
            "exp.yml",
            "l: [!include {}/base/a.yml, !include {}/base/leaf]\n",
        ),
        ("m: !include [base/a.yml, base/leaf]\n", "exp.yml", "m: !include [{}/base/a.yml, {}/base/leaf]\n"),
        ("m: !include {urlpath: base/a.yml}\n", "exp.yml", "m: !include {urlpath: {}/base/a.yml}\n"),
        ("<<: !include base/a.yml\nx: 1\n", "exp.yml", "<<: !include {}/base/a.yml\nx: 1\n"),
        ("m: !include parts/*.yml\n", "exp.yml", "m: !include {}/parts/*.yml\n"),
        ("m: !include_dir parts\n", "exp.yml", "m: !include_dir {}/parts\n"),
        ("defaults: [base/a.yml]\n", "exp.yml", "defaults: [{}/base/a.yml]\n"),
        ('{\n\t"_base_": "base/a.yml",\n\t"x": 1\n}', "exp.json", '{\n\t"_base_": "{}/base/a.yml",\n\t"x": 1\n}'),
        ("_base_ = ['base/a.yml']  # why\n", "exp.toml", '_base_ = ["{}/base/a.yml"]  # why\n'),
        # Values that are not references to files next to the config stay unchanged.
        ("_base_: /abs/a.yml\n", "exp.yml", "_base_: /abs/a.yml\n"),
        ("_base_: ~/a.yml\n", "exp.yml", "_base_: ~/a.yml\n"),
        ("_base_: mmdet::base/a.yml\n", "exp.yml", "_base_: mmdet::base/a.yml\n"),
        ("_base_: https://x.org/a.yml\n", "exp.yml", "_base_: https://x.org/a.yml\n"),
        ("_BASE_CONFIG_: cwd.yml\n", "exp.yml", "_BASE_CONFIG_: cwd.yml\n"),
        ("base: 10\nparent: leaf\n", "exp.yml", "base: 10\nparent: leaf\n"),
        ("model: {base: resnet.yml}\nname: base/a.yml\n", "exp.yml", "model: {base: resnet.yml}\nname: base/a.yml\n"),
        ("_base_: [1, null, true]\n", "exp.yml", "_base_: [1, null, true]\n"),
        ("m: !mine base/a.yml\n", "exp.yml", "m: !mine base/a.yml\n"),
    ],
)
def test_relative_references_become_absolute(folder: Path, text: str, name: str, after: str) -> None:
    named = resolved(text, folder, name)
    assert named.edited.text == after.replace("{}/", f"{folder}/")
    assert named.warnings == ()
    assert len(named.edited.changes) == after.count("{}/")


def test_nested_references_are_kept_once_at_their_relative_paths(folder: Path) -> None:
    named = resolved("_base_: base/a.yml\nx: !include parts/*.yml\n", folder)
    names = {path: kept.as_posix() for path, kept in kept_as(list(named.files)).items()}
    assert set(names.values()) == {
        "base/a.yml", "base/deeper/b.yml", "base/c.json", "base/leaf", "parts/one.yml", "parts/two.yml",
    }  # fmt: skip
    assert all(named.files[path] == path.read_bytes() == (folder / kept).read_bytes() for path, kept in names.items())


def test_files_of_the_same_name_do_not_collide(tmp_path: Path) -> None:
    for place in ("x/base.yml", "y/base.yml", "y/references/base.yml"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(f"at: {place}\n")
    named = resolved("_base_: [x/base.yml, y/base.yml, y/references/base.yml]\n", tmp_path)
    kept = kept_as(list(named.files))
    assert len(set(kept.values())) == len(named.files) == 3
    assert all(not path.is_absolute() and ".." not in path.parts for path in kept.values())


def test_a_reference_to_a_missing_file_gives_a_warning(folder: Path) -> None:
    (warning,) = resolved("_base_: ../base/a.yml\n", folder).warnings
    assert "`_base_`: ../base/a.yml does not exist" in warning
    assert str(folder) in warning


def test_hydras_defaults_are_kept_with_a_warning(folder: Path) -> None:
    text = "defaults:\n- _self_\n- model: small\n- optional base/missing: x\n- override /model@pkg: base\nx: 1\n"
    named = resolved(text, folder)
    assert named.edited.text == text
    (warning,) = named.warnings
    assert "`defaults`" in warning
    assert "model/small.yaml" in warning
    assert {os.path.relpath(path, folder) for path in named.files} == {
        "model/small.yaml", "model/base.yaml", "model/tiny.yaml",
    }  # fmt: skip


@pytest.mark.parametrize(
    "text", ["defaults: [1, 2]\n", "defaults: {lr: 1}\n", "defaults: fast\n", "defaults: [adam]\n"]
)
def test_other_defaults_belong_to_the_script(folder: Path, text: str) -> None:
    named = resolved(text, folder)
    assert (named.edited.text, named.warnings, dict(named.files)) == (text, (), {})


def test_number_and_size_are_limited(tmp_path: Path) -> None:
    for number in range(150):
        (tmp_path / f"{number}.yml").write_text("x: 1\n")
    named = resolved(yaml.safe_dump({"_base_": [f"{number}.yml" for number in range(150)]}), tmp_path)
    assert len(named.files) == 100
    assert "some files named in exp.yml are not kept" in named.warnings[0]
    (tmp_path / "huge.yml").write_bytes(b"#" * 2**21)
    named = resolved("_base_: huge.yml\n", tmp_path)
    assert (dict(named.files), len(named.warnings)) == ({}, 1)
    assert named.edited.text == f"_base_: {tmp_path}/huge.yml\n"


def test_a_folder_with_odd_characters(tmp_path: Path) -> None:
    folder = tmp_path / "a: b #c [d]"
    folder.mkdir()
    (folder / "base.yml").write_text("x: 1\n")
    for text, name in (
        ("_base_: base.yml\n", "e.yml"),
        ('{"_base_": "base.yml"}', "e.json"),
        ("_base_ = 'base.yml'", "e.toml"),
    ):
        named = resolved(text, folder, name)
        assert named.edited.document.plain() == {"_base_": str(folder / "base.yml")}
        assert list(named.files) == [folder / "base.yml"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("secrets.yml", "x: 1\n"),
        ("a.yml", "db_password: correct-horse\n"),
        ("a.py", "TOKEN = 'hf_abcdefghijklmnopqrstuvwxyzabcdefgh'\n"),
    ],
)
def test_a_file_with_a_secret_is_not_kept(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    named = resolved(f"_base_: {name}\n", tmp_path)
    assert named.edited.text == f"_base_: {tmp_path}/{name}\n"
    assert dict(named.files) == {}
    (warning,) = named.warnings
    assert name in warning
    assert "secret" in warning
