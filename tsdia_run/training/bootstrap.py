"""Run a training script as Python itself would run it, and write down how it ended.

    PYTHON bootstrap.py SCRIPT ARGS...
    PYTHON bootstrap.py -m MODULE ARGS...

Started by path with the user's interpreter, which need not have tsdia_run. Until the script runs, it imports only what
Python has loaded at its start anyway: a module of the script's directory may have the name of any other, and each
import costs start time.
"""

from __future__ import annotations

# What Python put into ``__main__`` for us, before anything of ours is in it: the script gets the same.
_PRISTINE = {name: value for name, value in globals().items() if name.startswith("__")}

# The C part of ``signal``, which itself would import enum: 6 ms.
import _signal  # type: ignore[import-not-found]  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402

TYPE_CHECKING = False  # importing typing would cost 10 ms
if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.machinery import ModuleSpec
    from types import ModuleType, TracebackType
    from typing import Any

# Modules whose frames lie above a script's first one.
_MACHINERY = (
    "runpy",
    "importlib._bootstrap",
    "importlib._bootstrap_external",
    "_frozen_importlib",
    "_frozen_importlib_external",
)
_SourceFileLoader = type(_PRISTINE["__loader__"])
_TRAINING = os.path.dirname(os.path.realpath(__file__))
_PACKAGE = os.path.dirname(_TRAINING)


def _sibling(name: str) -> ModuleType:
    """Load a module beside us by its path: ``import tsdia_run`` may find nothing here, or another version."""
    loader = _SourceFileLoader(f"tsdia_run.training.{name}", os.path.join(_TRAINING, f"{name}.py"))
    module = type(sys)(loader.name)
    loader.exec_module(module)
    return module


class _Finder:
    """Finds tsdia_run for a script that imports it, and lets the hooks in when the script imports what they hook.

    The script's tsdia_run is the one that started it, whatever its interpreter has installed: both write into one run.
    """

    def __init__(self, warn: Callable[[str], None], guard: Any, *, has_hooks: bool) -> None:
        self._warn = warn
        self._hooked = {"accelerate.accelerator", "wandb"} if has_hooks else set()
        # What guards the checkpoints of a resumed run wraps what writes files.
        self._wrappers = dict.fromkeys(guard.writers, guard.wrap) if guard else {}
        self._hooked |= self._wrappers.keys()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name == "tsdia_run":
            from importlib.util import spec_from_file_location

            init = os.path.join(_PACKAGE, "__init__.py")
            return spec_from_file_location(name, init, submodule_search_locations=[_PACKAGE])
        if name not in self._hooked:
            return None
        others = (finder.find_spec(name, path, target) for finder in sys.meta_path if finder is not self)
        spec = next((spec for spec in others if spec is not None), None)
        if spec is not None and spec.loader is not None:
            self._hook(spec.loader)
        return spec

    def _hook(self, loader: Any) -> None:
        execute = loader.exec_module

        def execute_and_hook(module: ModuleType) -> None:
            self._hooked.discard(module.__name__)
            execute(module)
            try:
                del loader.exec_module
                self._wrappers.get(module.__name__, _install_hooks)(module)
            except Exception as error:  # whatever is missing here, the training goes on
                self._warn(f"no hooks on {module.__name__}: {type(error).__name__}: {error}")

        # On the instance: the loader stays of its own kind, for those who look at it. A loader that was only asked for,
        # to know whether there is such a module, comes to nothing.
        loader.exec_module = execute_and_hook


def _install_hooks(module: ModuleType) -> None:
    import gc

    # Our imports would wake the collector among all that torch has made: 0.1 s of somebody's start.
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        from tsdia_run.training import hooks

        hooks.install(module)
    finally:
        if was_enabled:
            gc.enable()


