"""Read a command line that starts with ``python``, ``accelerate launch``, ``torchrun`` or ``deepspeed`` (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import PurePath

# The flags of `accelerate launch` that take no value. Source: `launch_command_parser` of Accelerate 0.26 to 1.15.
ACCELERATE_SWITCHES = frozenset(
    "h help q quiet cpu multi_gpu tpu ipex use_xpu use_mps_device enable_cpu_affinity dynamo_use_fullgraph"
    " dynamo_use_dynamic dynamo_use_regional_compilation use_deepspeed use_fsdp use_parallelism_config use_megatron_lm"
    " same_network m module no_python tpu_cluster no_tpu_cluster tpu_use_sudo downcast_bf16 debug"
    " fp8_use_autocast_during_eval".split()
)
# The flags of `accelerate launch` that are settings of tsdia-run.
_SETTINGS = {name: f"accelerate.{name}" for name in ("num_processes", "mixed_precision", "config_file")}
_MODULE_FLAGS = ("m", "module")
_ACCELERATE_MODULES = ("accelerate.commands.launch",)

# Options of Python that have an environment variable, which the ranks inherit too.
_LETTERS = {"u": "PYTHONUNBUFFERED", "B": "PYTHONDONTWRITEBYTECODE", "O": "PYTHONOPTIMIZE"}
_X_OPTIONS = {"dev": "PYTHONDEVMODE", "faulthandler": "PYTHONFAULTHANDLER", "utf8": "PYTHONUTF8"}


class Kind(Enum):
    """What a command line starts."""

    SCRIPT = "a Python script"
    MODULE = "a Python module"
    PROGRAM = "another program"


@dataclass(frozen=True)
class LauncherCommand:
    """A command line that starts a script.

    Attributes:
        launcher: Its first word.
        kind: What it starts.
        target: The script, module or program; the first word if the launcher itself is the program; None without any.
        args: The arguments of the target.
        values: The settings that its flags set, by key.
        flags: The other flags of ``accelerate launch``.
        variables: The environment variables that Python's options stand for.
        name: The name of the script; None if it is not known.
        is_accelerate: Whether it is ``accelerate launch``, also as ``python -m accelerate.commands.launch``.
    """

    launcher: str
    kind: Kind
    target: str | None
    args: tuple[str, ...]
    values: Mapping[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    name: str | None = None
    is_accelerate: bool = False


def is_python(word: str) -> bool:
    """Return whether a launcher is a Python interpreter."""
    return PurePath(word).name.startswith("python")


def parse(words: Sequence[str]) -> LauncherCommand:
    """Read a command line.

    Args:
        words: Its words; the first one is a launcher.
    """
    launcher, *rest = words
    program = PurePath(launcher).name
    if program == "accelerate-launch" or (program == "accelerate" and rest[:1] == ["launch"]):
        return _accelerate(launcher, rest if program == "accelerate-launch" else rest[1:])
    if program == "accelerate":  # its other commands start no script
        return _accelerate(launcher, [])
    if is_python(launcher):
        return _python(launcher, rest)
    return _itself(launcher, rest)


def _itself(launcher: str, rest: Sequence[str]) -> LauncherCommand:
    """Return the launcher as the program: its words are not changed."""
    return LauncherCommand(launcher, Kind.PROGRAM, launcher, tuple(rest), name=_named_in(rest))


def _named_in(words: Sequence[str]) -> str | None:
    """Return the name of the first script or module in a command line."""
    for word, following in zip(words, (*words[1:], ""), strict=False):
        if word in ("-m", "--module") and following:
            return name_of_module(following)
        if word.endswith(".py"):
            return PurePath(word).stem
    return None


def name_of_module(module: str) -> str:
    """Return the last part of a module's name that is not ``__main__``."""
    return module.removesuffix(".__main__").rpartition(".")[2]


def _python(launcher: str, words: Sequence[str]) -> LauncherCommand:
    rest, variables = list(words), dict[str, str]()
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        letter, attached = option[1:2], option[2:]
        if letter in ("m", "W", "X"):
            value = attached or (rest.pop(0) if rest else "")
            if letter == "m" and value in _ACCELERATE_MODULES:
                return _accelerate(launcher, rest, variables)
            if letter == "m" and value:
                name = _named_in(rest) if value.startswith("torch.distributed.") else name_of_module(value)
                return LauncherCommand(launcher, Kind.MODULE, value, tuple(rest), variables=variables, name=name)
            if letter == "X" and value not in _X_OPTIONS:
                return _itself(launcher, words)
            _add(variables, _X_OPTIONS.get(value, "PYTHONWARNINGS"), "1" if letter == "X" else value)
        elif option[1:] and set(option[1:]) <= set(_LETTERS):
            for one in option[1:]:
                variables[_LETTERS[one]] = str(option.count("O")) if one == "O" else "1"
        else:  # such as -c, -i, -I: only Python itself knows them
            return _itself(launcher, words)
    if not rest:
        return LauncherCommand(launcher, Kind.SCRIPT, None, ())
    target, *args = rest
    return LauncherCommand(launcher, Kind.SCRIPT, target, tuple(args), variables=variables, name=PurePath(target).stem)


def _add(variables: dict[str, str], name: str, value: str) -> None:
    variables[name] = f"{variables[name]},{value}" if name == "PYTHONWARNINGS" and name in variables else value


def _accelerate(launcher: str, words: Sequence[str], variables: Mapping[str, str] | None = None) -> LauncherCommand:
    rest, values, flags, kind = list(words), dict[str, str](), list[str](), Kind.SCRIPT
    while rest and rest[0].startswith("-"):
        flag = rest.pop(0)
        name, equals, value = flag.lstrip("-").partition("=")
        name = name.replace("-", "_")
        has_next = name not in ACCELERATE_SWITCHES and not equals and bool(rest)
        following = [rest.pop(0)] if has_next else []
        if name in _SETTINGS:
            values[_SETTINGS[name]] = value if equals else "".join(following)
        elif name in _MODULE_FLAGS:
            kind = Kind.MODULE
        elif name == "no_python":
            kind = Kind.PROGRAM
        else:
            flags += [flag, *following]
    target = rest.pop(0) if rest else None
    return LauncherCommand(
        launcher,
        kind,
        target,
        tuple(rest),
        values,
        tuple(flags),
        variables or {},
        (name_of_module(target) if kind is Kind.MODULE else PurePath(target).stem) if target else None,
        is_accelerate=True,
    )
