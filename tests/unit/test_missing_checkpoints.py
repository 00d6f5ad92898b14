"""Which values are certainly paths of missing checkpoints."""

from __future__ import annotations

from pathlib import Path

import pytest

from tsdia_run.launch.missing import in_arguments, is_missing


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "runs" / "old" / "checkpoint-5").mkdir(parents=True)
    (tmp_path / "weights.pt").touch()
    return tmp_path


@pytest.mark.parametrize(
    "value",
    [
        "/nonexistent/checkpoint-5", "./x", "../x/y", "~/nonexistent-of-nobody/x", "runs/gone", "runs/old/checkpoint-6",
        "a/b/c", "checkpoint-500", "epoch_3/", "last.pt", "x/model.ckpt", "step_3.safetensors",
    ],
)  # fmt: skip
def test_a_path_that_does_not_exist(folder: Path, value: str) -> None:
    assert is_missing(value, [folder])


@pytest.mark.parametrize(
    "value",
    [
        "runs/old/checkpoint-5", "runs/old/checkpoint-5/", "weights.pt", "./weights.pt", "/",
        "latest", "last", "best", "auto", "true", "True", "none", "must", "allow", "500", "", "org/name", "bert-base",
        "s3://bucket/a/b", "hf://a/b/c", "$SCRATCH/x/y", "${oc.env:X}/a/b", "{checkpoint}", "entity/project:v3", "\0",
    ],
)  # fmt: skip
def test_existing_paths_and_ambiguous_values(folder: Path, value: str) -> None:
    assert not is_missing(value, [folder])


def test_any_of_the_folders_may_contain_the_checkpoint(folder: Path) -> None:
    assert not is_missing("old/checkpoint-5", [folder, folder / "runs"])


def test_arguments(folder: Path) -> None:
    words = [
        "--resume_from_checkpoint", "/gone/a", "--resume-from=/gone/b", "--resume", "/gone/c", "ckpt_path=/gone/d",
        "--load", "/gone/e", "--init_from", "/gone/f", "trainer.resume=/gone/g",
        "--resume_from_checkpoint", "latest", "--resume", "org/name", "--output_dir", "/gone/out",
        "--load_best_model_at_end", "true", "--wandb_resume_id", "a/b/c", "--resume",
    ]  # fmt: skip
    found = list(in_arguments(words, [folder]))
    assert [(path[-1], is_resume) for _, path, is_resume in found] == [
        ("a", True), ("b", True), ("c", True), ("d", True), ("e", False), ("f", False), ("g", True)
    ]  # fmt: skip
