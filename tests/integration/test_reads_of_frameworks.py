"""Reads and writes of torch, safetensors and Accelerate are detected, on one rank and on two."""

from __future__ import annotations

import json
from inspect import signature
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.support.reading import Done, resume
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.metrics_series import Point, Series
from tsdia_run.rundir.metrics_summary import Summary
from tsdia_run.rundir.summary_file import save

# Like transformers.Trainer._save_checkpoint.
TRAINER = """
import json, torch
from safetensors.torch import load_file, save_file
def save_checkpoint(step):
    folder = os.path.join(OUT, f"checkpoint-{step}")
    os.makedirs(folder, exist_ok=True)
    save_file({"w": torch.full((3,), float(step))}, os.path.join(folder, "model.safetensors"))
    torch.save({"lr": 0.1}, os.path.join(folder, "optimizer.pt"))
    with open(os.path.join(folder, "trainer_state.json"), "w") as file:
        json.dump({"global_step": step}, file)
"""
ACCELERATE = """
import torch
from accelerate import Accelerator
accelerator = Accelerator(cpu=True, project_dir=OUT)
model = accelerator.prepare(torch.nn.Linear(4, 4))
"""


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """A run with two checkpoints of a Trainer, and one checkpoint that is a file."""
    root = tmp_path / "exp"
    for step in (100, 200):
        folder = root / f"checkpoint-{step}"
        folder.mkdir(parents=True)
        save_file({"w": torch.full((3,), -1.0)}, folder / "model.safetensors")
        torch.save({"lr": 0.1}, folder / "optimizer.pt")
        (folder / "trainer_state.json").write_text(json.dumps({"global_step": step}))
    torch.save({"model": torch.full((3,), -1.0)}, root / "ckpt.pt")
    return root


def saved(root: Path) -> dict[str, bytes]:
    """Return the contents of all checkpoints."""
    paths = [*root.glob("checkpoint-*/*"), *root.glob("*.pt")]
    return {str(path.relative_to(root)): path.read_bytes() for path in paths}


def assert_untouched(done: Done, root: Path, before: dict[str, bytes], lost: str) -> None:
    assert done.code == 1, done.err
    assert (done.answer, (done.refusal or "").rpartition("overwritten ")[2]) == ("not read", lost)
    assert {name: saved(root)[name] for name in before} == before


@pytest.mark.parametrize(
    "script",
    [
        'torch.save({}, OUT + "/ckpt.pt")',
        'torch.save({}, f=OUT + "/ckpt.pt")',
        'import pathlib; torch.save({}, pathlib.Path(OUT, "ckpt.pt"))',
        'torch.save({}, OUT + "/ckpt.pt", _use_new_zipfile_serialization=False)',
        'torch.save({}, OUT + "/tmp.pt"); os.replace(OUT + "/tmp.pt", OUT + "/ckpt.pt")',
        'from safetensors.torch import save_file; save_file({"w": torch.zeros(3)}, OUT + "/ckpt.pt")',
        'torch.save({}, OUT + "/best.pt"); torch.load(OUT + "/best.pt"); torch.save({}, OUT + "/ckpt.pt")',
    ],
)
def test_torch_and_safetensors_do_not_overwrite_an_unread_file(trained: Path, script: str) -> None:
    before = saved(trained)
    assert_untouched(resume(trained, "ckpt.pt", f"import torch\n{script}"), trained, before, "it")


def test_a_trainer_that_starts_from_zero_is_stopped_when_it_would_overwrite_a_checkpoint(trained: Path) -> None:
    before = saved(trained)
    done = resume(trained, "checkpoint-200", TRAINER + "for step in (50, 100, 150): save_checkpoint(step)")
    assert_untouched(done, trained, before, "checkpoint-100")
    text = "this attempt resumed from checkpoint-200 and now saves checkpoint-50, which is earlier"
    assert done.warnings == (text,)
    assert not (trained / "checkpoint-150").exists()


@pytest.mark.parametrize(
    ("checkpoint", "read"),
    [
        ("checkpoint-200", 'load_file(CKPT + "/model.safetensors")'),
        ("checkpoint-200", 'from safetensors import safe_open; safe_open(CKPT + "/model.safetensors", "pt")'),
        ("checkpoint-200", 'torch.load(CKPT + "/optimizer.pt")'),
        ("ckpt.pt", "torch.load(CKPT)"),
        pytest.param(
            "ckpt.pt",
            "torch.load(CKPT, mmap=True)",
            marks=pytest.mark.skipif("mmap" not in signature(torch.load).parameters, reason="torch 2.0 maps no file"),
        ),
        (
            "ckpt.pt",
            "import torch.multiprocessing as mp; p = mp.get_context('fork').Process(target=torch.load, args=(CKPT,));"
            " p.start(); p.join()",
        ),
    ],
)
def test_reads_by_frameworks_are_detected(trained: Path, checkpoint: str, read: str) -> None:
    save_again = "save_checkpoint(100); save_checkpoint(200); torch.save({}, OUT + '/ckpt.pt')"
    done = resume(trained, checkpoint, f"{TRAINER}\n{read}\n{save_again}")
    assert (done.code, done.answer, done.refusal) == (0, "read", None), done.err


