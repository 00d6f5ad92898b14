"""A disk that is full, read-only, unmounted or dead while a training runs: what the command and the next one report."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support import disks
from tests.support.command import (
    COMMAND,
    TWO_RANKS,
    Starter,
    environment,
    lines_of,
    log_of,
    record_of,
    tsdia_run,
    wait_for,
    wait_until,
)
from tests.support.slow import each_once, slow
from tests.support.unprivileged import obey_permissions

pytestmark = pytest.mark.root

# It trains until the test lets it end; nothing that it needs is on the disk of the run.
SCRIPT = """\
import os, pathlib, sys, time
with open("trace", "a") as trace:
    trace.write("trained\\n")
print("ready", flush=True)
while not pathlib.Path("go").exists():
    time.sleep(0.02)
print("ending", flush=True)
sys.exit(int(pathlib.Path("code").read_text()))
"""
RANKS = {"one": (), "two": TWO_RANKS}
ENDINGS = [("one", 0), ("one", 3), ("two", 0)]  # ranks and exit code
FAILURES = ["read-only", "unmounted", "killed"]


class Training:
    """A training whose run directory is on a disk of its own, ``runs``.

    Args:
        project: The folder of the training.
        start: Starts the command.
    """

    def __init__(self, project: Path, start: Starter) -> None:
        (project / "train.py").write_text(SCRIPT)
        self.project, self.runs, self.run_dir = project, project / "runs", project / "runs/exp"
        self._start = start
        self.env = {"XDG_STATE_HOME": str(project / "state")}

    def begin(self, *words: str, ranks: str = "one", code: int = 0) -> None:
        """Start it, and wait until every rank trains."""
        (self.project / "code").write_text(str(code))
        self.running = self._start("new", "config.yml", *RANKS[ranks], *words, cwd=self.project, env=self.env)
        # Not by its output: the lines of two ranks may arrive as one.
        wait_until(lambda: self.trained() == (2 if ranks == "two" else 1))
        wait_until((self.run_dir / "attempts/0/environment.json").exists)  # written while it trains

    def end(self) -> tuple[int, str]:
        """Let it end; return the exit code of the command and what it told."""
        (self.project / "go").touch()
        _, told = self.running.communicate(timeout=120)
        assert "Traceback" not in told, told
        return self.running.returncode, told

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run another command."""
        return tsdia_run(*words, cwd=self.project, env=self.env)

    def state(self) -> str:
        """Return the state of the run as `info` reports it."""
        state = json.loads(self.run("info", "runs/exp", "--json").stdout)["state"]
        assert isinstance(state, str)
        return state

    def trained(self) -> int:
        """Return how many ranks have started to train."""
        trace = self.project / "trace"
        return len(trace.read_text().splitlines()) if trace.exists() else 0

    def check_not_trained_again(self) -> None:
        """Check that `ensure` finds the completed run, and trains nothing."""
        before = self.trained()
        done = self.run("ensure", "config.yml")
        assert (done.returncode, "has completed" in done.stderr) == (0, True), done.stderr
        assert self.trained() == before


@pytest.fixture
def training(project: Path, start: Starter) -> Training:
    """A training that was not started yet."""
    return Training(project, start)


# A full disk.


@pytest.fixture
def full_disk(training: Training, request: pytest.FixtureRequest) -> Iterator[str]:
    """A disk that a test fills: its bytes, in memory or in an image, or its inodes."""
    kind: str = request.param
    with ExitStack() as stack:
        if kind == "ext4":
            stack.enter_context(disks.ext4(training.runs, training.project / "image"))
        else:
            stack.enter_context(disks.tmpfs(training.runs, "nr_inodes=300" if kind == "inodes" else ""))
        yield kind


def fill(runs: Path, kind: str) -> None:
    if kind == "inodes":
        disks.use_all_inodes(runs)
    else:
        disks.fill(runs)


