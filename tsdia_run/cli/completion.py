"""`tsdia-run completion`: completion for bash, zsh and fish.

The shell asks at each TAB and waits for the answer. Typer's own completion loads pydantic and rich, so this
module answers from the declared commands and the names of runs.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from tsdia_run.cli import bash_words, options
from tsdia_run.settings.launchers import is_launcher
from tsdia_run.text import shown

# The scripts below call this; it is answered before Typer parses anything.
ASK = "--words"

# Each candidate ends with NUL, since names may have line breaks. The bash of macOS (3.2) has no `mapfile`.
_SCRIPTS = {
    "bash": """\
_tsdia_run() {
    local word
    COMPREPLY=()
    while IFS= read -r -d '' word; do
        COMPREPLY+=("$word")
    done < <("${COMP_WORDS[0]}" completion --words bash "$2" "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
}
complete -o bashdefault -o default -F _tsdia_run tsdia-run
""",
    "zsh": """\
#compdef tsdia-run
_tsdia_run() {
    local -a found
    found=("${(@0)$("${(Q)words[1]}" completion --words zsh "${(@Q)words[1,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
    found=("${(@)found:#}")
    (( $#found )) && compadd -- "${found[@]}" || _files
}
compdef _tsdia_run tsdia-run
""",
    "fish": """\
complete -c tsdia-run -a '(tsdia-run completion --words fish (commandline -opc) \
(commandline -ct | string collect --allow-empty) 2>/dev/null | string split0)'
""",
}
_WHERE = {
    "bash": 'eval "$(tsdia-run completion bash)"   # in ~/.bashrc',
    "zsh": 'eval "$(tsdia-run completion zsh)"    # in ~/.zshrc, after compinit',
    "fish": "tsdia-run completion fish | source     # in ~/.config/fish/config.fish",
}
_TAKE_RUNS = frozenset({"resume", "stop", "wait", "info", "compare", "logs"})

Build = Callable[[Iterable[str]], typer.Typer]
Shell = Annotated[str, typer.Argument(metavar="bash|zsh|fish", help="The shell.")]


def completion(shell: Shell, debug: options.Debug = False) -> None:
    """Print a shell completion script.

    \b
    eval "$(tsdia-run completion bash)"      in ~/.bashrc
    eval "$(tsdia-run completion zsh)"       in ~/.zshrc, after compinit
    tsdia-run completion fish | source       in ~/.config/fish/config.fish
    """  # noqa: D301 - \b keeps the lines of a paragraph in the help
    from tsdia_run.errors import UsageError

    if shell not in _SCRIPTS:
        raise UsageError(f"unknown shell {shell!r}", hint="\n".join(_WHERE.values()))
    sys.stdout.write(_SCRIPTS[shell])


def answer(names: Sequence[str], build: Build, words: Sequence[str]) -> None:
    """Print the candidates, each ended by NUL; print nothing if the shell should complete file names.

    Args:
        names: The commands.
        build: Builds the command line with some of the commands.
        words: The shell, and what its script passes: bash the text that it will replace and the line up to the cursor;
            zsh and fish the words up to the cursor, starting with the program.
    """
    shell, *given = words
    if shell == "bash":
        replaced, line = given
        *before, typed = (word.value for word in bash_words.words(line))
        found = [bash_words.insertion(one, line, replaced) for one in candidates(names, build, before[1:], typed)]
    elif shell in _SCRIPTS:
        *before, typed = given
        typed = bash_words.words(typed)[-1].value if shell == "fish" else typed
        found = candidates(names, build, before[1:], typed)
    else:  # a script of version 0.1.0, in a shell that was open during the upgrade
        found = []
    sys.stdout.flush()
    sys.stdout.buffer.write(b"".join(os.fsencode(one) + b"\0" for one in found))


def candidates(names: Sequence[str], build: Build, before: Sequence[str], typed: str) -> list[str]:
    """Return the candidates for the word at the cursor.

    Args:
        names: The commands.
        build: Builds the command line with some of the commands.
        before: The words before it, without the program.
        typed: The beginning of the word.
    """
    name = next((word for word in before if not word.startswith("-")), None)
    if name is None:
        found: Iterable[str] = ("--help", "--version") if typed.startswith("-") else names
    elif name not in names or "--" in before or any(map(is_launcher, before[1:])):
        found = ()
    else:
        found = _after_command(build, name, before, typed)
    return [word for word in found if word.startswith(typed)]


def _after_command(build: Build, name: str, before: Sequence[str], typed: str) -> Iterable[str]:
    if typed.startswith("-") or before[-1].startswith("-"):
        command: Any = vars(typer.main.get_command(build([name])))["commands"][name]
        option = _option(command, before[-1])
        if option is not None and not getattr(option, "is_flag", False):
            return _values(before[-1], before)
        if typed.startswith("-"):
            return [*(word for param in command.params for word in param.opts if word.startswith("--")), "--help"]
    if name in _TAKE_RUNS:
        return _runs(typed)
    return _SCRIPTS if name == "completion" else ()


def _option(command: Any, word: str) -> Any:  # noqa: ANN401 - Typer does not export the classes of its parameters
    return next((param for param in command.params if word.startswith("-") and word in param.opts), None)


def _values(option: str, before: Sequence[str]) -> Iterable[str]:
    known: dict[str, Callable[[], Iterable[str]]] = {
        "--from": lambda: ["latest", "best", *_checkpoints_of(before)],
        "--state": _states,
        "--sort": _columns,
        "--columns": _columns,
        "--launcher": lambda: ("accelerate", "python"),
        "--mixed-precision": lambda: ("no", "fp16", "bf16", "fp8"),
        "--allow": lambda: ("model", "world-size"),
    }
    return known.get(option, tuple)()


def _states() -> Iterable[str]:
    from tsdia_run.report.rows import STATES

    return STATES


def _columns() -> Iterable[str]:
    from tsdia_run.report.columns import COLUMNS

    return [column.name for column in COLUMNS]


def _runs(typed: str) -> list[str]:
    """Return the names of runs, or the checkpoints of a run whose path was typed."""
    from tsdia_run.errors import TsdiaRunError
    from tsdia_run.report.places import is_run, places, run_dirs

    folder = os.path.dirname(typed)
    if folder and is_run(os.path.expanduser(folder)):
        return [f"{folder}/{name}" for name in _checkpoints(folder)]
    if folder:
        return []
    try:
        found = list(run_dirs(places()))
    except TsdiaRunError:  # the project file is invalid; the command itself reports it
        return []
    names = Counter(map(os.path.basename, found))
    return ["latest", *sorted(_word(path, is_only=names[os.path.basename(path)] == 1) for path in found)]


def _word(path: str, *, is_only: bool) -> str:
    """Return a run's name, or its path if other runs have this name or a command would read it as something else."""
    name = os.path.basename(path)
    is_name = is_only and not name.startswith(("-", "~")) and name != "latest"
    return name if is_name else shown(Path(path))


def _checkpoints_of(before: Sequence[str]) -> list[str]:
    from tsdia_run.errors import TsdiaRunError
    from tsdia_run.report.names import find_run
    from tsdia_run.report.places import places

    try:
        run = next((word for word in before[1:] if not word.startswith("-")), "latest")
        return _checkpoints(str(find_run(run, places())))
    except TsdiaRunError:
        return []


def _checkpoints(run_dir: str) -> list[str]:
    from tsdia_run.report.names import checkpoint_names

    return checkpoint_names(Path(run_dir).expanduser().absolute())
