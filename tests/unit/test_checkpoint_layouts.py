"""Checkpoints of public training scripts are found in every layout, apart from exports and unknown files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import checkpoints as made
from tests.support.layouts import LAYOUTS, sharded, tensors, text, torch
from tsdia_run import checkpoints
from tsdia_run.checkpoints import Checkpoint, EntryKind, Soundness, manifest, read_name, recognition, walking


def below(run: Path, paths: tuple[Path, ...]) -> tuple[str, ...]:
    return tuple(path.relative_to(run).as_posix() for path in paths)


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_is_found_in_order_and_usable(name: str, tmp_path: Path) -> None:
    layout = LAYOUTS[name]
    layout.make(tmp_path)
    found = checkpoints.survey(tmp_path)
    assert below(tmp_path, tuple(one.path for one in found.checkpoints)) == layout.checkpoints
    assert below(tmp_path, found.exports) == layout.exports
    assert below(tmp_path, found.unrecognised) == layout.unrecognised
    assert {checkpoints.judge(one.path).state for one in found.checkpoints} <= {Soundness.UNVERIFIED}
    for kind, paths in ((EntryKind.CHECKPOINT, layout.checkpoints), (EntryKind.EXPORT, layout.exports)):
        assert {checkpoints.kind_of(tmp_path / path) for path in paths} <= {kind}


@pytest.mark.parametrize(
    ("name", "step", "epoch", "iteration"),
    [
        ("epoch=3-step=99.ckpt", 99, 3, None),
        ("epoch_0_step_99", 99, 0, None),
        ("m--val_loss=2.05-step=99-last.ckpt", 99, None, None),
        ("iter_0000123", 123, None, None),
        ("global_step10", 10, None, None),
        ("rl_model_1000_steps.pt", 1000, None, None),
        ("000100", 100, None, None),
        ("net-step00000500-state", 500, None, None),
        ("net-000003-state", None, None, 3),
        ("checkpoint-12.pth.tar", None, None, 12),
        ("model_000123.pt", None, None, 123),
        ("12epoch.pth", None, 12, None),
    ],
)
def test_numbers_in_names(name: str, step: int | None, epoch: int | None, iteration: int | None) -> None:
    assert read_name(Path(name)) == Checkpoint(Path(name), step, epoch, iteration)


@pytest.mark.parametrize(
    "name", ["version_0", "exp1", "seed_3", "last.ckpt", "best-0.91.pt", "tmp-checkpoint-5", "run-7"]
)
def test_names_without_a_number(name: str) -> None:
    assert read_name(Path(name)) is None


@given(st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=40))
def test_any_name_is_read_without_an_exception(name: str) -> None:
    read_name(Path(name))
    recognition.of_file(name)


def test_a_sealed_directory_is_a_checkpoint_for_any_name_and_files(tmp_path: Path) -> None:
    for name in ("best_model", "tmp-checkpoint-3", "ema"):
        tensors(tmp_path / name / "model.safetensors")
        made.seal(tmp_path / name)
    found = checkpoints.survey(tmp_path)
    assert {one.path.name for one in found.checkpoints} == {"best_model", "tmp-checkpoint-3", "ema"}
    assert found.exports == ()


def test_a_seal_in_a_subfolder_counts_for_the_numbered_folder(tmp_path: Path) -> None:
    for step in (9, 10):
        saved = made.state(tmp_path / f"step_{step}" / "state")
        made.seal(saved)
    (tmp_path / "step_10" / "state" / "optimizer.bin").write_bytes(b"")
    assert checkpoints.judge(tmp_path / "step_9").state is Soundness.COMPLETE
    assert checkpoints.judge(tmp_path / "step_10").state is Soundness.INCOMPLETE
    chosen = checkpoints.newest_complete(checkpoints.find(tmp_path)).chosen
    assert chosen is not None
    assert chosen.path == tmp_path / "step_9"
    assert chosen.manifest is not None


def test_names_without_a_number_are_the_newest_if_saved_last(tmp_path: Path) -> None:
    for at, name in enumerate(("checkpoint-900", "checkpoint-1000", "interrupted")):
        for path in made.state(tmp_path / name).iterdir():
            os.utime(path, (100 + at, 100 + at))
    for name, at in (("last.pt", 50), ("latest.ckpt", 200), ("model_best.pth.tar", 300)):
        torch(tmp_path / name)
        os.utime(tmp_path / name, (at, at))
    found = [one.path.name for one in checkpoints.find(tmp_path)]
    assert found == ["model_best.pth.tar", "last.pt", "checkpoint-900", "checkpoint-1000", "interrupted", "latest.ckpt"]


def test_manifests_come_before_times(tmp_path: Path) -> None:
    for name in ("checkpoint_2", "last"):
        saved = made.state(tmp_path / name)
        sealed = made.seal(saved)
        step = {"checkpoint_2": 100, "last": 150}[name]
        manifest.write(saved, manifest.Manifest(**{**vars(sealed), "step": step}))
        for path in saved.iterdir():
            os.utime(path, (1000 - step, 1000 - step))
    assert [one.path.name for one in checkpoints.find(tmp_path)] == ["checkpoint_2", "last"]


def test_patterns_match_checkpoints_that_no_rule_recognises(tmp_path: Path) -> None:
    text(*(tmp_path / "weights" / f"ck-{step}.msgpack" for step in (9, 10)), tmp_path / "a" / "e3-s7" / "x.dat")
    patterns = ["weights/ck-{step}.msgpack", "*/e{epoch}-s{step}"]
    found = checkpoints.survey(tmp_path, patterns)
    assert [
        (below(tmp_path, (one.path,))[0], one.step, one.epoch) for one in found.checkpoints if one.epoch is None
    ] == [
        ("weights/ck-9.msgpack", 9, None),
        ("weights/ck-10.msgpack", 10, None),
    ]
    assert Checkpoint(tmp_path / "a" / "e3-s7", 7, 3) in found.checkpoints
    assert found.unrecognised == ()


def test_timm_links_one_file_under_several_names(tmp_path: Path) -> None:
    torch(tmp_path / "last.pth.tar")
    for name in ("checkpoint-3.pth.tar", "model_best.pth.tar"):
        os.link(tmp_path / "last.pth.tar", tmp_path / name)
    assert [one.path.name for one in checkpoints.find(tmp_path)] == ["checkpoint-3.pth.tar"]


def test_a_run_inside_the_run_is_not_searched(tmp_path: Path) -> None:
    (tmp_path / "inner" / ".tsdia").mkdir(parents=True)
    sharded(tmp_path / "inner" / "step_3")
    text(tmp_path / "inner" / "w.h5")
    assert checkpoints.survey(tmp_path) == checkpoints.Survey((), (), ())


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ckpt_3_rank0.pt", EntryKind.CHECKPOINT),
        ("ckpt_3_rank1.pt", EntryKind.COMPANION),
        ("ckpt_rank-12_3.pt", EntryKind.COMPANION),
        ("frank1_ckpt_3.pt", EntryKind.CHECKPOINT),
    ],
)
def test_the_first_ranks_file_represents_the_save(name: str, kind: EntryKind) -> None:
    assert recognition.of_file(name) is kind


def test_a_run_may_have_any_number_of_checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walking, "_MAX_ENTRIES", 10)
    for name in "abcdefghijklmnop":
        (tmp_path / "data" / name).mkdir(parents=True)
        (tmp_path / "data" / f"{name}.wav").touch()
    for step in range(1, 31):
        made.state(tmp_path / "saved" / f"checkpoint-{step}")
    assert [one.step for one in checkpoints.find(tmp_path)][-1] == 30
    assert len(checkpoints.find(tmp_path / "saved")) == 30
