"""Read a config: values, their positions, and errors."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.support.hints import hint_of
from tests.unit.test_config_edits import CONFIGS
from tsdia_run.config import parse, read, surprises
from tsdia_run.errors import ConfigError, NotFoundError
from tsdia_run.text import nearest

TSDIA = """\
# Target-speaker diarization
model:
  name: ts-dia-conformer
  encoder: {layers: 12, dropout: 0.1, kernel_sizes: [3, 5, 7]}
  use_bias: true
data:
  datasets:
    - name: voxconverse
      path: ${DATA_ROOT}/voxconverse
      sampling_rate: 16000
    - {name: ami, path: /data/ami}
training:
  epochs: 50
  learning_rate: 1.0e-4
  betas: [0.9, 0.98]
  mixed_precision: bf16
  checkpoint:
    save_dir: ./checkpoints/my_experiment
    interval: 1000
    resume: null
    save_total_limit: 3
  logging:
    use_wandb: false
    wandb_project: ts-dia
    log_interval: 50
  validation: {metric_for_best_model: val_der, greater_is_better: false}
"""


def test_a_value_is_found_with_its_position() -> None:
    document = parse(TSDIA.encode(), "ts.yml")
    value = document.find("training.checkpoint.save_dir")
    assert value is not None
    assert value.plain == "./checkpoints/my_experiment"
    assert str(value.place) == "ts.yml:18:15"
    assert value.place.text == "    save_dir: ./checkpoints/my_experiment"
    assert value.place.pointer().splitlines()[1].index("^") == 4 + 14


@pytest.mark.parametrize(
    "key", ["training.nope", "model.name.x", "data.datasets.7", "data.datasets.x", "", "training."]
)
def test_a_missing_key_is_not_found(key: str) -> None:
    assert parse(TSDIA.encode(), "ts.yml").find(key) is None


def test_list_items_are_found_by_number() -> None:
    found = parse(TSDIA.encode(), "ts.yml").find("data.datasets.1.name")
    assert found is not None
    assert found.plain == "ami"


def test_an_ordinary_config_has_no_surprises() -> None:
    assert surprises(parse(TSDIA.encode(), "ts.yml")) == ()


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("lr: 1e-4", "as a string, not a number; write 1.0e-4 for"),
        ("lr: 5E6", "write 5.0e+6 for the number"),
        ("lr: -.5e3", "write -.5e+3 for the number"),
        ("mixed_precision: no", "as false"),
        ("x: On", "as true"),
        ("mode: 010", "octal number 8"),
        ("mode: 0o17", "string; write 15 for the number"),
        ("time: 1:30", "number 90"),
        ("python_version: 3.10", "number 3.1"),
        ("day: 2024-01-02", "a date"),
        ("off: 1", "as false"),
        ("resume: None", "null"),
        ("x: inf", ".inf"),
        ("id: 08", "as a string"),
    ],
)
def test_values_that_yaml_misreads_are_reported_with_their_line(line: str, says: str) -> None:
    (surprise,) = surprises(parse(f"a: 1\n{line}\n".encode(), "c.yml"))
    assert surprise.place.line == 2
    assert says in surprise.message


@pytest.mark.parametrize(
    "line", ["a: '1e-4'", 'a: "no"', "a: true", "a: 1.0e-4", "a: 0", "a: 0.10", "a: 2024", "a: node", "a: 3.10"]
)
def test_harmless_values_are_not_reported(line: str) -> None:
    assert surprises(parse(line.encode(), "c.yml")) == ()


def test_duplicate_keys_name_both_lines() -> None:
    (surprise,) = surprises(parse(b"a:\n  x: 1\n  y: 2\n  x: 3\n", "c.yml"))
    assert (surprise.place.line, surprise.place.column) == (4, 3)
    assert "first on line 2" in surprise.message


@given(CONFIGS)
def test_plain_data_is_what_safe_load_reads(data: dict[str, object]) -> None:
    text = yaml.safe_dump(data, allow_unicode=True)
    assert parse(text.encode(), "c.yml").plain() == yaml.safe_load(text)


@pytest.mark.parametrize(
    "text",
    [
        "base: &b {x: 1, y: 2}\na: {<<: *b, x: 3}\n",
        "b1: &b1 {x: 1}\nb2: &b2 {x: 2, y: 2}\na:\n  <<: [*b1, *b2]\n",
        "l: &l [1, 2]\nm: *l\n1: a\ntrue: b\n~: c\n",
        "d: 2024-01-01\nf: .inf\nn: [010, 1_000, 0x1F, 1:30]\n",
    ],
)
def test_aliases_and_merges_are_read_as_safe_load_reads_them(text: str) -> None:
    assert parse(text.encode(), "c.yml").plain() == yaml.safe_load(text)


def test_nothing_is_constructed_from_a_tag() -> None:
    text = "a: !!python/object/apply:os.system ['touch /tmp/never']\nb: !include other.yml\nc: !t {x: 1}\n"
    assert parse(text.encode(), "c.yml").plain() == {"a": ["touch /tmp/never"], "b": "other.yml", "c": {"x": 1}}


@pytest.mark.parametrize(
    ("data", "place", "says"),
    [
        (b"a: [1\nb: 2\n", "c.yml:2:", "not valid YAML"),
        (b"a: 1\n\tb: 2\n", "c.yml:2:1", "not valid YAML"),
        (b"a: b: c\n", "c.yml:1:5", "mapping values are not allowed"),
        (b"a: *nope\n", "c.yml:1:4", "undefined alias"),
        (b"a: @x\n", "c.yml:1:4", "cannot start any token"),
        (b"a: 1\n---\nb: 2\n", "c.yml:", "another document"),
        (b"a: 1\nb: caf\xe9\n", "c.yml:2:7", "not valid UTF-8"),
        (b"a: \x00\n", "c.yml:1:4", "doesn't allow the character"),
        (b"- a\n- b\n", "c.yml:1:1", "must be a mapping"),
        (b"text\n", "c.yml:1:1", "must be a mapping"),
        (b"---\n", "c.yml:", "must be a mapping"),
        (b"", "c.yml", "is empty"),
        (b"# only words\n", "c.yml", "is empty"),
        ("a: 1".encode("utf-16"), "c.yml", "UTF-16"),
        (b"a: &x [*x]\n", "c.yml", "expand to too much data"),
        (b"a: " + b"[" * 5000, "c.yml", "nested too deeply"),
        (b"a: " + b"{x: " * 150 + b"1" + b"}" * 150, "c.yml", "nested too deeply"),
    ],
)
def test_a_config_that_cannot_be_read_is_an_error_with_a_position(data: bytes, place: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(data, "c.yml")
    assert caught.value.message.startswith(place)
    assert says in caught.value.message


def test_an_alias_bomb_is_refused_without_being_written_out() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    with pytest.raises(ConfigError, match="expand to too much data"):
        parse("\n".join(lines).encode(), "c.yml")


@given(st.binary(max_size=60) | st.text(st.sampled_from("ab:{}[],&*!|>-'\"# \n\t%@`?<"), max_size=40).map(str.encode))
def test_any_bytes_are_a_config_or_a_clear_error(data: bytes) -> None:
    try:
        document = parse(data, "c.yml")
    except ConfigError as error:
        assert "c.yml" in error.message
        return
    document.plain()
    list(document.scalars())
    surprises(document)


def test_a_missing_file_suggests_a_similar_one(tmp_path: Path) -> None:
    (tmp_path / "config.yml").touch()
    with pytest.raises(NotFoundError, match="does not exist") as caught:
        read(tmp_path / "confg.yml")
    assert "config.yml" in hint_of(caught.value)


def test_a_path_that_is_not_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a directory"):
        read(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(ConfigError, match="not a regular file"):
            read(path)
    with pytest.raises(NotFoundError):
        read(tmp_path / "no" / "such" / "place.yml")


def test_a_huge_file_is_refused_before_it_is_parsed(tmp_path: Path) -> None:
    (tmp_path / "big.yml").write_bytes(b"a: 1\n" * 300_000)
    with pytest.raises(ConfigError, match="larger than"):
        read(tmp_path / "big.yml")


def test_the_closest_word() -> None:
    assert nearest("entrypiont", ["entrypoint", "python"]) == "entrypoint"
    assert nearest("zzz", ["entrypoint", "python"]) is None


def test_a_python_file_given_as_a_config_is_recognised(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("if x: print({'a': 1})\n")
    with pytest.raises(ConfigError, match="is a Python file, not YAML, JSON or TOML") as caught:
        read(tmp_path / "train.py")
    assert "--entrypoint" in hint_of(caught.value)