@pytest.mark.parametrize(
    ("full_disk", "ending"), each_once(["bytes", "inodes", "ext4"], ENDINGS), indirect=["full_disk"]
)
def test_an_ending_on_a_full_disk_is_recorded(training: Training, full_disk: str, ending: tuple[str, int]) -> None:
    ranks, code = ending
    training.begin(ranks=ranks, code=code)
    fill(training.runs, full_disk)
    found, told = training.end()
    assert found == code, told
    state = "failed" if code else "completed"
    assert f"exp: {state}\n" in told
    assert record_of(training.run_dir)["state"] == training.state() == state
    assert not (training.run_dir / ".tsdia/reserve").exists()
    if not code:
        training.check_not_trained_again()


def test_a_reserve_exists_only_while_the_run_is_running(training: Training) -> None:
    training.begin()
    reserve = training.run_dir / ".tsdia/reserve"
    reserved = reserve.stat().st_blocks * 512
    assert reserved > (training.run_dir / "run.json").stat().st_size
    assert training.end()[0] == 0
    assert not reserve.exists()
    assert record_of(training.run_dir)["digest"]["size_bytes"] < reserved  # it does not count


def test_without_a_reserve_completion_is_not_claimed(training: Training) -> None:
    with disks.tmpfs(training.runs):
        training.begin()
        (training.run_dir / ".tsdia/reserve").unlink()
        disks.fill(training.runs)
        code, told = training.end()
        assert code == 74
        assert "exp: completed, but not recorded" in told
        assert f"that could not be recorded in {training.run_dir}: No space left on device" in told
        assert "The run then reads as completed." in told
        assert training.state() == "completed"
        training.check_not_trained_again()
        (training.runs / "filler").unlink()
        training.check_not_trained_again()
        assert record_of(training.run_dir)["state"] == "completed"


def test_an_ending_that_nothing_could_keep_is_said_to_read_as_lost(training: Training) -> None:
    training.env = {}  # tests have no state directory unless they ask for one
    with disks.tmpfs(training.runs):
        training.begin("--quiet")
        (training.run_dir / ".tsdia/reserve").unlink()
        disks.fill(training.runs)
        code, told = training.end()
        assert code == 74
        assert "The run then reads as lost. A resume would train again." in told
        assert training.state() == "lost"


def test_space_that_comes_back_is_used(training: Training) -> None:
    with disks.tmpfs(training.runs):
        training.begin()
        disks.fill(training.runs)
        before = (training.run_dir / ".tsdia/heartbeat.json").stat().st_mtime_ns
        wait_until(lambda: (training.run_dir / ".tsdia/heartbeat.json").stat().st_mtime_ns > before)
        (training.runs / "filler").unlink()
        code, told = training.end()
        assert (code, told.count("warning")) == (0, 1), told  # the one about the config
        assert (training.run_dir / "attempts/0/exit-rank0.json").exists()
        assert lines_of(training.run_dir) == ["ready", "ending"]
        assert log_of(training.run_dir).splitlines()[-1].startswith("[tsdia-run: completed")


def test_every_run_on_one_full_disk_is_recorded(project: Path, start: Starter) -> None:
    (project / "train.py").write_text(SCRIPT)
    (project / "code").write_text("0")
    with disks.tmpfs(project / "runs"):
        running = [start("new", "config.yml", "--name", f"exp-{number}", cwd=project) for number in range(4)]
        for one in running:
            wait_for(one, "ready")
        disks.fill(project / "runs")
        (project / "go").touch()
        assert [(one.communicate(timeout=120), one.returncode)[1] for one in running] == [0] * 4
        assert {record_of(project / f"runs/exp-{number}")["state"] for number in range(4)} == {"completed"}


def test_no_restart_is_tried_on_a_full_disk(training: Training) -> None:
    with disks.tmpfs(training.runs):
        training.begin("--max-restarts", "2", "--set", "training.epochs=1", code=3)
        disks.fill(training.runs)
        code, told = training.end()
        assert code == 3
        assert f"no restart: the disk of {training.run_dir} is full" in told
        assert [one["state"] for one in record_of(training.run_dir)["attempts"]] == ["failed"]
        assert os.listdir(training.run_dir / "attempts") == ["0"]
        assert training.trained() == 1


