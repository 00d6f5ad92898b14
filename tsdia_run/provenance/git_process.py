"""Ask git: without prompts, locks, hooks, filters or writes, within a time limit, and with a bounded answer."""

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
# What the user says to git through the environment and what is true of every directory; all else in GIT_*, such as
# GIT_DIR or GIT_INDEX_FILE in a hook, redirects git or changes its output.
_KEPT = ("GIT_CONFIG_", "GIT_EXEC_PATH", "GIT_CEILING_DIRECTORIES", "GIT_DISCOVERY_ACROSS_FILESYSTEM")
# GIT_ALLOW_PROTOCOL: a partial clone would fetch what the diff needs.
_OURS = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_ALLOW_PROTOCOL": "none", "LC_ALL": "C"}


class GitError(Exception):
    """Git could not tell; the text says why."""


class LimitError(GitError):
    """The time is up, or the answer is too large: less of the same question may be answered, but not every part."""


class Git:
    """Runs git in one directory.

    Attributes:
        cwd: The directory.
        filters: The names of the filters that are turned off.
    """

    def __init__(self, cwd: Path, deadline_s: float, filters: frozenset[str] = frozenset()) -> None:
        """Look for git.

        Args:
            cwd: The directory.
            deadline_s: When, on ``time.monotonic``, every answer must be there.
            filters: The filters that the configuration knows, which are programs of anybody: none of them is run.

        Raises:
            GitError: There is no git.
        """
        program = shutil.which("git")
        if program is None:
            raise GitError("git is not installed")
        unnamable = next((name for name in filters if "=" in name), None)
        if unnamable is not None:
            raise GitError(f"the filter {unnamable!r} can't be turned off")
        self.cwd = cwd
        self.filters = filters
        self._program = program
        self._deadline_s = deadline_s

    def at(self, folder: Path) -> Git:
        """The same for another directory, within the same time limit."""
        return Git(folder, self._deadline_s, self.filters)

    def without(self, filters: frozenset[str]) -> Git:
        """The same with filters turned off."""
        return Git(self.cwd, self._deadline_s, self.filters | filters)

    def run(
        self,
        *words: str,
        cwd: Path | None = None,
        index: Path | None = None,
        given: bytes = b"",
        limit_bytes: int = MAX_ANSWER_BYTES,
        may_fail: bool = False,
    ) -> bytes:
        """The standard output of a git command.

        Args:
            words: The command.
            cwd: Another directory to run it in.
            index: An index to use in the place of the repository's.
            given: The command's standard input.
            limit_bytes: How much output there may be.
            may_fail: Whether what it said before it failed is of use.

        Raises:
            GitError: It failed, took too long, or said too much.
            OSError: It could not be started.
        """
        with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stderr:
            stdin.write(given)
            stdin.seek(0)
            process = subprocess.Popen(
                [self._program, *_OPTIONS, *self._filter_options(), *words],
                cwd=cwd or self.cwd,
                env=_environment(index),
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=stderr,
                # A session of its own: no terminal to ask on, and a Ctrl-C is not for git.
                start_new_session=True,
            )
            answer, is_late = self._read(process, limit_bytes)
            stderr.seek(0)
            said = stderr.read(4096).decode("utf-8", "replace")
        _check_limits(words[0], answer, limit_bytes, is_late=is_late)
        if process.returncode and not (may_fail and answer):
            raise GitError(_reason(said))
        return answer

    def _filter_options(self) -> list[str]:
        off = ("clean=", "smudge=", "process=", "required=false")
        return [word for name in sorted(self.filters) for one in off for word in ("-c", f"filter.{name}.{one}")]

    def _read(self, process: subprocess.Popen[bytes], limit_bytes: int) -> tuple[bytes, bool]:
        """Up to one byte more than the limit, and whether the time was up; the process is gone afterwards."""
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
    """That of a git command: ours without what would turn git to something else, and with our own limits."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environ |= {name: value for name, value in os.environ.items() if name.startswith(_KEPT)}
    environ |= _OURS
    return environ if index is None else {**environ, "GIT_INDEX_FILE": str(index)}


def _check_limits(command: str, answer: bytes, limit_bytes: int, *, is_late: bool) -> None:
    if is_late:
        raise LimitError("git did not answer in time")
    if len(answer) > limit_bytes:
        raise LimitError(f"git {command} said more than {limit_bytes} bytes")


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End git and what it runs."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _reason(said: str) -> str:
    if "not a git repository" in said:
        return "not in a git repository"
    lines = said.strip().splitlines()
    fatal = next((line for line in lines if line.startswith(("fatal: ", "error: "))), None)
    told = fatal or (lines[0] if lines else "git failed without a word")
    return told.removeprefix("fatal: ").removeprefix("error: ")
