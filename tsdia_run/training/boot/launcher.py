"""Start ranks with Accelerate's own launch code, in this process, and record how each rank ended.

    PYTHON launcher.py ACCELERATE_LAUNCH_FLAGS... BOOTSTRAP [-m] SCRIPT ARGS...

``accelerate launch`` exits with code 1 for every failure of the script. This launcher writes the exit codes to
``attempts/N/ranks.json``:

    ranks   how each rank ended, by its number as a string: {"exit_code": 3} or {"signal": 9}, with "ended_at"
    first   the rank that failed first, after which the launcher ended the others; null if no rank failed on its own
    signal  the signal that requested the stop, which the launcher forwarded to the ranks; null if there was none
    error   why no rank could be started; null if the ranks were started

The exit code is the code of the first rank that failed. It is 128+n if signal n ended that rank or requested the stop,
and 78 if no rank could be started. If the launcher ended by the rank's signal, it would leave a second core file.

If Accelerate would start one process, this process becomes that process, so that signals reach the script directly.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from argparse import Namespace
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Protocol


def _find_boot_by_path() -> None:
    """Make the modules next to this file importable: ``import tsdia_run`` may find nothing, or another version."""
    boot = os.path.dirname(os.path.realpath(__file__))
    # torch and Accelerate must not import a module of this directory by mistake.
    sys.path[:] = [entry for entry in sys.path if entry != boot]
    package = ModuleType("tsdia_run.training.boot")
    package.__path__ = [boot]
    sys.modules[package.__name__] = package


if __name__ == "__main__":
    _find_boot_by_path()

from tsdia_run.training.boot.attempt_files import attempt_directory, exit_record_name, say, write_record  # noqa: E402
from tsdia_run.training.boot.rank_ends import RankEnds, own_record  # noqa: E402
from tsdia_run.training.boot.repeated_names import LAUNCHER_RECORD_FILE  # noqa: E402

# The names that Accelerate uses in torch; a plug-in's name exists after Accelerate has searched for plug-ins.
_BACKENDS = ("cuda", "xpu", "npu", "mlu", "musa", "sdaa", "hpu", "neuron")
_SHUTDOWN_TIMEOUT = "TORCH_ELASTIC_SHUTDOWN_TIMEOUT"
_TRUE = ("1", "true", "t", "yes", "y", "on")


class _Process(Protocol):
    pid: int

    def poll(self) -> int | None: ...


class _Handler(Protocol):
    @property
    def proc(self) -> _Process: ...


class _Context(Protocol):
    """torch's ``PContext``: one group of ranks, by local rank; on one machine the local rank is the rank."""

    start: Callable[..., None]
    close: Callable[..., None]

    @property
    def subprocess_handlers(self) -> Mapping[int, _Handler]: ...


class TooFewDevicesError(Exception):
    """More ranks were requested than devices exist."""


def main() -> int:
    """Start the ranks, wait for them, record how they ended, and return the exit code.

    Returns:
        The exit code.
    """
    directory = attempt_directory(os.environ)
    ends = RankEnds()
    error = None
    try:
        _launch(sys.argv[1:], ends)
    except Exception as failure:  # Accelerate and torch may raise any error
        error = f"{type(failure).__name__}: {failure}"
        say(f"the ranks could not be started: {error}")
    if directory is not None:
        ends.recorded = {rank: found for rank in ends.final if (found := own_record(directory, exit_record_name(rank)))}
    ends.deaths.finish()
    codes, first = ends.codes(), ends.first()
    if first is not None:
        say(f"rank {first} {_ending(codes[first])} (first to fail)")
    if directory is not None:
        ranks = {str(rank): {**_end(code), "ended_at": ends.deaths.times.get(rank)} for rank, code in codes.items()}
        record = {"ranks": ranks, "first": first, "signal": ends.stopped_by, "error": error}
        problem = write_record(directory, LAUNCHER_RECORD_FILE, record)
        if problem is not None:
            say(problem)
    return os.EX_CONFIG if error is not None else ends.exit_code()


def _launch(arguments: list[str], ends: RankEnds) -> None:
    from accelerate.commands import launch
    from torch.distributed import run as torchrun
    from torch.distributed.elastic.multiprocessing import api
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    run = torchrun.run

    def run_and_record(args: Namespace) -> None:
        _check_devices(int(args.nproc_per_node))
        try:
            run(args)
        except ChildFailedError as failure:
            if not ends.final:
                ends.final = {rank: found.exitcode for rank, found in failure.failures.items()}
                rank, found = failure.get_first_failure()
                ends.early = {rank: found.exitcode}
        except api.SignalException as stop:
            ends.stopped_by = int(stop.sigval)

    torchrun.run = run_and_record
    _record_around_close(api.PContext, ends)
    _watch_after_start(api.PContext, ends)
    launch.simple_launcher = _become_the_script
    args = launch.launch_command_parser().parse_args(arguments)
    if args.main_process_port == 0:  # Accelerate before 1.8 would use 0 as a real port
        args.main_process_port = _free_port()
    launch.launch_command(args)


def _record_around_close(context_class: type[_Context], ends: RankEnds) -> None:
    """Record the codes before and after torch ends the ranks: later, nothing shows which ranks failed on their own."""
    close = context_class.close
    seen: list[object] = []

    def close_and_record(context: _Context, *args: object, **kwargs: object) -> None:
        if context not in seen:
            seen.append(context)
            ends.early, ends.final = _codes(context), {}
        if len(args) < 2 and _SHUTDOWN_TIMEOUT in os.environ:  # older torch ignores the variable and waits 30 s
            kwargs.setdefault("timeout", int(os.environ[_SHUTDOWN_TIMEOUT]))
        try:
            close(context, *args, **kwargs)
        finally:
            ends.final = _codes(context)

    context_class.close = close_and_record


def _watch_after_start(context_class: type[_Context], ends: RankEnds) -> None:
    start = context_class.start

    def start_and_watch(context: _Context) -> None:
        start(context)
        ends.deaths.watch({rank: handler.proc.pid for rank, handler in context.subprocess_handlers.items()})

    context_class.start = start_and_watch


def _codes(context: _Context) -> dict[int, int]:
    polled = {rank: handler.proc.poll() for rank, handler in context.subprocess_handlers.items()}
    return {rank: code for rank, code in polled.items() if code is not None}


def _check_devices(processes: int) -> None:
    import torch

    if os.environ.get("ACCELERATE_USE_CPU", "").lower() in _TRUE:
        return
    devices = max(getattr(torch, name).device_count() for name in _BACKENDS if hasattr(torch, name))
    if devices < processes:
        raise TooFewDevicesError(
            f"{processes} processes requested, but torch sees {devices} accelerator devices; request fewer, or set"
            " ACCELERATE_USE_CPU=true to run the ranks on the CPU"
        )


def _become_the_script(args: Namespace) -> None:
    from accelerate.utils import prepare_simple_launcher_cmd_env

    command, environment = prepare_simple_launcher_cmd_env(args)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execvpe(command[0], command, environment)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        port: int = probe.getsockname()[1]
        return port


def _end(code: int) -> dict[str, int]:
    return {"signal": -code} if code < 0 else {"exit_code": code}


def _ending(code: int) -> str:
    return f"was killed by signal {-code}" if code < 0 else f"exited with code {code}"


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
