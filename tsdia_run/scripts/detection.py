"""Detect how a script takes its config, output directory and checkpoint, from its source."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path

from tsdia_run.scripts import hydra, roles
from tsdia_run.scripts.built_options import built
from tsdia_run.scripts.forms import Form
from tsdia_run.scripts.interface import Interface, Passing
from tsdia_run.scripts.key_values import of_accesses, of_argv, of_nanogpt, uses_from_cli
from tsdia_run.scripts.option_calls import declared
from tsdia_run.scripts.reach import Part, reachable
from tsdia_run.scripts.script_option import Option, Place
from tsdia_run.scripts.syntax import PythonFile, read

_CONFIG_ALONE = re.compile(r"parse_(?:json|yaml)_file")
_FINDS_NEWEST = re.compile(r"(?:last|latest|newest)_(?:checkpoint|ckpt)\w*\(")


@dataclass(frozen=True)
class _Declared:
    """The options of a script, and the libraries that parse them."""

    libraries: tuple[str, ...]
    options: tuple[Option, ...]


def detect(script: Path, cwd: Path, extra_args: Sequence[str] = ()) -> Interface | None:
    """Return how a script takes what tsdia-run passes. The script is read, never run or imported.

    Args:
        script: The script.
        cwd: The working directory, the root of its modules.
        extra_args: The arguments that the user gives; the first one may be a sub-command.

    Returns:
        What was found; None if the script can't be read or parsed.
    """
    source = read(script, cwd)
    try:
        return None if source is None else _interface(source, cwd, extra_args)
    except RecursionError:  # an expression is nested too deeply
        return None


def _interface(source: PythonFile, cwd: Path, extra_args: Sequence[str]) -> Interface:
    parts = reachable(source, cwd)
    found = _declared(source, parts)
    commands = roles.commands(found.options)
    command = extra_args[0] if extra_args and extra_args[0] in commands else ""
    config = roles.config_option(found.options, command)
    output = roles.output_option(found.options, command, config)
    interface = Interface(
        source=source.shown,
        libraries=found.libraries,
        config=roles.passing(config, "{config}"),
        run_dir=roles.passing(output, "{output_dir}"),
        checkpoint=roles.checkpoint_passing(found.options, command, parts) or _found_by_script(parts),
        commands=commands,
    )
    if "hydra" in found.libraries:
        return _of_hydra(interface, source)
    alone = _first(parts, _CONFIG_ALONE)
    if "HfArgumentParser" in found.libraries and alone is not None:
        names = {option.name for option in found.options}
        return replace(
            interface,
            config=Passing(("{config}",), alone),
            only_config=True,
            run_dir_key="output_dir" if "output_dir" in names else None,
            resume_key="resume_from_checkpoint" if "resume_from_checkpoint" in names else None,
        )
    if "nanoGPT" in found.libraries:
        # The configurator applies its words in order: a config file, which comes first, would set the directory again.
        leading = tuple(takewhile(lambda word: word[:1] != "-", extra_args))
        return replace(interface, config=Passing(()), leads=True, leading=leading)
    return _with_command(interface, command)


def _declared(source: PythonFile, parts: Sequence[Part]) -> _Declared:
    main = hydra.main_of(source.tree) if "hydra" in source.text else None
    if main is not None:
        options = (*hydra.keys(source, main), *of_accesses(parts, "++"))
        return _Declared(("hydra",), options)
    found = [*built(parts), *declared(parts)]
    found += [("nanoGPT", one) for one in of_nanogpt(parts)]
    if uses_from_cli(parts):
        found += [("OmegaConf", one) for one in of_accesses(parts)]
    found = found or [("sys.argv", one) for one in of_argv(parts)]
    libraries = tuple(dict.fromkeys(library for library, _ in found))
    return _Declared(libraries, tuple(option for _, option in found))


def _of_hydra(interface: Interface, source: PythonFile) -> Interface:
    """Return the interface of a Hydra app: Hydra takes the directory, and the app's own config may name it too."""
    main = hydra.main_of(source.tree)
    place = Place(source.shown, main.lineno) if main is not None else None
    words = interface.run_dir.words if interface.run_dir and not interface.run_dir.words[0].startswith("++") else ()
    run_dir = Passing(("hydra.run.dir={output_dir}", *words), place)
    return replace(interface, config=Passing((), place), run_dir=run_dir)


def _found_by_script(parts: Sequence[Part]) -> Passing | None:
    """Return that nothing has to be passed, if a script without an option for it looks for its newest checkpoint."""
    place = _first(parts, _FINDS_NEWEST)
    return None if place is None else Passing((), place, Form.NONE)


def _first(parts: Sequence[Part], pattern: re.Pattern[str]) -> Place | None:
    """Return the first place that a pattern matches in the statements of a script, except in the head of a function."""
    for part in parts:
        for match in pattern.finditer(part.text):
            if "def " not in part.text[part.text.rfind("\n", 0, match.start()) + 1 : match.start()]:
                return Place(part.source.shown, part.line_at(match.start()))
    return None


def _with_command(interface: Interface, command: str) -> Interface:
    """Return an interface whose arguments surround a sub-command: its own options can only follow it."""
    passed = (interface.config, interface.run_dir, interface.checkpoint)
    if not any(one is not None and one.is_of_command for one in passed):
        return interface
    checkpoint = interface.checkpoint if interface.checkpoint and interface.checkpoint.is_of_command else None
    return replace(interface, checkpoint=checkpoint, leading=(command,))
