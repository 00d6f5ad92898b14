"""The usual names of the run directory and of the checkpoint to resume from, in configs and as options (pure).

The most certain name is first.
"""

from __future__ import annotations

RUN_DIR_NAMES = (
    "output_dir",
    "out_dir",
    "outdir",
    "output_directory",
    "default_root_dir",
    "run_dir",
    "rundir",
    "save_dir",
    "savedir",
    "work_dir",
    "workdir",
    "exp_dir",
    "expdir",
    "experiment_dir",
    "results_dir",
    "result_dir",
    "checkpoint_dir",
    "checkpoints_dir",
    "ckpt_dir",
    "project_dir",
)
RESUME_NAMES = (
    "resume_from_checkpoint",
    "resume_from_ckpt",
    "resume_from",
    "resume_checkpoint",
    "resume_checkpoint_path",
    "resume_ckpt",
    "resume_ckpt_path",
    "resume_path",
    "resume_file",
    "resume_dir",
    "ckpt_path",
    "resume",
    "resume_training",
    "auto_resume",
)
# The sections in which these names have this meaning; in others, such as `data`, they have another one.
SECTIONS = (
    "",
    "training",
    "train",
    "trainer",
    "training_args",
    "training_arguments",
    "trainer_args",
    "checkpoint",
    "checkpointing",
    "checkpoints",
    "experiment",
    "exp",
    "run",
    "general",
    "paths",
    "output",
    "logging",
    "args",
)


def is_in_section(key: str) -> bool:
    """Return whether the last part of a dotted key has its usual meaning in its section."""
    return key.rpartition(".")[0].rpartition(".")[2].lower() in SECTIONS
