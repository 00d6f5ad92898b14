"""Choose which options of a script carry its config, output directory and checkpoint (pure)."""

from __future__ import annotations

import os.path
from collections.abc import Iterable, Iterator, Sequence

from tsdia_run.config.usual_names import RESUME_NAMES, RUN_DIR_NAMES, is_in_section
from tsdia_run.scripts.forms import MODES, form_of
from tsdia_run.scripts.interface import Passing
from tsdia_run.scripts.reach import Part
from tsdia_run.scripts.script_option import Option, Takes

_CONFIG_NAMES = (
    "config",
    "config_file",
    "config_path",
    "cfg",
    "cfg_file",
    "cfg_path",
    "conf",
    "config_yaml",
    "config_yml",
    "yaml_config",
    "yaml",
    "yaml_file",
    "yaml_path",
    "conf_file",
)
# As options, but not as keys of a config.
_MORE_RUN_DIR_NAMES = (
    "output_path",
    "output_folder",
    "out_path",
    "out_folder",
    "save_path",
    "save_folder",
    "save_to",
    "log_dir",
    "logdir",
    "logging_dir",
    "model_dir",
    "output",
    "out",
)
_MORE_RESUME_NAMES = (
    "load_checkpoint",
    "load_from_checkpoint",
    "load_ckpt",
    "load_from_ckpt",
    "restore_from",
    "restore_checkpoint",
    "restore_ckpt",
    "restore",
    "restart_from",
    "restart",
    "continue_from",
    "continue_training",
    "from_checkpoint",
    "checkpoint_path",
    "checkpoint_file",
    "checkpoint",
    "ckpt",
    "load",
    "load_path",
    *MODES,
)
_OUTPUTS = (*RUN_DIR_NAMES, *_MORE_RUN_DIR_NAMES)
_CHECKPOINTS = (*RESUME_NAMES, *_MORE_RESUME_NAMES)
_NO_CHECKPOINT = (None, "", False, "none", "None", "null", "scratch")


def config_option(options: Sequence[Option], command: str) -> Option | None:
    """Return the option that takes a config file."""
    of_command = _of_command(options, command)
    own = [one for one in of_command if one.takes is Takes.VALUE and not one.choices and one.position in (None, 0)]
    declared = next((one for one in own if one.is_config), None)
    return declared or next(_named(own, _CONFIG_NAMES), None)


def output_option(options: Sequence[Option], command: str, before: Option | None) -> Option | None:
    """Return the option that takes the directory to which the script writes.

    Args:
        options: The options of the script.
        command: The sub-command that the user gives; empty for none.
        before: The positional argument that the arguments have already, if any.
    """
    own = (one for one in _of_command(options, command) if one.takes is Takes.VALUE and not one.choices)
    first = 0 if before is None or before.position is None else before.position + 1
    usable = [one for one in own if one.position in (None, first) and not _is_file(one.default)]
    return next(_named(usable, _OUTPUTS), None)


def checkpoint_passing(options: Sequence[Option], command: str, parts: Sequence[Part]) -> Passing | None:
    """Return how the script takes the checkpoint of a resume: by the most certain option that takes one."""
    own = [one for one in _of_command(options, command) if one.takes is not Takes.NUMBER]
    usable = [one for one in own if one.position is None and not one.is_required and one.default in _defaults(one)]
    for option in _named(usable, _CHECKPOINTS):
        form, value = form_of(option, parts)
        if value or option.takes is Takes.SWITCH:
            return Passing(option.words(value), option.place, form, is_of_command=bool(option.command))
    return None


def passing(option: Option | None, value: str) -> Passing | None:
    """Return the words that pass a value by an option."""
    return None if option is None else Passing(option.words(value), option.place, is_of_command=bool(option.command))


def commands(options: Iterable[Option]) -> tuple[str, ...]:
    """Return the sub-commands of a script that have options."""
    return tuple(dict.fromkeys(one.command for one in options if one.command))


def _defaults(option: Option) -> tuple[object, ...]:
    """Return the defaults with which an option names no checkpoint; a sure name may have any."""
    return (option.default,) if option.key in RESUME_NAMES else _NO_CHECKPOINT


def _of_command(options: Sequence[Option], command: str) -> list[Option]:
    """Return the options of a sub-command and of the whole script."""
    return [one for one in options if one.command in ("", command)]


def _named(options: Sequence[Option], names: Sequence[str]) -> Iterator[Option]:
    """Yield the options with usual names, the most certain name first, and options outside of sections first."""
    known = [one for one in options if one.key.replace("-", "_") in names and is_in_section(one.name)]
    known.sort(key=lambda one: (names.index(one.key.replace("-", "_")), one.name.count(".")))
    yield from known


def _is_file(default: object) -> bool:
    return isinstance(default, str) and os.path.splitext(default)[1] != "" and not default.endswith(".")