@pytest.mark.parametrize("kind", ["bytes", "inodes"])
def test_a_start_on_a_full_disk_changes_nothing(training: Training, kind: str) -> None:
    with disks.tmpfs(training.runs, "nr_inodes=300"):
        training.begin(code=3)
        assert training.end()[0] == 3
        fill(training.runs, kind)
        if kind == "inodes":
            for number in range(20):  # too few for an attempt, but some
                (training.runs / f"fillers/{number}").unlink()
        before = {path: path.stat().st_mtime_ns for path in training.run_dir.rglob("*")}
        for words in (("resume", "runs/exp", "--from-scratch"), ("ensure", "config.yml"), ("new", "config.yml")):
            done = training.run(*words)
            assert done.returncode == 73, done.stderr
            assert "is full" in done.stderr
        assert {path: path.stat().st_mtime_ns for path in training.run_dir.rglob("*")} == before


def test_a_run_whose_supervisor_was_killed_completes_on_a_disk_that_is_full_by_now(training: Training) -> None:
    with disks.tmpfs(training.runs):
        training.begin()
        training.running.kill()
        training.running.wait()
        (training.project / "go").touch()
        wait_until((training.run_dir / "attempts/0/exit-rank0.json").exists)
        wait_until(lambda: training.state() == "completed")
        disks.fill(training.runs)
        training.check_not_trained_again()
        assert training.state() == "completed"


def test_a_run_on_a_full_disk_can_be_stopped(training: Training) -> None:
    with disks.tmpfs(training.runs):
        training.begin()
        disks.fill(training.runs)
        done = training.run("stop", "runs/exp")
        assert done.returncode == 0, done.stderr
        training.running.communicate(timeout=60)
        assert training.running.returncode == -signal.SIGTERM
        assert record_of(training.run_dir)["state"] == "stopped"


def test_the_reason_names_a_disk_without_free_inodes(training: Training) -> None:
    with disks.tmpfs(training.runs, "nr_inodes=300"):
        training.begin(code=3)
        disks.use_all_inodes(training.runs)
        training.end()
        assert (
            "the disk of the run directory is full" in record_of(training.run_dir)["attempts"][0]["outcome"]["reason"]
        )


# A disk that can't be written or is gone.


class Failing:
    """A disk that fails while the training runs, and that works again later.

    Args:
        training: The training.
        kind: How it fails.
        stack: Unmounts it in the end.
    """

    def __init__(self, training: Training, kind: str, stack: ExitStack) -> None:
        self.kind, self._runs = kind, training.runs
        if kind == "killed":
            self._fuse = stack.enter_context(disks.fuse(training.runs, training.project / "behind"))
        else:
            self._ext4 = stack.enter_context(disks.ext4(training.runs, training.project / "image"))

    def fail(self) -> None:
        """Fail."""
        if self.kind == "killed":
            self._fuse.kill()
        elif self.kind == "unmounted":
            disks.unmount(self._runs)
        else:
            self._ext4.become_read_only()

    def work_again(self) -> None:
        """Work again, with the files that it had."""
        disks.unmount(self._runs)
        if self.kind == "killed":
            self._fuse.mount()
        elif self.kind == "unmounted":
            self._ext4.mount()
        else:
            self._ext4.repair()


@pytest.fixture(params=FAILURES)
def failing(training: Training, request: pytest.FixtureRequest) -> Iterator[Failing]:
    """A disk that fails in one way."""
    with ExitStack() as stack:
        yield Failing(training, request.param, stack)


@pytest.mark.parametrize(("failing", "ending"), each_once(FAILURES, ENDINGS), indirect=["failing"])
def test_an_ending_on_a_failing_disk_is_reported_and_known_afterwards(
    training: Training, failing: Failing, ending: tuple[str, int]
) -> None:
    ranks, code = ending
    training.begin(ranks=ranks, code=code)
    failing.fail()
    found, told = training.end()
    state = "failed" if code else "completed"
    assert found == (code or 74), told
    assert f"exp: {state}, but not recorded" in told
    assert f"the run reads as {state}" in told
    assert ("that could not be recorded" in told) is (code == 0)
    if failing.kind == "unmounted":
        assert os.listdir(training.runs) == []
    failing.work_again()
    assert training.state() == state
    if not code:
        training.check_not_trained_again()
        assert record_of(training.run_dir)["state"] == "completed"
        assert list((training.project / "state").glob("tsdia-run/endings/*")) == []


