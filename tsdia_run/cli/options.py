"""The options that commands share, each written once."""

from __future__ import annotations

from typing import Annotated

import typer

_ENV = "TSDIA_RUN_OPT_"

_WHAT = "What to run"
_WHERE = "Where"
_RANKS = "Ranks"
_ENDING = "How it ends"
_OUTPUT = "Output"

Entrypoint = Annotated[
    str | None,
    typer.Option(
        "--entrypoint",
        envvar=f"{_ENV}ENTRYPOINT",
        metavar="SCRIPT",
        rich_help_panel=_WHAT,
        help="The training script, or any executable. Default: train.py. Example: --entrypoint src/train.py",
    ),
]
Module = Annotated[
    str | None,
    typer.Option(
        "--module",
        envvar=f"{_ENV}MODULE",
        metavar="NAME",
        rich_help_panel=_WHAT,
        help="A module instead of a script, as with `python -m`. Example: --module mylab.train",
    ),
]
Python = Annotated[
    str | None,
    typer.Option(
        "--python",
        envvar=f"{_ENV}PYTHON",
        metavar="PATH",
        rich_help_panel=_WHAT,
        help="The interpreter. Default: the active environment's. Example: --python ~/envs/torch/bin/python",
    ),
]
ResumeArgs = Annotated[
    str | None,
    typer.Option(
        "--resume-args",
        envvar=f"{_ENV}RESUME_ARGS",
        metavar="ARGS",
        rich_help_panel=_WHAT,
        help="What the script gets in addition on a resume, quoted as for a shell. Empty: it finds its checkpoint"
        " itself. Example: --resume-args '--load {checkpoint}'",
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        envvar=f"{_ENV}SET",
        metavar="KEY=VALUE",
        rich_help_panel=_WHAT,
        help="A value for the config that the script gets; may be repeated. Example: --set training.epochs=20",
    ),
]
RunDir = Annotated[
    str | None,
    typer.Option(
        "--run-dir",
        envvar=f"{_ENV}RUN_DIR",
        metavar="PATH",
        rich_help_panel=_WHERE,
        help="The run directory. Default: the config's save_dir, else runs/CONFIG_STEM. Example: --run-dir /data/exp1",
    ),
]
Name = Annotated[
    str | None,
    typer.Option(
        "--name",
        envvar=f"{_ENV}NAME",
        metavar="NAME",
        rich_help_panel=_WHERE,
        help="Replaces the last part of the run directory. Example: --name exp-2",
    ),
]
MoveAside = Annotated[
    bool,
    typer.Option(
        "--move-aside",
        envvar=f"{_ENV}MOVE_ASIDE",
        rich_help_panel=_WHERE,
        help="Move what is in the run directory into .tsdia-trash beside it. Example: new config.yml --move-aside",
    ),
]
LauncherName = Annotated[
    str | None,
    typer.Option(
        "--launcher",
        envvar=f"{_ENV}LAUNCHER",
        metavar="accelerate|python",
        rich_help_panel=_RANKS,
        help="What starts the ranks. Default: accelerate. Example: --launcher python",
    ),
]
AccelerateConfig = Annotated[
    str | None,
    typer.Option(
        "--accelerate-config",
        envvar=f"{_ENV}ACCELERATE_CONFIG",
        metavar="FILE",
        rich_help_panel=_RANKS,
        help="The Accelerate config. Default: the one that Accelerate finds. Example: --accelerate-config fsdp.yaml",
    ),
]
NumProcesses = Annotated[
    int | None,
    typer.Option(
        "--num-processes",
        envvar=f"{_ENV}NUM_PROCESSES",
        min=1,
        metavar="N",
        rich_help_panel=_RANKS,
        help="The number of ranks. Example: --num-processes 2",
    ),
]
MixedPrecision = Annotated[
    str | None,
    typer.Option(
        "--mixed-precision",
        envvar=f"{_ENV}MIXED_PRECISION",
        metavar="no|fp16|bf16|fp8",
        rich_help_panel=_RANKS,
        help="As `accelerate launch` takes it. Example: --mixed-precision bf16",
    ),
]
Detach = Annotated[
    bool,
    typer.Option(
        "--detach",
        envvar=f"{_ENV}DETACH",
        rich_help_panel=_OUTPUT,
        help="Come back once the training has started; it goes on without a terminal. Example: new config.yml --detach",
    ),
]
MaxRestarts = Annotated[
    int | None,
    typer.Option(
        "--max-restarts",
        envvar=f"{_ENV}MAX_RESTARTS",
        min=0,
        metavar="N",
        rich_help_panel=_ENDING,
        help="After a failure, go on by itself from the newest whole checkpoint; give up after N attempts without a new"
        " one. Default: 0. Example: --max-restarts 3",
    ),
]
HangTimeout = Annotated[
    str | None,
    typer.Option(
        "--hang-timeout",
        envvar=f"{_ENV}HANG_TIMEOUT",
        metavar="TIME",
        rich_help_panel=_ENDING,
        help="End a training from which nothing is heard for so long. Default: never. Example: --hang-timeout 30m",
    ),
]
TimeLimit = Annotated[
    str | None,
    typer.Option(
        "--time-limit",
        envvar=f"{_ENV}TIME_LIMIT",
        metavar="TIME",
        rich_help_panel=_ENDING,
        help="Ask the training to stop after so long, as Ctrl-C does. Default: never. Example: --time-limit 11.5h",
    ),
]
NoPty = Annotated[
    bool,
    typer.Option(
        "--no-pty",
        envvar=f"{_ENV}NO_PTY",
        rich_help_panel=_OUTPUT,
        help="Pipes for the training, also where we have a terminal. Example: new config.yml --no-pty",
    ),
]
NoHooks = Annotated[
    bool,
    typer.Option(
        "--no-hooks",
        envvar=f"{_ENV}NO_HOOKS",
        rich_help_panel=_WHAT,
        help="Run the script bare: nothing of ours in its process. Example: new config.yml --no-hooks",
    ),
]
LogTimestamps = Annotated[
    bool,
    typer.Option(
        "--log-timestamps",
        envvar=f"{_ENV}LOG_TIMESTAMPS",
        rich_help_panel=_OUTPUT,
        help="Begin the lines of the log with their time. Example: new config.yml --log-timestamps",
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        envvar=f"{_ENV}DRY_RUN",
        rich_help_panel=_OUTPUT,
        help="Show what would be started, and write nothing. Example: new config.yml --dry-run",
    ),
]
Json = Annotated[
    bool,
    typer.Option(
        "--json",
        envvar=f"{_ENV}JSON",
        rich_help_panel=_OUTPUT,
        help="With --dry-run: as JSON on standard output. Example: new config.yml --dry-run --json",
    ),
]
Quiet = Annotated[
    bool,
    typer.Option(
        "-q",
        "--quiet",
        envvar=f"{_ENV}QUIET",
        rich_help_panel=_OUTPUT,
        help="Say nothing but errors; the training's own output stays. Example: new config.yml -q",
    ),
]
Verbose = Annotated[
    bool,
    typer.Option(
        "-v",
        "--verbose",
        envvar=f"{_ENV}VERBOSE",
        rich_help_panel=_OUTPUT,
        help="Say also what was decided, and why. Example: new config.yml -v",
    ),
]
Debug = Annotated[
    bool,
    typer.Option(
        "--debug",
        envvar=f"{_ENV}DEBUG",
        rich_help_panel=_OUTPUT,
        help="Show tsdia-run's own tracebacks. Example: new config.yml --debug",
    ),
]
