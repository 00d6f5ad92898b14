"""Run git without prompts, locks, hooks, filters or writes, with limits on its time and its output."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from threading import Timer

MAX_ANSWER_BYTES = 16 * 1024 * 1024

_OPTIONS = tuple(
    "-c core.fsmonitor=false -c core.hooksPath=/dev/null -c core.safecrlf=false -c core.splitIndex=false"
    " -c core.quotePath=true -c diff.orderFile=/dev/null".split()
)
# Settings that the user passes to git in the environment and that apply to every directory. Any other GIT_* variable,
# such as GIT_DIR or GIT_INDEX_FILE in a hook, redirects git or changes its output.
_KEPT = ("GIT_CONFIG_", "GIT_EXEC_PATH", "GIT_CEILING_DIRECTORIES", "GIT_DISCOVERY_ACROSS_FILESYSTEM")
# GIT_ALLOW_PROTOCOL: a partial clone would download objects for the diff.
_LIMITS = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_ALLOW_PROTOCOL": "none", "LC_ALL": "C"}


class GitError(Exception):
    """Git failed; the text says why."""


class LimitError(GitError):
    """Git took too long or printed too much: a smaller request may succeed, but not a request for each file."""


class Git:
    """Runs git in one directory.

    Attributes:
        cwd: The directory.
        filters: The names of the filters that are turned off.
    """

    def __init__(
        self,
        cwd: Path,
        deadline_s: float,
        filters: frozenset[str] = frozenset(),
        hooks: frozenset[str] = frozenset(),
    ) -> None:
        """Find the git program.

        Args:
            cwd: The directory.
            deadline_s: The time limit for all commands, as a time of ``time.monotonic``.
            filters: The filters in the configuration. They are untrusted programs, so none is run.
            hooks: The hooks in the configuration, which are not run either.

        Raises:
            GitError: Git is not installed, or a filter or hook can't be turned off.
        """
        program = shutil.which("git")
        if program is None:
            raise GitError("git is not installed")
        for kind, names in (("filter", filters), ("hook", hooks)):
            unnamable = next((name for name in names if "=" in name), None)
            if unnamable is not None:
                raise GitError(f"can't turn off the git {kind} {unnamable!r}")
        self.cwd = cwd
        self.filters = filters
        self._hooks = hooks
        self._program = program
        self._deadline_s = deadline_s

    def at(self, folder: Path) -> Git:
        """Return the same for another directory, with the same time limit."""
        return Git(folder, self._deadline_s, self.filters, self._hooks)

    def without(self, filters: frozenset[str], hooks: frozenset[str]) -> Git:
        """Return the same with more filters and hooks turned off."""
        return Git(self.cwd, self._deadline_s, self.filters | filters, self._hooks | hooks)

    def run(
        self,
        *words: str,
        cwd: Path | None = None,
        index: Path | None = None,
        given: bytes = b"",
        limit_bytes: int = MAX_ANSWER_BYTES,
        may_fail: bool = False,
    ) -> bytes:
        """Run a git command and return its standard output.

        Args:
            words: The command.
            cwd: Another directory to run the command in.
            index: An index to use instead of the repository's.
            given: The standard input of the command.
            limit_bytes: The maximum size of the output.
            may_fail: Whether to return the output of a command that failed.

        Raises:
            GitError: The command failed, took too long, or printed too much.
            OSError: The command could not be started.
        """
        with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stderr:
            stdin.write(given)
            stdin.seek(0)
            process = subprocess.Popen(
                [self._program, *_OPTIONS, *self._off_options(), *words],
                cwd=cwd or self.cwd,
                env=_environment(index),
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=stderr,
                # A separate session: git has no terminal for prompts, and does not receive Ctrl-C.
                start_new_session=True,
            )
            answer, is_late = self._read(process, limit_bytes)
            stderr.seek(0)
            message = stderr.read(4096).decode("utf-8", "replace")
        _check_limits(words[0], answer, limit_bytes, is_late=is_late)
        if process.returncode and not (may_fail and answer):
            raise GitError(_reason(message))
        return answer

    def _off_options(self) -> list[str]:
        off = ("clean=", "smudge=", "process=", "required=false")
        settings = [f"filter.{name}.{one}" for name in sorted(self.filters) for one in off]
        settings += [f"hook.{name}.enabled=false" for name in sorted(self._hooks)]
        return [word for setting in settings for word in ("-c", setting)]

    def _read(self, process: subprocess.Popen[bytes], limit_bytes: int) -> tuple[bytes, bool]:
        """Read up to one byte more than the limit, and end the process. Also return whether it took too long."""
        late: list[bool] = []

        def stop() -> None:
            late.append(True)
            _kill(process)

        timer = Timer(max(0.0, self._deadline_s - time.monotonic()), stop)
        timer.start()
        try:
            with process:
                answer = process.stdout.read(limit_bytes + 1) if process.stdout else b""
                if len(answer) > limit_bytes:
                    _kill(process)
        finally:
            timer.cancel()
        return answer, bool(late)


def _environment(index: Path | None) -> dict[str, str]:
    """Return the environment of a git command: the current one without variables that redirect git, and with limits."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environ |= {name: value for name, value in os.environ.items() if name.startswith(_KEPT)}
    environ |= _LIMITS
    return environ if index is None else {**environ, "GIT_INDEX_FILE": str(index)}


def _check_limits(command: str, answer: bytes, limit_bytes: int, *, is_late: bool) -> None:
    if is_late:
        raise LimitError("git took too long")
    if len(answer) > limit_bytes:
        raise LimitError(f"git {command} printed more than {limit_bytes} bytes")


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill git and its child processes."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _reason(message: str) -> str:
    if "not a git repository" in message:
        return "not in a git repository"
    lines = message.strip().splitlines()
    fatal = next((line for line in lines if line.startswith(("fatal: ", "error: "))), None)
    reason = fatal or (lines[0] if lines else "git failed without a message")
    return reason.removeprefix("fatal: ").removeprefix("error: ")