def test_a_disk_that_works_again_before_the_end_gets_the_ending(training: Training, failing: Failing) -> None:
    if failing.kind == "read-only":
        pytest.skip("a repair needs the disk to be unmounted")
    training.begin()
    failing.fail()
    before = len(os.listdir("/proc/self/fd"))
    failing.work_again()
    assert len(os.listdir("/proc/self/fd")) == before
    code, told = training.end()
    assert code == 0, told
    assert "exp: completed\n" in told
    assert record_of(training.run_dir)["state"] == "completed"


def test_nothing_is_created_below_a_lost_mount_while_the_run_continues(training: Training) -> None:
    with disks.tmpfs(training.runs):
        training.begin()
        disks.unmount(training.runs)
        heartbeats = 2 * 5
        subprocess.run(["sleep", str(heartbeats)], check=True)
        assert os.listdir(training.runs) == []
        assert training.end()[0] == 74
        assert os.listdir(training.runs) == []


def test_a_run_directory_that_is_a_mount_itself_is_not_created_below_it(training: Training) -> None:
    training.runs.mkdir()
    with disks.tmpfs(training.run_dir):
        training.begin()
        disks.unmount(training.run_dir)
        assert training.end()[0] == 74
        assert os.listdir(training.run_dir) == []


def test_another_disk_at_the_place_of_the_run_gets_nothing(training: Training) -> None:
    with disks.tmpfs(training.runs):
        training.begin()
        with disks.tmpfs(training.runs):
            code, told = training.end()
            assert (code, "no longer mounted" in told) == (74, True)
            assert os.listdir(training.runs) == []


@pytest.mark.parametrize(("failing", "signal_name"), each_once(FAILURES, ["SIGINT", "SIGTERM"]), indirect=["failing"])
def test_a_stop_on_a_failing_disk_still_ends_the_training(
    training: Training, failing: Failing, signal_name: str
) -> None:
    number = signal.Signals[signal_name]
    training.begin()
    failing.fail()
    training.running.send_signal(number)
    _, told = training.running.communicate(timeout=60)
    assert training.running.returncode == -number, told
    assert "Traceback" not in told.replace("Traceback (most recent call last)", "", 1)  # the script's KeyboardInterrupt
    assert "exp: stopped, but not recorded" in told
    failing.work_again()
    assert training.state() == "stopped"


@pytest.mark.parametrize("failing", ["read-only", *slow("unmounted", "killed")], indirect=True)
def test_a_resumed_attempt_on_a_failing_disk_is_reported(training: Training, failing: Failing, start: Starter) -> None:
    save = (
        "import os, pathlib\n"
        "kept = pathlib.Path('runs/exp/checkpoint-epoch0-step5/state.json')\n"
        "if 'TSDIA_RUN_CHECKPOINT' in os.environ:\n"
        "    kept.read_text()\n"
        "else:\n"
        "    kept.parent.mkdir()\n"
        "    kept.write_text('{}')\n"
    )
    (training.project / "train.py").write_text(save + SCRIPT)
    training.begin(code=3)
    assert training.end()[0] == 3
    (training.project / "go").unlink()
    (training.project / "code").write_text("0")
    training.running = start("resume", "runs/exp", cwd=training.project, env=training.env)
    wait_for(training.running, "ready")
    failing.fail()
    code, told = training.end()
    assert code == 74
    assert "exp: completed, but not recorded" in told
    assert "overwritten or removed" not in told
    failing.work_again()
    assert training.state() == "completed"


