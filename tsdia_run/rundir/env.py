"""The names of all environment variables of tsdia-run (pure).

The supervisor sets the variables of an attempt for its script. ``training/boot/repeated_names.py`` repeats the names
that it reads.
"""

from __future__ import annotations

# A training receives no variable with this prefix from the environment, except TRUSTED_DIRS.
PREFIX = "TSDIA_RUN_"
# The prefix of a variable that sets a flag or a setting.
OPTION_PREFIX = f"{PREFIX}OPT_"

RUN_ID = f"{PREFIX}ID"
RUN_NAME = f"{PREFIX}NAME"
RUN_DIR = f"{PREFIX}DIR"
ATTEMPT = f"{PREFIX}ATTEMPT"
# The config that the script receives; not set without a config.
CONFIG = f"{PREFIX}CONFIG"
# The checkpoint to resume from; not set when the training starts from the beginning.
CHECKPOINT = f"{PREFIX}CHECKPOINT"
# The names of the hooks, separated by commas; not set without hooks.
HOOKS = f"{PREFIX}HOOKS"
# For the first ``wandb.init`` of the main rank.
WANDB_ID = f"{PREFIX}WANDB_ID"
WANDB_NAME = f"{PREFIX}WANDB_NAME"
# The descriptor of the lock ``alive``, for a script that replaces its process by another program.
ALIVE_FD = f"{PREFIX}ALIVE_FD"
# The process id of the supervisor that started this process for itself: a relay, a hasher, git. A training has none.
SUPERVISOR = f"{PREFIX}SUPERVISOR"
# The beginning of the names of the facts that the command of a notification receives.
NOTIFY_PREFIX = f"{PREFIX}NOTIFY_"
# Set by the user: folders, separated by colons, whose files may set what runs although another user could write them.
TRUSTED_DIRS = f"{PREFIX}TRUSTED_DIRS"
