"""Every environment variable of tsdia-run, spelled once (pure).

The supervisor sets those of an attempt for its script; ``training/boot/repeated_names.py`` repeats what it reads.
"""

from __future__ import annotations

# Variables with this prefix don't reach a script that an outer tsdia-run started.
PREFIX = "TSDIA_RUN_"
# Before the name of a flag or setting: its value from the environment.
OPTION_PREFIX = f"{PREFIX}OPT_"

RUN_ID = f"{PREFIX}ID"
RUN_NAME = f"{PREFIX}NAME"
RUN_DIR = f"{PREFIX}DIR"
ATTEMPT = f"{PREFIX}ATTEMPT"
# The config as the script gets it; absent if it gets none.
CONFIG = f"{PREFIX}CONFIG"
# The checkpoint to resume from; absent from the start.
CHECKPOINT = f"{PREFIX}CHECKPOINT"
# The names of the hooks, with commas; absent without hooks.
HOOKS = f"{PREFIX}HOOKS"
# For the first ``wandb.init`` of the main rank.
WANDB_ID = f"{PREFIX}WANDB_ID"
WANDB_NAME = f"{PREFIX}WANDB_NAME"
# From a script that replaces its process to the one after it: the descriptor of the lock ``alive``.
ALIVE_FD = f"{PREFIX}ALIVE_FD"