@pytest.mark.parametrize("failing", ["unmounted", *slow("read-only", "killed")], indirect=True)
def test_no_restart_is_tried_without_the_disk(training: Training, failing: Failing) -> None:
    training.begin("--max-restarts", "2", code=3)
    failing.fail()
    code, told = training.end()
    assert code == 3
    assert "no restart: the ending could not be recorded: " in told
    assert training.trained() == 1


def test_a_restart_whose_disk_is_unmounted_while_it_waits_creates_nothing(training: Training) -> None:
    training.env["TSDIA_RUN_OPT_RESTARTS_BACKOFF_S"] = "4"
    with disks.tmpfs(training.runs):
        training.begin("--max-restarts", "1", code=3)
        (training.project / "go").touch()
        wait_until(lambda: len(record_of(training.run_dir)["attempts"]) == 2)
        disks.unmount(training.runs)
        code, told = training.end()
        assert code == 74, told
        assert "could not start the training: " in told
        assert "exp: failed, but not recorded" in told
        assert os.listdir(training.runs) == []
        assert training.trained() == 1


def test_the_whole_project_on_a_lost_disk(start: Starter, tmp_path: Path) -> None:
    """The working directory, the config and the script are gone too."""
    outside = tmp_path / "outside"
    outside.mkdir()
    with disks.fuse(tmp_path / "project", tmp_path / "behind") as disk:
        project = tmp_path / "project"
        (project / "config.yml").write_text(
            "training: {checkpoint: {save_dir: runs/exp}}\ntsdia_run: {launcher: python}\n"
        )
        script = SCRIPT.replace('"go"', f'"{outside}/go"').replace('"code"', f'"{outside}/code"')
        (project / "train.py").write_text(script)
        (outside / "code").write_text("0")
        running = start("new", "config.yml", cwd=project, env={"XDG_STATE_HOME": str(outside)})
        wait_for(running, "ready")
        disk.kill()
        (outside / "go").touch()
        _, told = running.communicate(timeout=60)
        assert running.returncode == 74, told
        assert "Traceback" not in told, told
        assert "exp: completed, but not recorded" in told


@pytest.mark.parametrize("place", ["runs/exp", "runs"])
def test_permissions_that_changed_are_reported(project: Path, place: str) -> None:
    state = {"XDG_STATE_HOME": str(project / "state")}
    (project / "train.py").write_text(f"import os\nos.chmod({place!r}, 0)\n")
    done = subprocess.run(
        [COMMAND, "new", "config.yml"],
        cwd=project,
        env=environment(state),
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=obey_permissions,
        check=False,
    )
    assert done.returncode == 74, done.stderr
    assert "Traceback" not in done.stderr
    assert "exp: completed, but not recorded" in done.stderr
    assert "Permission denied" in done.stderr
    (project / place).chmod(0o755)
    done = tsdia_run("ensure", "config.yml", cwd=project, env=state)
    assert (done.returncode, "has completed" in done.stderr) == (0, True), done.stderr
    shutil.rmtree(project / "runs")


def test_a_run_whose_disk_is_not_mounted_is_not_started_again(training: Training, tmp_path: Path) -> None:
    with disks.ext4(training.runs, tmp_path / "image") as disk:
        (training.project / "go").touch()
        training.begin()
        assert training.end()[0] == 0
        disks.unmount(training.runs)
        for words in (["ensure"], ["new"], ["new", "--dry-run"], ["ensure", "--dry-run"]):
            done = training.run(words[0], "config.yml", *words[1:])
            assert done.returncode == 73, done.stderr
            assert (
                f"runs/exp does not exist now: it is on the file system of {training.runs}, which is not" in done.stderr
            )
        assert (training.trained(), list(training.runs.iterdir())) == (1, [])
        disk.mount()
        training.check_not_trained_again()
        shutil.rmtree(training.run_dir)
        assert training.run("ensure", "config.yml").returncode == 0
        assert training.trained() == 2, "a run that was removed is started again"
        disks.unmount(training.runs)
        subprocess.run(done.stderr.partition("instead: ")[2], shell=True, check=True)
        assert training.run("ensure", "config.yml").returncode == 0
        assert training.trained() == 3
