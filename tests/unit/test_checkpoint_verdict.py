"""The states of a checkpoint: five kinds of damage on four files, and directories not created by tsdia-run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import checkpoints as made
from tsdia_run.checkpoints import Soundness, find, hashes, judge, manifest, newest_complete
from tsdia_run.checkpoints.structure import missing_file
from tsdia_run.rundir.checkpoint_layout import CheckpointLayout

FILES = ["model.safetensors", "optimizer.bin", "scheduler.bin", "random_states_0.pkl"]


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    path = made.state(tmp_path / "checkpoint-5")
    made.seal(path)
    return path


def add_hashes(path: Path) -> None:
    written = manifest.read(path)
    assert written
    hashes.write(path, written, {name: hashes.digest(path / name) for name in written.files})


def test_a_sealed_checkpoint_is_complete(sealed: Path) -> None:
    verdict = judge(sealed)
    assert (verdict.state, verdict.is_hashed) == (Soundness.COMPLETE, False)
    assert verdict.reason.startswith("sealed by 1 rank: 4 files, 16.8 KiB")
    assert verdict.manifest == manifest.read(sealed)


@pytest.mark.parametrize("damage", made.DAMAGES)
@pytest.mark.parametrize("name", FILES)
def test_every_damage_is_found_with_hashes(sealed: Path, name: str, damage: str) -> None:
    add_hashes(sealed)
    assert judge(sealed, hashed=True).is_hashed
    made.DAMAGES[damage](sealed / name)
    verdict = judge(sealed, hashed=True)
    assert verdict.state is (Soundness.DAMAGED if damage in made.SAME_SIZE else Soundness.INCOMPLETE)
    assert not verdict.is_usable
    assert name in verdict.reason


@pytest.mark.parametrize("damage", [damage for damage in made.DAMAGES if damage not in made.SAME_SIZE])
@pytest.mark.parametrize("name", FILES)
def test_damage_that_changes_a_size_is_found_without_hashes(sealed: Path, name: str, damage: str) -> None:
    made.DAMAGES[damage](sealed / name)
    verdict = judge(sealed)
    assert verdict.state is Soundness.INCOMPLETE
    assert name in verdict.reason


@pytest.mark.parametrize("damage", [damage for damage in made.DAMAGES if damage not in made.SAME_SIZE])
@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.bin", "random_states_0.pkl"])
def test_damage_is_found_by_structure_without_a_manifest(tmp_path: Path, name: str, damage: str) -> None:
    path = made.state(tmp_path / "checkpoint-5")
    assert judge(path).state is Soundness.UNVERIFIED
    made.DAMAGES[damage](path / name)
    if (name, damage) in (("model.safetensors", "missing"), ("optimizer.bin", "missing")):
        return  # a script may save a state without a model or without an optimizer
    verdict = judge(path)
    assert verdict.state is Soundness.INCOMPLETE
    assert name in verdict.reason


def test_a_zeroed_tail_of_a_torch_file_is_found_without_hashes(sealed: Path) -> None:
    made.DAMAGES["zeroed tail"](sealed / "optimizer.bin")
    assert judge(sealed).reason == "optimizer.bin: the zip directory at its end is cut off or damaged"


def test_a_file_that_is_larger_than_its_manifest_says_is_damaged(sealed: Path) -> None:
    with (sealed / "scheduler.bin").open("ab") as file:
        file.write(b"more")
    verdict = judge(sealed)
    assert (verdict.state, verdict.is_usable) == (Soundness.DAMAGED, False)
    assert verdict.reason.startswith("scheduler.bin has ")


def test_a_broken_structure_of_the_right_size_is_damaged(sealed: Path) -> None:
    made.DAMAGES["zeroed tail"](sealed / "optimizer.bin")
    assert judge(sealed).state is Soundness.DAMAGED


def test_a_sealed_file_that_is_a_directory_is_damaged(sealed: Path) -> None:
    name = "optimizer.bin"
    (sealed / name).unlink()
    (sealed / name).mkdir()
    path = CheckpointLayout(sealed).manifest
    written = manifest.read(sealed)
    assert written
    before, after = f'"{name}": {written.files[name]}', f'"{name}": {(sealed / name).stat().st_size}'
    path.write_text(path.read_text().replace(before, after))
    assert judge(sealed).reason == f"{sealed / name} can't be read: Is a directory"
    assert judge(sealed).state is Soundness.DAMAGED


def test_hashes_of_another_save_and_damaged_ones_are_ignored(sealed: Path) -> None:
    add_hashes(sealed)
    made.torch_file(sealed / "optimizer.bin", b"other" * 100)
    made.seal(sealed, manifest_id="next")
    assert (judge(sealed, hashed=True).state, judge(sealed, hashed=True).is_hashed) == (Soundness.COMPLETE, False)
    CheckpointLayout(sealed).hashes.write_bytes(b"\0" * 100)
    assert judge(sealed, hashed=True).state is Soundness.COMPLETE


def test_the_progress_of_hashing_ends_at_all_bytes(sealed: Path) -> None:
    add_hashes(sealed)
    heard: list[tuple[int, int]] = []
    judge(sealed, hashed=True, on_progress=lambda done, total: heard.append((done, total)))
    written = manifest.read(sealed)
    assert written
    assert heard[-1] == (written.size_bytes, written.size_bytes)


def test_files_that_are_not_in_the_manifest_are_ignored(sealed: Path) -> None:
    (sealed / "notes.txt").write_text("mine")
    assert judge(sealed).state is Soundness.COMPLETE


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "", "."])
def test_paths_in_a_manifest_that_leave_the_checkpoint_are_not_followed(sealed: Path, name: str) -> None:
    path = CheckpointLayout(sealed).manifest
    path.write_text(path.read_text().replace('"model.safetensors"', f'"{name}"'))
    assert "is not a file of the checkpoint" in judge(sealed).reason


@pytest.mark.parametrize(
    ("paths", "why"),
    [
        (["model.safetensors", "config.json"], None),
        (["weights.pt"], None),
        ([], "it is empty"),
        (["model.safetensors", "optimizer.bin"], "random_states_0.pkl is missing: save_state writes it last"),
        (["model.safetensors", "random_states_1.pkl"], "random_states_0.pkl is missing: save_state writes it last"),
        (["pytorch_model/latest"], "random_states_0.pkl is missing: save_state writes it last"),
        (["model.safetensors", "optimizer.pt"], "trainer_state.json is missing: transformers resumes from it"),
        (["model.safetensors", "optimizer.pt", "trainer_state.json"], None),
        (["model.pt", "optimizer.pt"], None),
        (["a/__0_0.distcp", "b/__0_0.distcp", "a/.metadata"], "b/.metadata is missing: it is written last"),
        (["__0_0.distcp", ".metadata"], None),
    ],
)
def test_sets_of_files(paths: list[str], why: str | None) -> None:
    assert missing_file(paths) == why


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("pytorch_model.bin", b"\x80\x02}q\x00."),
        ("weights.pt", b"anything"),
        ("notes.txt", b""),
        ("extra.pkl", b"\x80\x04."),
    ],
)
def test_formats_that_cannot_be_checked_pass(tmp_path: Path, name: str, content: bytes) -> None:
    path = made.state(tmp_path / "c")
    (path / name).write_bytes(content)
    assert judge(path).state is Soundness.UNVERIFIED


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("optimizer.bin", b"\0" * 100),
        ("model.safetensors", b"\xff" * 100),
        ("model.safetensors", (2).to_bytes(8, "little") + b"[]"),
        ("model.safetensors", (8).to_bytes(8, "little") + b'{"w": 1}'),
        ("model.safetensors.index.json", b'{"weight_map": {"w": "model-2.safetensors"}}'),
    ],
)
def test_damaged_files_of_known_formats(tmp_path: Path, name: str, content: bytes) -> None:
    path = made.state(tmp_path / "c")
    (path / name).write_bytes(content)
    assert name in judge(path).reason
    assert judge(path).state is Soundness.INCOMPLETE


def test_a_missing_directory_is_incomplete(tmp_path: Path) -> None:
    verdict = judge(tmp_path / "none")
    assert verdict.reason.endswith("none can't be read: No such file or directory")
    assert verdict.state is Soundness.INCOMPLETE


def test_the_newest_usable_checkpoint_is_chosen_and_the_skipped_ones_are_reported(tmp_path: Path) -> None:
    for step in (1, 2, 3):
        made.seal(made.state(tmp_path / f"checkpoint-{step}"))
    made.DAMAGES["missing"](tmp_path / "checkpoint-3" / "optimizer.bin")
    choice = newest_complete(find(tmp_path))
    assert choice.chosen
    assert choice.chosen.path.name == "checkpoint-2"
    assert [(verdict.path.name, verdict.reason) for verdict in choice.skipped] == [
        ("checkpoint-3", "optimizer.bin is missing")
    ]
    assert newest_complete(()).chosen is None


def test_hostile_file_names_can_be_hashed(tmp_path: Path) -> None:
    path = made.state(tmp_path / "c")
    for name in ("a\nb", "back\\slash", "\\n", "two  spaces", "\udcff"):
        (path / name).write_text(name, errors="surrogateescape")
    written = made.seal(path)
    add_hashes(path)
    assert set(hashes.read(path, written) or {}) == set(written.files)
    assert judge(path, hashed=True).state is Soundness.COMPLETE


@pytest.mark.parametrize(
    "name", ["ckpt.pt", "last.pth.tar", "epoch=3-step=99.ckpt", "model_9.pth", "state_9.pkl", "c.npz"]
)
@pytest.mark.parametrize("damage", ["cut in half", "empty"])
def test_a_single_file_is_checked_by_its_structure(tmp_path: Path, name: str, damage: str) -> None:
    path = tmp_path / name
    made.torch_file(path)
    assert judge(path).state is Soundness.UNVERIFIED
    made.DAMAGES[damage](path)
    assert judge(path).state is Soundness.INCOMPLETE


@pytest.mark.parametrize(
    ("name", "content", "state"),
    [
        ("ckpt.pt", b"{}", Soundness.UNVERIFIED),
        ("ckpt.pt", b"P", Soundness.INCOMPLETE),
        ("ckpt.pt", b"PK\x03", Soundness.INCOMPLETE),
        ("state_9.pkl", b"\x80\x04N.", Soundness.UNVERIFIED),
        ("state_9.pkl", b"\x80\x04\x95\x10\0", Soundness.INCOMPLETE),
        ("old.pt", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02", Soundness.UNVERIFIED),
        ("ck-9.msgpack", b"\x81", Soundness.UNVERIFIED),
        ("ck-9.msgpack", b"", Soundness.INCOMPLETE),
        ("w.h5", b"\x89HDF\r\n\x1a\n\0" + bytes(31) + (48).to_bytes(8, "little"), Soundness.UNVERIFIED),
        ("w.h5", b"\x89HDF\r\n\x1a\n\0" + bytes(31) + (49).to_bytes(8, "little"), Soundness.INCOMPLETE),
        ("w.safetensors", (8).to_bytes(8, "little") + b"{}", Soundness.INCOMPLETE),
    ],
)
def test_formats_of_single_files(tmp_path: Path, name: str, content: bytes, state: Soundness) -> None:
    (tmp_path / name).write_bytes(content)
    assert judge(tmp_path / name).state is state


def test_a_single_optimizer_file_has_no_required_companions(tmp_path: Path) -> None:
    (tmp_path / "checkpoint-3").mkdir()
    made.torch_file(tmp_path / "checkpoint-3" / "optimizer.pt")
    assert judge(tmp_path / "checkpoint-3").state is Soundness.UNVERIFIED
