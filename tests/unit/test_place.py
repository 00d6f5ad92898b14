from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.hints import hint_of
from tsdia_run.config import Document, parse
from tsdia_run.config.keys import RUN_DIR_KEYS, key_in
from tsdia_run.errors import ConfigError, RunDirectoryError, UsageError
from tsdia_run.launch.place import RunPlaceRequest, run_directory

CWD = Path("/project")
ENVIRON = {"HOME": "/home/me", "SCRATCH": "/scratch/me", "EMPTY": "", "BUCKET": "s3://b"}


def directory(text: str | None, run_dir: str | None = None, name: str | None = None) -> str:
    document: Document | None = None if text is None else parse(text.encode(), "configs/base.yml")
    key = key_in(document, None, RUN_DIR_KEYS) if document else None
    return str(run_directory(RunPlaceRequest(run_dir, name, CWD, ENVIRON), document, key))


@pytest.mark.parametrize(
    ("text", "run_dir", "name", "expected"),
    [
        ("training: {checkpoint: {save_dir: runs/exp}}", None, None, "/project/runs/exp"),
        ("checkpoint: {save_dir: ./out/}", None, None, "/project/out"),
        ("checkpoint: {save_dir: a}\ntraining: {checkpoint: {save_dir: b}}", None, None, "/project/b"),
        ("training: {checkpoint: {save_dir: ~/runs/exp}}", None, None, "/home/me/runs/exp"),
        ("training: {checkpoint: {save_dir: '${SCRATCH}/exp'}}", None, None, "/scratch/me/exp"),
        ("training: {checkpoint: {save_dir: '$SCRATCH/exp'}}", None, None, "/scratch/me/exp"),
        ("training: {checkpoint: {save_dir: '~/${SCRATCH}_$SCRATCH'}}", None, None, "/home/me/scratch/me_/scratch/me"),
        ("training: {checkpoint: {save_dir: runs/cost$5$}}", None, None, "/project/runs/cost$5$"),
        ("training: {checkpoint: {save_dir: runs/50%}}", None, None, "/project/runs/50%"),
        ("a: 1", "$SCRATCH/x", None, "/scratch/me/x"),
        ("a: 1", "runs/{x}", None, "/project/runs/{x}"),
        ("training: {checkpoint: {save_dir: 's3://b/x'}}", "runs/x", None, "/project/runs/x"),
        ("training: {checkpoint: {save_dir: '${model.name}'}}", "runs/x", None, "/project/runs/x"),
        ("training: {checkpoint: {save_dir: runs/exp}}", None, "exp-2", "/project/runs/exp-2"),
        ("training: {checkpoint: {save_dir: runs/exp}}", "/data/x", None, "/data/x"),
        ("training: {checkpoint: {save_dir: runs/exp}}", "~/x", "y", "/home/me/y"),
        ("training: {checkpoint: {save_dir: }}", None, None, "/project/runs/base"),
        ("lr: 1", None, None, "/project/runs/base"),
        ("lr: 1", None, "other", "/project/runs/other"),
        (None, None, "bare", "/project/runs/bare"),
        (None, "out/bare", None, "/project/out/bare"),
    ],
)
def test_the_run_directory(text: str | None, run_dir: str | None, name: str | None, expected: str) -> None:
    assert directory(text, run_dir, name) == expected


def test_without_config_and_name_a_name_is_required() -> None:
    with pytest.raises(UsageError, match="nothing says") as caught:
        directory(None)
    assert "--name" in hint_of(caught.value)


def test_an_unset_variable_is_reported_with_its_line() -> None:
    with pytest.raises(ConfigError, match=r"configs/base\.yml:1:.* needs the environment variable NOPE"):
        directory("training: {checkpoint: {save_dir: '${NOPE}/exp'}}")


@pytest.mark.parametrize("value", ["3", "[a]", "''", "true"])
def test_a_value_that_is_not_a_path_is_refused(value: str) -> None:
    with pytest.raises(ConfigError, match="must be the path of a directory"):
        directory(f"training: {{checkpoint: {{save_dir: {value}}}}}")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/"])
def test_invalid_names(name: str) -> None:
    with pytest.raises(UsageError):
        directory("lr: 1", name=name)


@pytest.mark.parametrize("run_dir", ["a\nb", "a\0b", "\x7f", "x" * 201, "y/" * 2000, "ü" * 101])
def test_impossible_run_directories(run_dir: str) -> None:
    with pytest.raises(RunDirectoryError):
        directory("lr: 1", run_dir=run_dir)


@given(st.text(min_size=1, max_size=100))
def test_any_name_is_the_last_part_or_a_clear_refusal(name: str) -> None:
    try:
        path = directory("lr: 1", name=name)
    except (UsageError, RunDirectoryError, UnicodeEncodeError):
        return
    assert path == f"/project/runs/{name}"


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("runs/${model.name}", "${model.name}"),
        ("${oc.env:OUT,default}/x", "${oc.env:OUT,default}"),
        ("runs/${now:%Y-%m-%d}", "${now:%Y-%m-%d}"),
        ("runs/${.name}", "${.name}"),
        ("runs/${name}", "${name}"),
        ("runs/$name", "${name}"),
        ("${SCRATCH}/${hydra:runtime.choices.db}", "${hydra:runtime.choices.db}"),
        ("runs/$(date)", "$(date)"),
        ("runs/{model}-{lr:.1e}", "{model}"),
        ("runs/%(name)s", "%(name)s"),
        ("???", "???"),
    ],
)
def test_an_interpolation_that_only_the_script_can_resolve_is_named(value: str, named: str) -> None:
    with pytest.raises(ConfigError, match="only the script can resolve") as caught:
        directory(f"name: exp\nmodel: {{name: x}}\ncheckpoint: {{save_dir: '{value}'}}\n")
    assert f"contains {named}," in caught.value.message
    assert "base.yml:3:24" in caught.value.message
    assert "--run-dir" in hint_of(caught.value)


@pytest.mark.parametrize("value", ["${NOPE}/x", "$NOPE/x", "runs/$EMPTY", "${SCRATCH}${NOPE}"])
def test_a_variable_without_a_value_is_named(value: str) -> None:
    with pytest.raises(ConfigError, match="NOPE|EMPTY") as caught:
        directory(f"checkpoint: {{save_dir: '{value}'}}")
    assert "--run-dir" in hint_of(caught.value)
    with pytest.raises(UsageError, match="is not set"):
        directory("a: 1", value)


@pytest.mark.parametrize("url", ["s3://bucket/x", "gs://b/x", "hdfs:///x", "file:///tmp/x", "S3://B", "$BUCKET/x"])
def test_a_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="is a URL") as caught:
        directory(f"checkpoint: {{save_dir: '{url}'}}")
    assert "base.yml:1:24" in caught.value.message
    with pytest.raises(RunDirectoryError, match="is a URL"):
        directory("a: 1", url)


@pytest.mark.parametrize("path", ["a:b/c", "s3:/x", "x//y", "://x"])
def test_a_path_that_only_looks_like_a_url_is_accepted(path: str) -> None:
    assert directory(f"checkpoint: {{save_dir: '{path}'}}") == str(Path("/project", path))
