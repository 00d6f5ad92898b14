from __future__ import annotations

import math
import runpy
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.support.hints import message_of
from tsdia_run.errors import ConfigError, SourcePosition, UsageError
from tsdia_run.files.ownership import Trust
from tsdia_run.settings import SETTINGS, Launcher, Layer, Level, Setting, flags_layer, origins, read_layer, resolve
from tsdia_run.settings.from_files import project_layer, user_file

ROOT = Path(__file__).parents[2]


def at(key: str) -> SourcePosition:
    return SourcePosition("config.yml", 3, 3, f"  {key}: x")


def layer(**values: Any) -> Layer:
    return read_layer("test", values, at)


def test_every_default_works() -> None:
    settings = resolve([])
    assert (settings.entrypoint, settings.args, settings.launcher) == (
        "train.py",
        ("--config", "{config}"),
        Launcher.ACCELERATE,
    )


def test_the_first_layer_with_a_value_wins() -> None:
    layers = [
        flags_layer({"python": None, "entrypoint": "a.py"}),
        layer(entrypoint="b.py", python="p1"),
        layer(python="p2"),
    ]
    settings = resolve(layers)
    assert (settings.entrypoint, settings.python) == ("a.py", "p1")


def test_variables_are_merged_one_by_one() -> None:
    settings = resolve([layer(env={"A": "1"}), layer(env={"A": "2", "B": True, "C": 3})])
    assert settings.env == {"A": "1", "B": "true", "C": "3"}


def test_module_and_entrypoint_replace_each_other_across_layers() -> None:
    assert resolve([layer(module="m"), layer(entrypoint="x.py")]).module == "m"
    assert resolve([layer(entrypoint="x.py"), layer(module="m")]).module is None


def test_module_and_entrypoint_in_one_layer_contradict() -> None:
    with pytest.raises(ConfigError, match="both set"):
        layer(module="m", entrypoint="x.py")
    with pytest.raises(UsageError) as caught:
        flags_layer({"module": "m", "entrypoint": "x.py"})
    assert message_of(caught.value) == "--entrypoint cannot be combined with --module"


@pytest.mark.parametrize(
    ("key", "near"), [("entrypiont", "entrypoint"), ("run_dir_keys", "run_dir_key"), ("stop_grace", "stop_grace_s")]
)
def test_an_unknown_key_suggests_the_closest(key: str, near: str) -> None:
    with pytest.raises(ConfigError, match=r"config\.yml:3:3: unknown setting") as caught:
        layer(**{key: "x"})
    assert near in caught.value.hint


def test_an_unknown_key_of_a_group_is_unknown_too() -> None:
    with pytest.raises(ConfigError, match="accelerate.num_proceses"):
        layer(accelerate={"num_proceses": 2})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("entrypoint", 3),
        ("entrypoint", ""),
        ("entrypoint", "a\0b"),
        ("args", "--config x"),
        ("args", [["nested"]]),
        ("launcher", "torchrun"),
        ("stop_grace_s", -1),
        ("stop_grace_s", True),
        ("stop_grace_s", math.inf),
        ("stop_grace_s", "soon"),
        ("time_limit", math.inf),
        ("env", ["A=1"]),
        ("env", {1: "x"}),
        ("accelerate", "fsdp.yaml"),
        ("logs", {"max_size": "64 parsecs"}),
        ("logs", {"max_size": 100}),
        ("logs", {"timestamps": 1}),
        ("pty", "no"),
    ],
)
def test_a_value_of_another_kind_is_refused_with_its_position(key: str, value: object) -> None:
    with pytest.raises(ConfigError, match=r"config\.yml:3:3"):
        layer(**{key: value})


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "2"])
def test_the_number_of_ranks_is_an_integer(value: object) -> None:
    with pytest.raises(ConfigError, match="must be an integer >= 1"):
        layer(accelerate={"num_processes": value})


def test_an_unquoted_no_is_a_mixed_precision() -> None:
    assert resolve([layer(accelerate={"mixed_precision": False})]).accelerate.mixed_precision == "no"


@pytest.mark.parametrize(
    ("text", "size_bytes"), [("64 MiB", 2**26), ("512K", 2**19), ("1.5GiB", 3 * 2**29), (4096, 4096), ("1 tb", 2**40)]
)
def test_sizes(text: object, size_bytes: int) -> None:
    assert resolve([layer(logs={"max_size": text})]).logs.max_size == size_bytes


def test_an_unquoted_off_switches_the_console_capture_off() -> None:
    assert resolve([layer(wandb={"console": False})]).wandb.console == "off"


def test_a_section_must_be_a_mapping_or_empty() -> None:
    with pytest.raises(ConfigError, match="must be a mapping"):
        read_layer("config.yml", ["entrypoint"], at)
    assert read_layer("config.yml", None, at).values == {}


def test_the_project_file_is_found_in_parent_directories_and_its_paths_are_relative_to_it(tmp_path: Path) -> None:
    (tmp_path / "tsdia-run.yml").write_text("entrypoint: src/train.py\npython: python3.11\nlauncher: python\n")
    inner = tmp_path / "experiments" / "a"
    inner.mkdir(parents=True)
    settings = resolve([project_layer(inner, Trust.here(inner))])
    assert settings.entrypoint == str(tmp_path / "src" / "train.py")
    assert (settings.python, settings.launcher) == ("python3.11", Launcher.PYTHON)


@pytest.mark.parametrize("text", ["", "\n", "# launcher: python\n\n  # pty: false\n"])
def test_a_project_file_may_have_every_setting_commented_out(tmp_path: Path, text: str) -> None:
    (tmp_path / "tsdia-run.yml").write_text(text)
    assert resolve([project_layer(tmp_path, Trust.here(tmp_path))]) == resolve([])


