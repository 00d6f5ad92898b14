"""Presets: how well-known kinds of scripts take their config, output directory and checkpoint (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile

from tsdia_run.errors import ConfigError
from tsdia_run.scripts.forms import Form
from tsdia_run.scripts.interface import DEFAULT_CONFIG, Interface, Passing
from tsdia_run.text import nearest

_CONFIG = Passing(DEFAULT_CONFIG)
_OUTPUT_DIR = Passing(("--output_dir", "{output_dir}"))
_FROM_PATH = Passing(("--resume_from_checkpoint", "{checkpoint}"), form=Form.PATH)

PRESETS = {
    "accelerate": Interface("accelerate", config=_CONFIG, run_dir=_OUTPUT_DIR, checkpoint=_FROM_PATH),
    # A script with the Trainer reads a config file only if it is the single argument; one without takes flags.
    "transformers": Interface(
        "transformers",
        config=Passing(("{config}",)),
        run_dir=_OUTPUT_DIR,
        checkpoint=_FROM_PATH,
        only_config=True,
        run_dir_key="output_dir",
        resume_key="resume_from_checkpoint",
    ),
    "diffusers": Interface(
        "diffusers",
        config=_CONFIG,
        run_dir=_OUTPUT_DIR,
        checkpoint=Passing(("--resume_from_checkpoint", "{checkpoint_name}"), form=Form.NAME),
    ),
    # The configurator applies its words in order: a config file, which comes first, would set the directory again.
    "nanogpt": Interface(
        "nanogpt",
        config=Passing(()),
        run_dir=Passing(("--out_dir={output_dir}",)),
        checkpoint=Passing(("--init_from=resume",), form=Form.LATEST),
        leads=True,
    ),
    "hydra": Interface("hydra", config=Passing(()), run_dir=Passing(("hydra.run.dir={output_dir}",))),
    # timm writes to OUTPUT/EXPERIMENT, which would otherwise have the time in its name.
    "timm": Interface(
        "timm",
        config=_CONFIG,
        run_dir=Passing(("--output", "{output_dir}", "--experiment", "{run_name}")),
        checkpoint=Passing(("--resume", "{checkpoint}"), form=Form.PATH),
    ),
    "trl": Interface("trl", config=_CONFIG, run_dir=_OUTPUT_DIR, checkpoint=_FROM_PATH),
    "tsdia": Interface(
        "tsdia",
        config=_CONFIG,
        run_dir_key="training.checkpoint.save_dir",
        resume_key="training.checkpoint.resume",
    ),
}


def preset(name: str, extra_args: Sequence[str]) -> Interface:
    """Return the interface of a preset.

    Args:
        name: The setting ``preset``.
        extra_args: The arguments that the user gives.

    Raises:
        ConfigError: No preset has the name.
    """
    found = PRESETS.get(name)
    if found is None:
        near = nearest(name, PRESETS)
        meant = f"Did you mean {near}? " if near else ""
        raise ConfigError(f"unknown preset {name!r}", hint=f"{meant}Presets: {', '.join(PRESETS)}.")
    leading = tuple(takewhile(lambda word: not word.startswith("-"), extra_args)) if found.leads else ()
    return replace(found, source=f"the preset {name}", leading=leading)
