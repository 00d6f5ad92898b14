"""Run a training script as Python itself would run it, and record how it ended.

    PYTHON bootstrap.py SCRIPT ARGS...
    PYTHON bootstrap.py -m MODULE ARGS...

The user's interpreter runs this file by path; tsdia_run need not be installed there. Until the script runs, this file
imports only modules that Python loads at its start anyway: a module in the script's directory may have the name of any
other module, and each import costs start time.
"""

from __future__ import annotations

# The values that Python set in ``__main__``, before this file adds its own: the script gets the same values.
_PRISTINE = tuple(pair for pair in globals().items() if pair[0].startswith("__"))

# The C part of ``signal``: ``signal`` itself would import enum, which takes 6 ms.
import _signal  # type: ignore[import-not-found]  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402

TYPE_CHECKING = False  # importing typing would take 10 ms
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType, TracebackType
    from typing import Any

# Modules whose frames come before the first frame of the script.
_MACHINERY = (
    "runpy",
    "importlib._bootstrap",
    "importlib._bootstrap_external",
    "_frozen_importlib",
    "_frozen_importlib_external",
)
_SourceFileLoader = type(dict(_PRISTINE)["__loader__"])
_BOOT = os.path.dirname(os.path.realpath(__file__))


def _find_boot_by_path() -> None:
    """Make the modules next to this file importable: ``import tsdia_run`` may find nothing, or another version.

    These modules import each other with ``from tsdia_run.training.boot.MODULE import NAME``: any other form of the
    statement imports tsdia_run itself.
    """
    package = type(sys)("tsdia_run.training.boot")
    package.__path__ = [_BOOT]
    sys.modules[package.__name__] = package


_find_boot_by_path()

from tsdia_run.training.boot.rank import Rank  # noqa: E402


def main() -> None:
    """Prepare the process, run the script in it, and write its exit record."""
    rank = Rank(os.path.join(_BOOT, "bootstrap.py"))
    if _signal.getsignal(_signal.SIGINT) is _signal.SIG_IGN:
        # A shell ignores SIGINT in its background jobs; a stop request must reach the script anyway.
        _signal.signal(_signal.SIGINT, _signal.default_int_handler)
    rank.watch_exec()
    sys.meta_path.insert(0, rank.finder())
    try:
        _run(sys.argv[1:])
    except BaseException as error:
        rank.ended(error, _users_part(error.__traceback__))
        _hide_our_frames()
        raise
    rank.ended(None, None)


def _run(arguments: list[str]) -> None:
    main_module = type(sys)("__main__")
    main_module.__dict__.update(_PRISTINE, __doc__=None)
    sys.modules["__main__"] = main_module
    # With PYTHONSAFEPATH, Python does not add this directory.
    has_own_path = sys.path[:1] == [_BOOT]
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
    # The function that ``python -m`` calls.
    run: Callable[[str], Any] = runpy._run_module_as_main  # type: ignore[attr-defined]
    run(name)


def _run_script(arguments: list[str], main_module: ModuleType) -> None:
    # Absolute but not normalized, as in Python.
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
    """Start the traceback that Python will show in the user's file; an excepthook of the user gets the same one."""
    hook = getattr(sys, "excepthook", None)
    if hook is None:
        return

    def show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        sys.excepthook = hook
        sys.last_traceback = trace = _users_part(trace)
        hook(kind, error.with_traceback(trace), trace)

    sys.excepthook = show


def _users_part(trace: TracebackType | None) -> TracebackType | None:
    """Return the traceback without the frames before the script: those of tsdia-run and of ``python -m``."""
    while trace is not None:
        names = trace.tb_frame.f_globals
        if names is not globals() and names.get("__name__") not in _MACHINERY:
            break
        trace = trace.tb_next
    return trace


if __name__ == "__main__":
    main()
