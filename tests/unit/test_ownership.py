"""Whose files may decide what runs."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tsdia_run.errors.launching import UntrustedProjectFile
from tsdia_run.files.ownership import Trust
from tsdia_run.report.places import places
from tsdia_run.settings import SETTINGS
from tsdia_run.settings.declaring import Effect
from tsdia_run.settings.from_files import project_layer

STRANGER, ME, OTHER = 5151, 4242, 5252
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give files to other users")


def mine() -> Trust:
    return Trust(frozenset({0, os.geteuid()}))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "project" / "tsdia-run.yml"
    path.parent.mkdir()
    path.write_text("python: ./python\n")
    return path


def open_to_all(path: Path) -> None:
    path.chmod(path.stat().st_mode | 0o002)


def open_to_group(path: Path) -> None:
    path.chmod(path.stat().st_mode | 0o020)


def sticky(path: Path) -> None:
    path.chmod(0o1777)


@pytest.mark.parametrize(
    ("change", "doubt"),
    [
        (lambda file: None, None),
        (open_to_group, None),
        (lambda file: open_to_group(file.parent), None),
        (open_to_all, "every user can write to it"),
        (lambda file: open_to_all(file.parent), "every user can write to the directory "),
        (lambda file: open_to_all(file.parent.parent), "every user can write to the directory "),
        (lambda file: sticky(file.parent), None),
        (lambda file: file.unlink(), "its owner can't be read"),
    ],
)
def test_permissions(file: Path, change: Callable[[Path], None], doubt: str | None) -> None:
    change(file)
    found = mine().doubt(file)
    assert found is None if doubt is None else (found or "").startswith(doubt)


@pytest.mark.root
@as_root
@pytest.mark.parametrize("of", ["file", "folder", "link", "target", "folder of the target"])
def test_an_owner_who_is_a_stranger(file: Path, tmp_path: Path, of: str) -> None:
    link = tmp_path / "elsewhere" / "tsdia-run.yml"
    link.parent.mkdir()
    link.symlink_to(file)
    changed = {"file": file, "folder": file.parent, "link": link, "target": file, "folder of the target": file.parent}
    asked = file if of in ("file", "folder") else link
    assert mine().doubt(asked) is None
    os.chown(changed[of], STRANGER, 0, follow_symlinks=False)
    if of == "folder of the target":
        open_to_all(file.parent)
    assert mine().doubt(asked)
    assert Trust(frozenset({0, STRANGER})).doubt(asked) is None or of == "folder of the target"


@pytest.mark.root
@as_root
def test_root_also_trusts_the_owner_of_the_working_directory(file: Path) -> None:
    os.chown(file, ME, 0)
    os.chown(file.parent, ME, 0)
    assert Trust.here(file.parent).doubt(file) is None
    assert Trust.here(file.parent.parent).doubt(file)


@pytest.mark.parametrize(
    ("folders", "is_trusted"),
    [
        ([], False), ([""], False), (["."], False), (["project"], False), (["{tmp}/proj"], False),
        (["{tmp}/project/deeper"], False), (["{tmp}/project"], True), (["", "{tmp}/project/"], True), (["{tmp}"], True),
        (["{tmp}/link"], True), (["/"], True),
    ],
)  # fmt: skip
def test_trusted_folders(file: Path, tmp_path: Path, folders: list[str], is_trusted: bool) -> None:
    open_to_all(file)
    (tmp_path / "link").symlink_to(file.parent)
    trust = Trust.here(tmp_path, [folder.format(tmp=tmp_path) for folder in folders])
    assert (trust.doubt(file) is None) is is_trusted


def test_every_setting_that_can_run_something_is_declared_as_such() -> None:
    """A value of another setting is a number, a switch, a name in the config, or a place for results."""
    assert [setting.key for setting in SETTINGS if setting.effect is Effect.CODE] == [
        "entrypoint", "module", "python", "args", "resume_args", "resume_set", "launcher", "accelerate.config_file",
        "accelerate.flags", "env", "notify.on", "notify.webhook", "notify.command",
    ]  # fmt: skip


def test_the_documentation_names_these_settings() -> None:
    page = (Path(__file__).parents[2] / "docs" / "settings.md").read_text(encoding="utf-8")
    sentence = page.partition("What runs is set by ")[2].partition(".\n")[0].partition(". The other")[0]
    named = set(sentence.replace(" and ", ", ").replace("\n ", "").replace("`", "").split(", "))
    assert {name.strip() for name in named} == {one.key for one in SETTINGS if one.effect is Effect.CODE}


EXAMPLES = {
    "args": "[a]", "resume_args": "[a]", "resume_set": "{a: 1}", "launcher": "python", "accelerate.flags": "[--debug]",
    "env": "{A: b}", "notify.on": "[failed]", "notify.webhook": "http://host/x", "notify.command": "[a]",
}  # fmt: skip


@pytest.mark.parametrize("key", [setting.key for setting in SETTINGS if setting.effect is Effect.CODE])
@pytest.mark.parametrize("form", ["tsdia-run.yml", "pyproject.toml"])
def test_a_file_that_others_can_write_may_not_set_what_runs(tmp_path: Path, key: str, form: str) -> None:
    path, value = tmp_path / form, EXAMPLES.get(key, "x")
    group, _, name = key.rpartition(".")
    if form == "tsdia-run.yml":
        path.write_text(f"{group}: {{{name}: {value}}}\n" if group else f"{key}: {value}\n")
    else:
        quoted = re.sub(r"\[(.*)\]", r'["\1"]', value).replace("{a: 1}", "{a = 1}")
        quoted = quoted.replace("{A: b}", '{A = "b"}') if quoted[0] in "[{" else f'"{value}"'
        path.write_text(f"[tool.tsdia-run]\n{key} = {quoted}\n")
    assert key in project_layer(tmp_path, mine()).values
    open_to_all(path)
    inner = tmp_path / "inner"
    inner.mkdir()
    with pytest.raises(UntrustedProjectFile, match=f"{form} sets what runs .`{key}`.") as raised:
        project_layer(inner, mine())
    assert (raised.value.path, raised.value.cwd) == (path, inner)


def test_other_settings_of_such_a_file_are_used(tmp_path: Path) -> None:
    path = tmp_path / "tsdia-run.yml"
    path.write_text("roots: [/somewhere]\nlogs: {max_size: 1 MiB}\n")
    open_to_all(path)
    assert set(project_layer(tmp_path, mine()).values) == {"roots", "logs.max_size"}


def test_looking_for_runs_uses_only_the_roots_of_a_project_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "tsdia-run.yml"
    path.write_text("roots: [elsewhere]\npython: ./python\n")
    open_to_all(path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert places().roots == (tmp_path / "elsewhere",)