class _Rank:
    """This process as a rank of the run. A fork of it is none."""

    def __init__(self) -> None:
        # Now, since the script may change its environment and load other things under these names.
        self._attempt, self._exit_record = _sibling("attempt"), _sibling("exit_record")
        self._directory = self._attempt.directory(os.environ)
        number = os.environ.get("RANK", "")
        self._number = int(number) if number.isdecimal() else 0
        self._pid = os.getpid()
        # What the module reexec needs; it is loaded only when the script replaces itself.
        self.bootstrap = os.path.join(_TRAINING, "bootstrap.py")
        self.module = sys.argv[2] if sys.argv[1:2] == ["-m"] and len(sys.argv) > 2 else None
        self.say = self._attempt.say
        self.alive_fd = self._attempt.hold_alive(os.environ)
        self.variables = {name: value for name, value in os.environ.items() if name.startswith("TSDIA_RUN_")}
        self._stacks = -1 if self._directory is None else self._show_stacks(self._directory)

    def _show_stacks(self, directory: str) -> int:
        """Tell where Python stands when the process crashes, on stderr, and whenever it is asked, in a file.

        Returns:
            The descriptor of the file, for as long as the process lives; -1 where there is none.
        """
        import faulthandler

        fd = -1
        try:
            if not faulthandler.is_enabled():
                faulthandler.enable()
            path = os.path.join(directory, self._attempt.stacks_name(self._number))
            fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
            # Not one of the signals that scripts and batch systems use.
            faulthandler.register(self._attempt.STACKS_SIGNAL, fd, all_threads=True)
        except (OSError, ValueError, AttributeError, RuntimeError):  # no stderr, no room on the disk
            pass
        return fd

    def watch_exec(self) -> None:
        """Keep the hooks of a script that replaces its process; ``os.execvp`` and the like come down to these two."""
        for name in ("execv", "execve"):
            setattr(os, name, self._watched(getattr(os, name)))

    def _watched(self, original: Any) -> Any:
        def execute(path: Any, argv: Any, env: Any = None) -> None:
            if os.getpid() == self._pid:
                _sibling("reexec").replace(original, path, argv, env, self)
            elif env is None:
                original(path, argv)
            else:
                original(path, argv, env)

        execute.__name__, execute.__doc__ = original.__name__, original.__doc__
        return execute

    def finder(self) -> _Finder:
        """What the script's imports go through first."""
        hooks = os.environ.get("TSDIA_RUN_HOOKS", "")
        guard = self._guard() if "checkpoints" in hooks.split(",") else None
        return _Finder(self._attempt.say, guard, has_hooks=bool(hooks))

    def _guard(self) -> Any:
        """What keeps a script that did not read its checkpoint from overwriting it; None where it resumes from none."""
        if self._directory is None or not os.environ.get("TSDIA_RUN_CHECKPOINT"):
            return None
        try:
            module = _sibling("overwriting")
            # Where the hooks find it.
            sys.modules[module.__name__] = module
            run_dir = os.environ["TSDIA_RUN_DIR"]
            return module.install(_sibling("observed").Observed(run_dir, self._directory, self._attempt.say))
        except Exception as error:  # whatever is missing here, the training goes on
            self._attempt.say(f"checkpoints are not guarded: {type(error).__name__}: {error}")
            return None

    def ended(self, error: BaseException | None) -> None:
        """Leave the exit record, if this is a rank of a run."""
        if self._directory is None or os.getpid() != self._pid:
            return
        path = os.path.join(self._directory, self._attempt.stacks_name(self._number))
        try:
            if not os.stat(path).st_size:
                os.unlink(path)
        except OSError:  # the script may have moved its directory
            pass
        try:
            trace = _users_part(error.__traceback__ if error else None)
            record = self._exit_record.exit_record(error, trace, self._number)
        except Exception as failure:  # an exception of the script's own may do anything when it is looked at
            self._attempt.say(f"could not describe how the script ended: {type(failure).__name__}")
            return
        self._attempt.write_record(self._directory, self._attempt.exit_record_name(self._number), record)


def main() -> None:
    """Prepare the process, run the script in it, and leave its exit record."""
    rank = _Rank()
    if _signal.getsignal(_signal.SIGINT) is _signal.SIG_IGN:
        # A shell starts its background jobs so; a request to stop must reach the script all the same.
        _signal.signal(_signal.SIGINT, _signal.default_int_handler)
    rank.watch_exec()
    sys.meta_path.insert(0, rank.finder())
    try:
        _run(sys.argv[1:])
    except BaseException as error:
        rank.ended(error)
        _hide_our_frames()
        raise
    rank.ended(None)


def _run(arguments: list[str]) -> None:
    main_module = type(sys)("__main__")
    main_module.__dict__.update(_PRISTINE, __doc__=None)
    sys.modules["__main__"] = main_module
    # Absent with PYTHONSAFEPATH.
    has_own_path = sys.path[:1] == [_TRAINING]
    if arguments[0] == "-m":
        del main_module.__dict__["__file__"]
        if has_own_path:
            sys.path[0] = os.getcwd()
        _run_module(arguments[1], arguments[2:])
    else:
        if has_own_path:
            sys.path[0] = os.path.dirname(os.path.realpath(arguments[0]))
        _run_script(arguments, main_module)


def _run_module(name: str, arguments: list[str]) -> None:
    import runpy

    sys.argv = ["-m", *arguments]
    run: Callable[[str], Any] = runpy._run_module_as_main  # type: ignore[attr-defined]  # what ``python -m`` calls
    run(name)


def _run_script(arguments: list[str], main_module: ModuleType) -> None:
    # Absolute, but not normalized: as Python does it.
    path = os.path.join(os.getcwd(), arguments[0])
    main_module.__file__ = path
    main_module.__loader__ = _SourceFileLoader("__main__", path)
    sys.argv = arguments
    try:
        with open(path, "rb") as file:
            source = file.read()
    except OSError as error:
        sys.stderr.write(f"{sys.executable}: can't open file {path!r}: [Errno {error.errno}] {error.strerror}\n")
        raise SystemExit(2) from None
    exec(compile(source, path, "exec", dont_inherit=True), main_module.__dict__)


def _hide_our_frames() -> None:
    """Let the traceback that Python is about to show start in the user's file, also for an excepthook of the user's."""
    hook = getattr(sys, "excepthook", None)
    if hook is None:
        return

    def show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        sys.excepthook = hook
        sys.last_traceback = trace = _users_part(trace)
        hook(kind, error.with_traceback(trace), trace)

    sys.excepthook = show


def _users_part(trace: TracebackType | None) -> TracebackType | None:
    """Without the frames above the script: ours, and those of ``python -m``."""
    while trace is not None:
        names = trace.tb_frame.f_globals
        if names is not globals() and names.get("__name__") not in _MACHINERY:
            break
        trace = trace.tb_next
    return trace


if __name__ == "__main__":
    main()
