"""The quickstart script without tsdia-run, in real processes: its output, its files, and how it resumes."""

from __future__ import annotations

import ast
import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pexpect
import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPT = REPOSITORY / "tsdia_run" / "examples" / "char_lm.py"
QUICKSTART = REPOSITORY / "configs" / "quickstart.yml"
LIMIT_S = 120

# 3 epochs of 50 steps: every other checkpoint is in the middle of an epoch, the others are at its end.
SMALL: dict[str, dict[str, Any]] = {
    "model": {"embedding_size": 16, "hidden_size": 48},
    "data": {"files": ["argparse.py"], "max_length": 27_041, "sequence_length": 32},
    "training": {"epochs": 3, "batch_size": 16},
}
INTERVALS = {"checkpoint": 25, "logging": 1, "validation": 25}

Losses = dict[tuple[str, int], float]


@dataclass(frozen=True)
class Finished:
    """A run of the script that exited with 0."""

    save_dir: Path
    out: str
    err: str

    @property
    def sample(self) -> str:
        return self.out.partition("sample of the model's output:\n\n")[2]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Use one thread on the CPU, and no Accelerate config of the user."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ACCELERATE_", "TSDIA_"))}
    hf_home = str(tmp_path_factory.mktemp("hf_home"))
    return kept | {"ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1", "HF_HOME": hf_home}


def write_config(save_dir: Path, resume: Path | None = None) -> Path:
    """Write the shipped config with a small budget and return its path."""
    config = yaml.safe_load(QUICKSTART.read_text(encoding="utf-8"))
    for section, values in SMALL.items():
        config[section] |= values
    for section, interval in INTERVALS.items():
        config["training"][section]["interval"] = interval
    config["training"]["checkpoint"] |= {"save_dir": str(save_dir), "resume": str(resume) if resume else None}
    path = save_dir.with_suffix(".yml")
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


def run(save_dir: Path, environment: dict[str, str], *start: str, resume: Path | None = None) -> Finished:
    """Run the script until it exits; ``start`` is the command before ``--config``."""
    argv = [sys.executable, *(start or (str(SCRIPT),)), "--config", str(write_config(save_dir, resume))]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stderr
    return Finished(save_dir, done.stdout, done.stderr)


def event_files(save_dir: Path) -> set[Path]:
    return set(save_dir.glob("char_lm/events.out.tfevents.*"))


