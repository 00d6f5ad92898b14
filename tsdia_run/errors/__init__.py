"""Every error that tsdia-run raises on purpose.

    TsdiaRunError                        70  our own bug, unless a subclass says otherwise
      UsageError                          2  the command line contradicts itself
        UnsetVariable                        a variable in the run directory that was asked for
        NamelessRun                          neither config nor name
        BadRunName                           a name with a slash, say
        SettingAmongFlags                    a setting among the flags for `accelerate launch`
        InvalidAssignment                    no KEY=VALUE
        InvalidSetting                       a value that a setting does not take
        TwoEntrypoints                       a script and a module
        NotAMoment                           neither how long ago nor a date
        UnknownState                         no state of a run
        NoConfigToSet                        values for a config, and no config
        TwoCheckpointsNamed                  by path and by wish
        WeightsAlone                         an export, without consent
        UnknownChange                        consent to what is no change
        UnmeantChanges                       changes without consent
        LauncherIsPython                     settings of Accelerate without it
        ProgramOfSeveralRanks                several ranks of what is no Python script
      ConfigError                        78  the config, a setting or the launch can't be used
        ConfigIsPython                       a script in place of the config
        UnusableRunDirectoryKey              the run directory in the config can't be known
        InterpreterFails                     it does not run
        NoAccelerate                         the interpreter can't import it
        UnusableAccelerateConfig             an Accelerate config, or flags, that start nothing here
        CheckpointNotPassed                  the script would not learn of the checkpoint
      NotFoundError                      66  no such config, script, interpreter or run
        NotAnEntrypoint                      no such script
        NoInterpreter                        no such interpreter
        NoAccelerateConfig                   no such Accelerate config
        CheckpointMissing                    a checkpoint that a config key names
        NoSuchRun                            by its name
        FolderIsNoRun                        by its path
        NoSuchFolder                         where runs are looked for
        NothingToResume                      neither a run nor a checkpoint
        NoBestCheckpoint                     the run has none
      DamagedRunError                    65  a run directory whose record or checkpoint can't be used
        UnusableCheckpointError          65  a checkpoint that a script wants to load
        UnrecognisedCheckpointsError     65  files that may be checkpoints, and none that is known to be one
          UnrecognisedCheckpoints            their names
          OnlyWeights                        the weights that are there instead
        NotACheckpoint                       a path in a run
        NoCompleteCheckpoint                 nothing to resume from
      CheckpointNotReadError             65  a save that would overwrite what the script should have resumed from
      RunDirectoryError                  73  the run directory can't be claimed
        CheckpointDirectoryExistsError   73  there is a run in it already
          RunDirectoryOccupied               with what it holds
          RunDirectoryContested              other starts take it again and again
        UnusablePlace                        no run can be at that place
        RunDirectoryBlocked                  something in its place prevents a start, a run beside it would do
        RunDirectoryIsLink                   it leads elsewhere
        InsideOfRun                          it lies in another run
        ResumeIsMeant                        a new run that names its own checkpoint
        RunCompleted                         there is nothing left to resume
        OtherConfig                          the run there was started with another config
      RunAliveError                      75  a live run holds the directory
        SupervisedRun                        its supervisor lives
        OrphanedTraining                     only the training lives
        Overtaken                            another process was faster

The numbers are those of ``sysexits.h``; a type without one has that of the type above it. An error says what happened
(``message``) and carries the facts about it. It names no flag and no command of tsdia-run: ``cli/hints.py`` renders
from type and facts what to do next. Nothing here prints.

The types with an exit code are named here. Those below them are imported from the modules of this package, by whoever
raises or renders them, so that a start is light.
"""

from __future__ import annotations

from tsdia_run.errors.base import (
    CheckpointDirectoryExistsError,
    CheckpointNotReadError,
    ConfigError,
    DamagedRunError,
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
    "CheckpointDirectoryExistsError",
    "CheckpointNotReadError",
    "ConfigError",
    "DamagedRunError",
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