def test_pyproject_toml_is_a_project_file_if_it_has_the_table(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "x"\n[tool.tsdia-run]\nlauncher = "python"\nargs = []\n'
    )
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "pyproject.toml").write_text('[project]\nname = "inner"\n')
    settings = resolve([project_layer(inner, Trust.here(inner))])
    assert (settings.launcher, settings.args) == (Launcher.PYTHON, ())


def test_a_typo_in_pyproject_toml_is_reported_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.tsdia-run]\nlaunchr = "python"\n')
    with pytest.raises(ConfigError, match=r"pyproject\.toml:2:1: unknown setting `launchr`"):
        project_layer(tmp_path, Trust.here(tmp_path))


def test_a_broken_pyproject_toml_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.tsdia-run\n")
    with pytest.raises(ConfigError, match=r"pyproject\.toml"):
        project_layer(tmp_path, Trust.here(tmp_path))


def test_the_commented_config_shows_every_setting_and_is_valid() -> None:
    text = (ROOT / "configs" / "all-settings.yml").read_text()
    section = yaml.safe_load(text)["tsdia_run"]
    resolve([read_layer("all-settings.yml", section, at)])
    for setting in SETTINGS:
        assert f"{setting.key.rpartition('.')[2]}:" in text, setting.key
    lines = [line.replace("  # ", "  ", 1) for line in text.splitlines() if not line.startswith("  ##")]
    everything = yaml.safe_load("\n".join(lines))["tsdia_run"]
    del everything["module"]  # replaces the entrypoint
    resolve([read_layer("all-settings.yml", everything, at)])


def test_the_pages_of_the_settings_match_the_declarations() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "make_settings.py"))
    assert (ROOT / "configs" / "all-settings.yml").read_text() == made["config"](), "run `make docs`"
    assert (ROOT / "docs" / "settings.md").read_text() == made["page"](), "run `make docs`"


def test_no_setting_is_declared_twice() -> None:
    assert len({setting.key for setting in SETTINGS}) == len(SETTINGS)
    flags = [setting.flag.name for setting in SETTINGS if setting.flag]
    assert len(set(flags)) == len(flags)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.key)
def test_defaults_and_examples_are_values_of_their_kind(setting: Setting) -> None:
    if setting.default is not None:
        value = setting.default.value if isinstance(setting.default, Launcher) else setting.default
        assert setting.kind.checked(value) == setting.default
    if setting.example:
        assert setting.kind.checked(yaml.safe_load(setting.example)) is not None
    if setting.flag and setting.flag.metavar:
        given = int(setting.flag.example) if setting.flag.metavar == "N" else shlex.split(setting.flag.example)[0]
        assert flags_layer({setting.key: given}).values.keys() == {setting.key}


def test_the_value_of_a_flag_is_split_as_a_shell_does() -> None:
    assert flags_layer({"resume_args": "--load '{checkpoint}/a b'"}).values == {
        "resume_args": ("--load", "{checkpoint}/a b")
    }
    assert flags_layer({"resume_args": ""}).values == {"resume_args": ()}
    with pytest.raises(UsageError) as caught:
        flags_layer({"resume_args": "--load 'x"})
    assert message_of(caught.value).startswith("--resume-args must be a list of strings")


@pytest.mark.parametrize("value", ["weights/ck-{step}.msgpack", ["a-{epoch}", "**/*.npz"], "w/[a-c]?.h5", "ck-{step}/"])
def test_patterns_of_checkpoints(value: object) -> None:
    found = read_layer("c.yml", {"checkpoints": {"pattern": value}}, at).values["checkpoints.pattern"]
    assert found == ((value,) if isinstance(value, str) else tuple(value))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "value",
    ["", "/abs/ck-{step}", "../ck-{step}", "a//b", "ck-{stpe}", "ck-{step}-{step}", "ck-{step", "ck-}", "[z-a]", "[", 3,
     ["ok", ""], {"a": 1}, "a\0b"],
)  # fmt: skip
def test_patterns_that_cannot_match_are_errors_with_a_position(value: object) -> None:
    with pytest.raises(ConfigError, match=r"`checkpoints.pattern` must be a glob in the run directory") as caught:
        read_layer("c.yml", {"checkpoints": {"pattern": value}}, at)
    assert caught.value.place is not None


VARIABLES = st.dictionaries(st.sampled_from("ABC"), st.text())
VALUES = st.fixed_dictionaries({}, optional={"pty": st.booleans(), "env": VARIABLES})


@given(st.lists(VALUES, max_size=5))
def test_each_value_comes_from_the_first_layer_that_has_it(values: list[dict[str, Any]]) -> None:
    levels = list(Level)[: len(values)]
    layers = [Layer("x", one, level) for one, level in zip(values, levels, strict=True)]
    settings, found = resolve(layers), origins(layers)
    for key in ("pty", "env.A", "env.B", "env.C"):
        name, _, variable = key.partition(".")
        having = [
            layer for layer in layers if name in layer.values and (not variable or variable in layer.values[name])
        ]
        assert (key in found) == bool(having)
        if having:
            level = Level.FLAG if having[0].level is Level.VARIABLE else having[0].level
            first, value = having[0].values[name], getattr(settings, name)
            assert found[key].level is level
            assert (value[variable] if variable else value) == (first[variable] if variable else first)


@pytest.mark.parametrize(
    ("xdg", "home", "path"),
    [("/x", "/h", "/x"), ("", "/h", "/h/.config"), ("relative", "/h", "/h/.config")],
)
def test_the_users_file_is_where_the_xdg_specification_says(xdg: str, home: str, path: str) -> None:
    assert user_file({"XDG_CONFIG_HOME": xdg, "HOME": home}) == Path(path, "tsdia-run", "config.yml")
