"""Every error that tsdia-run raises on purpose.

    TsdiaRunError                        70  our own bug, unless a subclass says otherwise
      UsageError                          2  the command line contradicts itself
        UnsetVariable                        an unset variable in the requested run directory
        NamelessRun                          neither a config nor a name for the run
        BadRunName                           for example a name with a slash
        SettingAmongFlags                    a setting among the flags for `accelerate launch`
        InvalidAssignment                    not KEY=VALUE
        SettingAssigned                      a setting of tsdia-run as a value for the script's config
        InvalidSetting                       a value that a setting does not accept
        TwoEntrypoints                       a script and a module are both given
        InvalidTime                          neither a duration nor a date
        InvalidCondition                     not a condition on values
        UnknownState                         not a state of a run
        NoConfigToSet                        values for a config, and no config
        TwoCheckpointsNamed                  by path and by --from
        WeightsNotAllowed                    weights only, without --allow
        UnknownChange                        --allow with an unknown kind of change
        ChangesNotAllowed                    changes without --allow
        LauncherIsPython                     Accelerate settings with the python launcher
        ProgramOfSeveralRanks                several ranks of a program that is not a Python script
        NotebookNamed                        a notebook in place of a script
        NotExecutable                        a script that is not executable
        NotStartable                         an executable without a `#!` line
        NoScriptTyped                        `python` or another launcher without a script
        GivenTwice                           an option and the typed command contradict each other
      ConfigError                        78  a config, a setting or a launch that can't be used
        KeyNotInConfig                       a value for a key that the config does not have
        ConfigIsPython                       a Python script instead of a config
        UnusableRunDirectoryKey              the run directory in the config can't be resolved
        InterpreterFails                     the interpreter does not run
        UntrustedProjectFile                 a project file that another user could have written sets what runs
        UntrustedEnvironment                 a project's .venv that another user could have written
        NoAccelerate                         the interpreter can't import Accelerate
        UnusableAccelerateConfig             an Accelerate config, or flags, that can't be used here
        CheckpointNotPassed                  the script would not receive the checkpoint
      NotFoundError                      66  config, script, interpreter or run not found
        NotAnEntrypoint                      script not found
        NoScriptFound                        no script of the directory has a usual name
        NoInterpreter                        interpreter not found
        NoLauncher                           `torchrun` or another typed launcher not found
        ProgramNamed                         a program on the PATH, not a file
        NoAccelerateConfig                   Accelerate config not found
        CheckpointMissing                    a checkpoint in a config key that does not exist
        NoSuchRun                            no run of that name
        UnclearRun                           a command that changes a run needs its full name, id or path
        FolderIsNotRun                       the path is not a run
        NoSuchFolder                         no folder to search for runs
        NothingToResume                      neither a run nor a checkpoint
        NoBestCheckpoint                     the run has no best checkpoint
      AmbiguousNameError                 65  a name of several runs
        AmbiguousRun                         the runs
      DamagedRunError                    65  a run directory whose record or checkpoint can't be used
        UnusableCheckpointError              65  an unusable checkpoint that a script tries to load
        UnrecognisedCheckpointsError     65  files that may be checkpoints, but no recognised checkpoint
          UnrecognisedCheckpoints            files that may be checkpoints
          OnlyWeights                        weights only
        NotACheckpoint                       a path in a run that is not a checkpoint
        NoCompleteCheckpoint                 nothing to resume from
      CheckpointNotReadError             65  a save that would overwrite what the script should have resumed from
      RunDirectoryError                  73  the run directory can't be claimed
        CheckpointDirectoryExistsError   73  the directory already contains a run
          RunDirectoryOccupied               with its existing contents
          RunDirectoryContested              other processes keep claiming it
        UnusablePlace                        no run can use that path
        RunDirectoryBlocked                  existing contents prevent a start; another name would work
        RunDirectoryIsLink                   it is a symlink
        InsideOfRun                          it is inside another run
        OwnCheckpointNamed                   a new run that names its own checkpoint
        RunCompleted                         the run has already completed
        UntrustedRun                         a record that another user could have written sets what runs
        ProjectFileExists                    a project file that would be overwritten
        OtherConfig                          the run was started with a different config
      EndingNotRecordedError             74  the script completed, but its run's record could not be written
      RunAliveError                      75  a running run owns the directory
        SupervisedRun                        its supervisor is running
        OrphanedTraining                     only the training is running
        Overtaken                            another process just started or resumed the run

The numbers are the exit codes of ``sysexits.h``; a type without a number inherits its parent's. An error has a
``message``, which states what happened, and attributes with the facts. It names no flag and no command of tsdia-run:
``cli/hints.py`` derives the next command from the type and the facts. This package prints nothing.

Only the types with an exit code are exported here. Code that raises or renders a subclass imports it from its module,
so that a start loads little code.
"""

from __future__ import annotations

from tsdia_run.errors.base import (
    AmbiguousNameError,
    CheckpointDirectoryExistsError,
    CheckpointNotReadError,
    ConfigError,
    DamagedRunError,
    EndingNotRecordedError,
    NotFoundError,
    RunAliveError,
    RunDirectoryError,
    SourcePosition,
    TsdiaRunError,
    UnrecognisedCheckpointsError,
    UnusableCheckpointError,
    UsageError,
)

# The former name of the class: scripts may catch it.
TornCheckpointError = UnusableCheckpointError

__all__ = [
    "AmbiguousNameError",
    "CheckpointDirectoryExistsError",
    "CheckpointNotReadError",
    "ConfigError",
    "DamagedRunError",
    "EndingNotRecordedError",
    "NotFoundError",
    "RunAliveError",
    "RunDirectoryError",
    "SourcePosition",
    "TornCheckpointError",
    "TsdiaRunError",
    "UnrecognisedCheckpointsError",
    "UnusableCheckpointError",
    "UsageError",
]

# Tracebacks and pickles name the public place of a class, not the module that defines it.
for _name in __all__:
    globals()[_name].__module__ = __name__
