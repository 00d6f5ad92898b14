"""Tables of hints that depend only on the type of an error or on one fact."""

from __future__ import annotations

from tsdia_run.errors import TsdiaRunError, launching, lookups, placing, resuming
from tsdia_run.errors.launching import AccelerateFault, AssignmentFault
from tsdia_run.errors.placing import PlaceFault

OF_PLACES = {
    PlaceFault.NOT_CREATED: "Use another path with --run-dir, or another name with --name.",
    PlaceFault.SCRIPT_ONLY: "Set the directory with --run-dir; the script receives it.",
    PlaceFault.UNSET_VARIABLE: "Set the variable, or set the directory with --run-dir.",
    PlaceFault.UNREACHABLE: "Use another path with --run-dir.",
    PlaceFault.DISK_FULL: "Free some space, or use a path on another disk with --run-dir.",
    PlaceFault.HOLDS_OTHERS: "Use a separate directory, for example --run-dir runs/NAME.",
    PlaceFault.URL: "Use a directory on a mounted file system with --run-dir; the script can copy results to the URL.",
    PlaceFault.LONG_NAME: "Use a shorter --name.",
    PlaceFault.LONG_PATH: "Use a shorter --run-dir.",
}

OF_ASSIGNMENTS = {
    AssignmentFault.NOT_KEY_VALUE: "For example: --set training.epochs=20",
    AssignmentFault.NOT_ONE_LINE: "",
    AssignmentFault.NOT_YAML: """Quote it twice: --set 'a.b="text: text"'""",
}
OF_ACCELERATE = {
    AccelerateFault.OTHER_MACHINE: "Use another file with --accelerate-config FILE.",
    AccelerateFault.SEVERAL_MACHINES: "Set num_machines to 1, or use another Accelerate config with"
    " --accelerate-config FILE.",
    AccelerateFault.NO_NUMBER: "Add `num_processes: N` to the Accelerate config, or use --num-processes N.",
    AccelerateFault.CONTRADICTION: "Set `distributed_type` to MULTI_GPU or MULTI_CPU, or use --num-processes N.",
    AccelerateFault.TPU: "Use --launcher python, and let the script start its processes (notebook_launcher).",
}
# Flags of `accelerate launch` by Accelerate's name, with the equivalent option of tsdia-run.
INSTEAD = {
    "config_file": "--accelerate-config FILE",
    "num_processes": "--num-processes N",
    "mixed_precision": "--mixed-precision",
    "m": "--module",
    "module": "--module",
    "no_python": "--entrypoint PROGRAM",
}
# Errors whose hint does not depend on their facts.
ALWAYS: dict[type[TsdiaRunError], str] = {
    placing.NamelessRun: "Pass a config or a script, or name the run: --name EXPERIMENT (or --run-dir PATH).",
    lookups.InvalidTime: "Examples: --since 10m, --since 2h, --since 7d, --since 2026-11-23, --since 2026-11-23T10:30",
    lookups.InvalidCondition: "Examples: 'val_loss<2', 'val/acc>=0.8 and step>1000'",
    launching.ConfigIsPython: "Set the script with --entrypoint; pass a Python config to the script after `--`.",
    launching.NoInterpreter: "Use its path, or a command on PATH: --python /path/to/venv/bin/python",
    launching.InterpreterFails: "Use another interpreter with --python /path/to/python.",
    launching.NoAccelerateConfig: "Create it with `accelerate config --config_file FILE`, or omit --accelerate-config.",
    launching.LauncherIsPython: "Omit these settings, or use --launcher accelerate.",
    placing.ProjectFileExists: "Edit it, or move it away first.",
    resuming.NothingToResume: "Use a directory created by `tsdia-run new`, a checkpoint, or a folder of checkpoints.",
    resuming.TwoCheckpointsNamed: "Use a run directory with --from, or a checkpoint without --from.",
    resuming.WeightsNotAllowed: "If this is intended, add: --allow weights",
    launching.ProgramOfSeveralRanks: "Use --num-processes 1, and let the program start its own ranks.",
}
