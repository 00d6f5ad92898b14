"""Real ``save_state`` and ``load_state`` of Accelerate with the hooks, on one rank and on two."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.checkpoints import DAMAGES, SAME_SIZE
from tests.support.saving import Saver
from tests.support.zygote import Zygote
from tsdia_run.checkpoints import Manifest, Soundness, find, judge
from tsdia_run.checkpoints.best import point
from tsdia_run.rundir import outside_saves
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.supervise.hasher import add_hashes

FILES = ["model.safetensors", "optimizer.bin", "scheduler.bin", "random_states_0.pkl"]


@pytest.fixture
def saver(tmp_path: Path, trainings: Zygote) -> Saver:
    return Saver(tmp_path / "exp", trainings)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory, trainings: Zygote) -> Path:
    """Make a run with a checkpoint that has hashes; copy it before you damage it."""
    root = tmp_path_factory.mktemp("saved") / "exp"
    done = Saver(root, trainings).run("log=25", "save=step_30")
    assert done.returncode == 0, done.stderr
    add_hashes(root / "step_30")
    return root


def complete(checkpoint: Path) -> Manifest:
    verdict = judge(checkpoint, hashed=True)
    assert verdict.state is Soundness.COMPLETE, verdict.reason
    assert verdict.manifest
    return verdict.manifest


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_save_is_sealed_with_step_epoch_and_metrics(saved: Path) -> None:
    sealed = complete(saved / "step_30")
    assert sorted(sealed.files) == sorted(FILES)
    assert (sealed.step, sealed.epoch, sealed.metrics) == (30, 2, {"loss": 0.04, "epoch": 2.0})
    assert (sealed.run_id, sealed.attempt, sealed.world_size, sealed.ranks) == ("the-run", 0, 1, (0,))
    checked = subprocess.run(["sha256sum", "-c", "tsdia-checkpoint.sha256"], cwd=saved / "step_30", check=False)
    assert checked.returncode == 0


def test_a_save_outside_the_run_directory_is_recorded(saver: Saver, tmp_path: Path) -> None:
    done = saver.run("save=../outputs/step_1", "save=step_2", "save=../outputs/step_1", "save=../outputs/step_3")
    assert done.returncode == 0, done.stderr
    recorded = outside_saves.read(RunLayout(saver.root).attempt(0))
    assert recorded == (tmp_path / "outputs" / "step_1", tmp_path / "outputs" / "step_3")
    complete(tmp_path / "outputs" / "step_3")  # sealed like any other


def test_the_step_of_a_save_is_the_training_step_and_not_the_validation_step(saver: Saver) -> None:
    saver.run("log=25", "val=2", "save=epoch_2", "log=26", "save=anything", "save=step_40/state")
    assert (complete(saver.root / "epoch_2").step, complete(saver.root / "epoch_2").epoch) == (25, 2)
    assert complete(saver.root / "anything").step == 26
    assert complete(saver.root / "step_40" / "state").step == 40
    assert complete(saver.root / "step_40").step == 40
    assert [one.path.name for one in find(saver.root)] == ["epoch_2", "anything", "step_40"]


def test_two_ranks_seal_together_or_one_of_them_or_one_late(saver: Saver) -> None:
    # A rank that loads its own save waits until the others have sealed.
    loads = ["save=latest", "load=latest"] * 5
    done = saver.run("save=both", "save=both", "main=alone", "late=late", *loads, ranks=2)
    assert done.returncode == 0, done.stderr
    assert "tsdia-run" not in done.stderr
    assert complete(saver.root / "both").ranks == (0, 1)
    assert "random_states_1.pkl" in complete(saver.root / "both").files
    assert complete(saver.root / "alone").ranks == (0,)
    assert complete(saver.root / "late").ranks == (0, 1)
    assert "random_states_1.pkl" in complete(saver.root / "late").files


@pytest.mark.parametrize("ranks", [1, 2])
def test_automatic_naming_keeps_its_limit_and_continues_after_the_last_number(saver: Saver, ranks: int) -> None:
    first = saver.run("auto=2", "save", "save", "save", ranks=ranks)
    assert first.returncode == 0, first.stderr
    assert names(saver.root / "checkpoints") == ["checkpoint_1", "checkpoint_2"]
    newest = saver.root / "checkpoints" / "checkpoint_2"
    assert complete(newest).ranks == tuple(range(ranks))

    more = {"TSDIA_RUN_ATTEMPT": "1"}
    second = saver.run("auto=2", "load", "save", ranks=ranks, **more)
    assert second.returncode == 0, second.stderr
    assert "tsdia-run" not in second.stderr
    assert names(saver.root / "checkpoints") == ["checkpoint_2", "checkpoint_3"]
    assert complete(saver.root / "checkpoints" / "checkpoint_3").attempt == 1


def test_a_resume_loads_the_requested_checkpoint_and_not_the_newest(saver: Saver) -> None:
    assert saver.run("auto=", "save", "train", "save").returncode == 0
    older = saver.root / "checkpoints" / "checkpoint_0"
    expected = saver.run("auto=", "load=checkpoints/checkpoint_0").stdout
    newest = saver.run("auto=", "load").stdout
    resumed = saver.run("auto=", "load", "save", TSDIA_RUN_CHECKPOINT=str(older)).stdout
    assert resumed.splitlines() == [*expected.splitlines(), "rank 0 saved checkpoint_2"]
    assert expected != newest


def test_pruning_keeps_the_best_checkpoints_and_other_files(saver: Saver, tmp_path: Path) -> None:
    (tmp_path / "config.yml").write_text("training: {checkpoint: {metric_for_best_model: loss}}")
    words = [f"log={step}" if kind == "log" else kind for step in (10, 90, 20, 30) for kind in ("log", "save")]
    best = saver.root / "checkpoints" / "checkpoint_0"
    best.mkdir(parents=True)
    point(saver.root / "best_checkpoint", best)
    best.rmdir()
    (saver.root / "checkpoints" / "mine7").mkdir(parents=True)
    done = saver.run("auto=1", *words, TSDIA_RUN_CONFIG=str(tmp_path / "config.yml"))
    assert done.returncode == 0, done.stderr
    # The link points to 0, 1 has the lowest loss, and 3 is the newest.
    assert names(saver.root / "checkpoints") == ["checkpoint_0", "checkpoint_1", "checkpoint_3", "mine7"]


@pytest.mark.parametrize("damage", DAMAGES)
def test_an_unusable_checkpoint_is_reported_and_not_loaded(saver: Saver, saved: Path, damage: str) -> None:
    words = []
    for name in FILES:
        shutil.copytree(saved / "step_30", saver.root / name)
        DAMAGES[damage](saver.root / name / name)
        words.append(f"try={name}")
    done = saver.run(*words)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == len(FILES)
    state = "damaged" if damage in SAME_SIZE else "incomplete"
    for line, name in zip(lines, FILES, strict=True):
        assert line.startswith(f"UnusableCheckpointError {saver.root / name} is {state}: {name}")
        assert "Nothing was loaded" in line
        assert line.endswith("model unchanged")


def test_a_process_does_not_load_its_own_failed_save(saver: Saver) -> None:
    done = saver.run("save=latest", "half=latest", "try=latest")
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first == "rank 0 saved latest"
    assert second.startswith("UnusableCheckpointError")
    assert second.endswith("model unchanged")
    assert judge(saver.root / "latest", by_structure=True).is_usable  # so only the failed save makes it unusable


def test_the_traceback_of_an_uncaught_error_ends_with_the_reason(saver: Saver, saved: Path) -> None:
    shutil.copytree(saved / "step_30", saver.root / "step_30")
    shutil.copytree(saved / "step_30", saver.root / "step_20")
    (saver.root / "step_30" / "optimizer.bin").unlink()
    done = saver.run("load=step_30")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"tsdia_run.errors.UnusableCheckpointError: {saver.root / 'step_30'} is incomplete: optimizer.bin is missing."
        " Nothing was loaded (usable in the same directory: step_20)"
    )


def test_a_checkpoint_without_a_manifest_is_loaded_unless_its_structure_is_damaged(saver: Saver, saved: Path) -> None:
    for name in ("intact", "cut"):
        shutil.copytree(saved / "step_30", saver.root / name, ignore=shutil.ignore_patterns("*tsdia*"))
    DAMAGES["cut in half"](saver.root / "cut" / "model.safetensors")
    done = saver.run("load=intact", "try=cut")
    assert done.returncode == 0, done.stderr
    assert "rank 0 loaded" in done.stdout
    assert "cut is incomplete: model.safetensors" in done.stdout


def test_random_states_that_were_not_restored_are_reported(saver: Saver, saved: Path) -> None:
    shutil.copytree(saved / "step_30", saver.root / "step_30")
    assert "warning" not in saver.run("load=step_30").stderr
    # Two ranks resume from the save of one rank.
    done = saver.run("load=step_30", ranks=2)
    assert done.returncode == 0, done.stderr
    missing = saver.root / "step_30" / "random_states_1.pkl"
    assert (
        f"tsdia-run: warning: the random states of rank 1 were not restored, so the resume is not exact:"
        f" {missing} is missing\n"
    ) in done.stderr
    assert "of rank 0" not in done.stderr


def test_a_script_without_the_hook_leaves_no_files_of_tsdia_run(saver: Saver) -> None:
    assert saver.run("save=step_1", TSDIA_RUN_HOOKS="metrics").returncode == 0
    assert judge(saver.root / "step_1").state is Soundness.UNVERIFIED


def test_the_script_may_change_its_own_files_in_the_directory(saver: Saver) -> None:
    """The script writes the file before and after the save: it does not belong to the seal."""
    done = saver.run("touch=latest", "save=latest", "touch=latest", "touch=latest", "save=latest", "touch=latest")
    assert done.returncode == 0, done.stderr
    assert "extra.txt" not in complete(saver.root / "latest").files


@pytest.mark.root
def test_a_disk_that_is_full_during_the_save_leaves_an_incomplete_checkpoint(tmp_path: Path, trainings: Zygote) -> None:
    if os.geteuid():
        pytest.skip("needs root to mount a small file system")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", str(disk)], check=True)
    try:
        saver = Saver(disk / "exp", trainings)
        done = saver.run("auto=1", "save", "save", "save", "save")
        assert done.returncode == 1
        oldest, *newer = (judge(path, hashed=True) for path in sorted((saver.root / "checkpoints").iterdir()))
        assert oldest.state is Soundness.COMPLETE
        assert {verdict.state for verdict in newer} == {Soundness.INCOMPLETE}
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.root
def test_a_full_disk_does_not_leave_the_old_manifest_in_an_overwritten_checkpoint(
    tmp_path: Path, trainings: Zygote
) -> None:
    if os.geteuid():
        pytest.skip("needs root to mount a small file system")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", str(disk)], check=True)
    try:
        saver = Saver(disk / "exp", trainings)
        assert saver.run("save=latest").returncode == 0
        assert judge(saver.root / "latest").state is Soundness.COMPLETE
        done = saver.run("fill", "save=latest")
        assert done.returncode == 1
        assert "could not be sealed and does not count as complete: No space left on device" in done.stderr
        assert judge(saver.root / "latest").state is Soundness.INCOMPLETE
    finally:
        subprocess.run(["umount", str(disk)], check=True)
