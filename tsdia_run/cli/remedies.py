"""What to do after an error, where that depends on its type or one fact alone: as tables."""

from __future__ import annotations

from tsdia_run.errors import TsdiaRunError, launching, lookups, placing, resuming
from tsdia_run.errors.launching import AccelerateFault, AssignmentFault
from tsdia_run.errors.placing import PlaceFault

OF_PLACES = {
    PlaceFault.NOT_CREATED: "Name another place with --run-dir, or another name with --name.",
    PlaceFault.SCRIPT_ONLY: "Name the directory with --run-dir; the script gets it.",
    PlaceFault.UNSET_VARIABLE: "Set it, or name the directory with --run-dir.",
    PlaceFault.UNREACHABLE: "Name another place with --run-dir.",
    PlaceFault.DISK_FULL: "Make room, or name a place on another disk with --run-dir.",
    PlaceFault.HOLDS_OTHERS: "Name a directory of its own, say --run-dir runs/NAME.",
    PlaceFault.URL: "Name a directory of a mounted file system with --run-dir; the script may copy results to the URL.",
    PlaceFault.LONG_NAME: "Choose a shorter --name.",
    PlaceFault.LONG_PATH: "Choose a shorter --run-dir.",
}

OF_ASSIGNMENTS = {
    AssignmentFault.NOT_KEY_VALUE: "For example: --set training.epochs=20",
    AssignmentFault.NOT_ONE_LINE: "",
    AssignmentFault.NOT_YAML: """Quote it twice: --set 'a.b="text: text"'""",
}
OF_ACCELERATE = {
    AccelerateFault.OTHER_MACHINE: "Name another file with --accelerate-config FILE.",
    AccelerateFault.SEVERAL_MACHINES: "Set num_machines to 1, or name another Accelerate config with"
    " --accelerate-config FILE.",
    AccelerateFault.NO_NUMBER: "Add `num_processes: N` to it, or start with --num-processes N.",
    AccelerateFault.CONTRADICTION: "Say MULTI_GPU or MULTI_CPU in it, or start with --num-processes N.",
    AccelerateFault.TPU: "Let the script start its processes itself (notebook_launcher) with --launcher python.",
}
# Flags of `accelerate launch` by Accelerate's name, and what says the same.
INSTEAD = {
    "config_file": "--accelerate-config FILE",
    "num_processes": "--num-processes N",
    "mixed_precision": "--mixed-precision",
    "m": "--module",
    "module": "--module",
    "no_python": "--entrypoint PROGRAM",
}
# Of errors whose facts change nothing in it.
ALWAYS: dict[type[TsdiaRunError], str] = {
    placing.NamelessRun: "Without a config, name the run: --name EXPERIMENT (or --run-dir PATH).",
    placing.BadRunName: "--name takes one part of a path, without `/`; --run-dir takes a path.",
    lookups.NotAMoment: "--since 10m, --since 2h, --since 7d, --since 2026-11-23, --since 2026-11-23T10:30",
    launching.ConfigIsPython: "Name a script with --entrypoint; a config in Python goes to the script after `--`.",
    launching.NoInterpreter: "Give its path, or a name on PATH: --python /path/to/venv/bin/python",
    launching.InterpreterFails: "Name another with --python /path/to/python.",
    launching.NoAccelerate: "Name another with --python /path/to/python, install accelerate there, or use"
    " --launcher python.",
    launching.NoAccelerateConfig: "Make one with `accelerate config --config_file FILE`, or leave"
    " --accelerate-config out.",
    launching.LauncherIsPython: "Leave them out, or start with --launcher accelerate.",
    launching.NoConfigToSet: "Pass the values to the script after `--`.",
    resuming.NothingToResume: "Name a directory that `tsdia-run new` made, a checkpoint, or a folder of checkpoints.",
    resuming.TwoCheckpointsNamed: "Name the run directory with --from, or the checkpoint without it.",
    resuming.WeightsAlone: "If that is meant, add: --allow weights",
    launching.ProgramOfSeveralRanks: "Use --num-processes 1, or let the program start its ranks itself.",
}