@pytest.mark.parametrize("ranks", [1, 2])
def test_save_state_does_not_overwrite_an_unread_checkpoint(tmp_path: Path, ranks: int) -> None:
    root = tmp_path / "exp"
    root.mkdir()
    save_both = 'accelerator.save_state(OUT + "/step_1"); accelerator.save_state(OUT + "/step_2")'
    first = resume(root, "none", ACCELERATE + save_both, ranks=ranks)
    assert first.code == 0, first.err
    before = {path: path.read_bytes() for path in root.glob("step_*/*")}
    done = resume(root, "step_2", ACCELERATE + 'accelerator.save_state(OUT + "/step_1")', ranks=ranks)
    assert done.code != 0, done.err
    assert done.refusal == (
        "the script did not read step_2, the checkpoint to resume from, and would have overwritten step_1"
    )
    assert {path: path.read_bytes() for path in root.glob("step_*/*")} == before


@pytest.mark.parametrize("rank", [0, 1])
def test_a_read_by_one_rank_counts_for_all_ranks(tmp_path: Path, rank: int) -> None:
    root = tmp_path / "exp"
    (root / "step_2").mkdir(parents=True)
    save_file({"w": torch.zeros(3)}, root / "step_2" / "model.safetensors")
    script = f"""{ACCELERATE}
from safetensors.torch import load_file
if accelerator.process_index == {rank}:
    load_file(CKPT + "/model.safetensors")
accelerator.wait_for_everyone()
accelerator.save_state(OUT + "/step_2")
"""
    done = resume(root, "step_2", script, ranks=2)
    assert (done.code, done.answer, done.refusal) == (0, "read", None), done.err


def test_load_state_counts_as_a_read_and_automatic_naming_is_refused_before_it(tmp_path: Path) -> None:
    root = tmp_path / "exp"
    root.mkdir()
    automatic = ACCELERATE.replace(
        "project_dir=OUT", "project_config=ProjectConfiguration(OUT, automatic_checkpoint_naming=True, total_limit=1)"
    ).replace("import torch\n", "import torch\nfrom accelerate.utils import ProjectConfiguration\n")
    first = resume(root, "none", automatic + "accelerator.save_state()")
    assert first.code == 0, first.err
    done = resume(root, "checkpoints/checkpoint_0", automatic + "accelerator.save_state()")
    assert (done.refusal or "").endswith("would have overwritten it"), done.err
    # With a limit that would remove the checkpoint, it is kept until the script reads it.
    kept = "accelerator.project_configuration.iteration = 1; accelerator.save_state()"
    done = resume(root, "checkpoints/checkpoint_0", automatic + kept)
    assert (done.code, "is kept: the script did not read the one to resume from" in done.err) == (0, True), done.err
    assert (root / "checkpoints" / "checkpoint_0" / "model.safetensors").exists()
    done = resume(root, "checkpoints/checkpoint_0", automatic + "accelerator.load_state(); accelerator.save_state()")
    assert (done.code, done.answer) == (0, "read"), done.err


@pytest.mark.parametrize(
    ("history", "logged", "is_warned"),
    [
        ({"loss": 200}, {"loss": 1}, True),
        ({"loss": 350}, {"loss": 101}, True),
        ({"loss": 350}, {"loss": 200}, False),
        ({"loss": 350}, {"loss": 201}, False),
        ({"loss": 350, "val": 3}, {"val": 3}, False),  # logged per epoch
        ({"loss": 350, "val": 3}, {"val": 0}, True),
        ({"loss": 350}, {"new": 1}, False),  # no earlier value to compare with
        ({}, {"loss": 1}, True),
    ],
)
def test_a_first_step_before_the_checkpoint_causes_a_warning(
    tmp_path: Path, history: dict[str, int], logged: dict[str, int], is_warned: bool
) -> None:
    root = tmp_path / "exp"
    folder = root / "checkpoint-epoch2-step200"
    folder.mkdir(parents=True)
    save_file({"w": torch.zeros(3)}, folder / "model.safetensors")
    series = {name: Series(count=1, last=Point(step, 0.5, 0, 1.0)) for name, step in history.items()}
    layout = RunLayout(root)
    layout.own.mkdir()
    save(Summary(series=series), layout.metrics_summary)
    ((name, step),) = logged.items()
    script = f'accelerator.log({{"{name}": 0.5}}, step={step}); accelerator.log({{"{name}": 0.5}}, step={step + 1})'
    done = resume(root, folder.name, ACCELERATE + script, hooks="checkpoints,metrics")
    text = f"the first logged step is {step}, but checkpoint-epoch2-step200 was saved at"
    assert done.code == 0, done.err
    assert [one[: len(text)] for one in done.warnings] == ([text] if is_warned else [])
    assert done.err.count(text) == is_warned


def test_a_save_without_a_step_in_its_name_is_compared_by_the_logged_step(tmp_path: Path) -> None:
    root = tmp_path / "exp"
    root.mkdir()
    log_and_save = 'accelerator.log({"loss": 1.0}, step=STEP); accelerator.save_state(OUT + "/latest")'
    assert resume(root, "none", ACCELERATE + log_and_save.replace("STEP", "90")).code == 0
    load = 'accelerator.load_state(OUT + "/latest")\n'
    done = resume(root, "latest", ACCELERATE + load + log_and_save.replace("STEP", "10"))
    assert done.code == 0, done.err
    text = "this attempt resumed from latest at step 90 and now saves latest at step 10, which is earlier"
    assert text in done.warnings, done.err