def read_losses(events: Path) -> Losses:
    """Return every logged value exactly."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accumulator = EventAccumulator(str(events), size_guidance={"scalars": 0}).Reload()
    tags = ("train/loss", "train/learning_rate", "validation/loss")
    return {(tag, event.step): event.value for tag in tags for event in accumulator.Scalars(tag)}


def after(step: int, losses: Losses) -> Losses:
    return {(tag, at): value for (tag, at), value in losses.items() if at > step}


def train_until_saved(name: str, save_dir: Path, environment: dict[str, str]) -> None:
    """Start the script and kill it as soon as it prints that the checkpoint ``name`` is saved."""
    argv = [sys.executable, str(SCRIPT), "--config", str(write_config(save_dir))]
    with subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            if line == f"saved {save_dir / name}\n":
                process.kill()
                break
    assert process.returncode == -9


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> Finished:
    return run(tmp_path_factory.mktemp("uninterrupted") / "run", environment)


def test_checkpoints_are_named_after_epoch_and_step(uninterrupted: Finished) -> None:
    names = {path.name for path in uninterrupted.save_dir.glob("checkpoint-*")}
    assert names == {f"checkpoint-epoch{(step + 49) // 50}-step{step}" for step in (25, 50, 75, 100, 125, 150)}


def test_both_losses_fall(uninterrupted: Finished) -> None:
    losses = read_losses(*event_files(uninterrupted.save_dir))
    assert losses["train/loss", 150] < losses["train/loss", 1] - 1
    assert losses["validation/loss", 150] < losses["validation/loss", 25]


def test_a_pipe_gets_clean_lines_and_no_warning(uninterrupted: Finished) -> None:
    assert uninterrupted.err == ""
    lines = uninterrupted.out.splitlines()
    assert lines[0] == "150 steps on 1 x cpu"
    assert sum("validation loss" in line for line in lines) == 6
    assert "\r" not in uninterrupted.out


def test_the_sample_is_plain_ascii(uninterrupted: Finished) -> None:
    sample = uninterrupted.sample.rstrip("\n")
    assert sample.startswith("def ")
    assert sample.isascii()
    assert sample.replace("\n", "").isprintable()


def test_a_killed_run_resumes_bit_for_bit_in_the_middle_of_an_epoch(
    uninterrupted: Finished, tmp_path: Path, environment: dict[str, str]
) -> None:
    save_dir = tmp_path / "run"
    train_until_saved("checkpoint-epoch2-step75", save_dir, environment)
    before = event_files(save_dir)

    resumed = run(save_dir, environment, resume=save_dir / "checkpoint-epoch2-step75")

    expected = after(75, read_losses(*event_files(uninterrupted.save_dir)))
    assert read_losses(*(event_files(save_dir) - before)) == expected
    assert_same_end(resumed, uninterrupted)


def test_a_run_resumes_bit_for_bit_at_the_end_of_an_epoch(
    uninterrupted: Finished, tmp_path: Path, environment: dict[str, str]
) -> None:
    resumed = run(tmp_path / "run", environment, resume=uninterrupted.save_dir / "checkpoint-epoch1-step50")

    expected = after(50, read_losses(*event_files(uninterrupted.save_dir)))
    assert read_losses(*event_files(resumed.save_dir)) == expected
    assert_same_end(resumed, uninterrupted)


def assert_same_end(one: Finished, other: Finished) -> None:
    model = Path("checkpoint-epoch3-step150", "model.safetensors")
    assert (one.save_dir / model).read_bytes() == (other.save_dir / model).read_bytes()
    assert one.sample == other.sample


def test_two_ranks_share_the_steps_and_print_each_line_once(tmp_path: Path, environment: dict[str, str]) -> None:
    launch = ("-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1")
    with socket.socket() as free:  # torch 2.0 does not accept 0 for any free port
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    extra = ("--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", port)
    finished = run(tmp_path / "run", environment, *launch, *extra, str(SCRIPT))

    assert finished.out.splitlines()[0] == "75 steps on 2 x cpu"
    assert finished.out.count("saved ") == 3
    checkpoint = finished.save_dir / "checkpoint-epoch3-step75"
    assert {path.name for path in checkpoint.glob("random_states_*")} == {"random_states_0.pkl", "random_states_1.pkl"}
    assert len(event_files(finished.save_dir)) == 1


def test_without_tensorboard_it_trains_and_prints_a_note(tmp_path: Path, environment: dict[str, str]) -> None:
    hide = "import runpy, sys; sys.modules['tensorboard'] = sys.modules['tensorboardX'] = None; "
    code = f"{hide}sys.argv[0] = {str(SCRIPT)!r}; runpy.run_path(sys.argv[0], run_name='__main__')"
    finished = run(tmp_path / "run", environment, "-c", code)

    assert finished.out.startswith("tensorboard is not installed")
    assert "step  150/150" in finished.out
    assert not event_files(finished.save_dir)


def test_a_terminal_shows_a_bar_with_the_loss(tmp_path: Path, environment: dict[str, str]) -> None:
    argv = [str(SCRIPT), "--config", str(write_config(tmp_path / "run"))]
    terminal = pexpect.spawn(sys.executable, argv, env=environment, timeout=LIMIT_S, encoding="utf-8")
    terminal.expect(r"25/150.*loss=\d\.\d{3}")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0


def test_it_imports_nothing_from_tsdia_run() -> None:
    nodes = list(ast.walk(ast.parse(SCRIPT.read_text(encoding="utf-8"))))
    imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "." for node in nodes if isinstance(node, ast.ImportFrom)}
    assert "accelerate" in imported
    assert not [name for name in imported if name.startswith((".", "tsdia_run"))]
