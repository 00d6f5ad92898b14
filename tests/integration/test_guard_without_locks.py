"""The claim on a file system without locks, which tests/support/faulty_locks.py simulates."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.command import environment
from tests.support.faulty_locks import no_locks
from tests.support.starters import race
from tsdia_run.claim import guard, live_check, owner
from tsdia_run.claim.acquire import Entry, enter
from tsdia_run.claim.owner import Holder
from tsdia_run.errors import RunAliveError
from tsdia_run.rundir.layout import RunLayout


@pytest.fixture(autouse=True)
def here_neither(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", no_locks)


def faulty(*words: str, cwd: Path | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.faulty_locks", *words],
        cwd=cwd,
        env=environment({"PYTHONPATH": os.getcwd()}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def start(run_dir: Path, *flags: str) -> subprocess.Popen[str]:
    return faulty("tests.support.starters", str(run_dir), *flags)


def won(run_dir: Path) -> subprocess.Popen[str]:
    starter = start(run_dir)
    assert race([starter]) == ["won"]
    return starter


def leave_claim(run_dir: Path, left_by: Holder) -> None:
    """Leave the claim of a process that ended without releasing it."""
    folder = run_dir / ".tsdia/held-0"
    folder.mkdir(parents=True)
    (run_dir / ".tsdia/claim").touch()
    (folder / "holder.json").write_bytes(left_by.as_bytes())


@pytest.mark.parametrize("flags", [(), ("--existing",)])
def test_of_many_simultaneous_starts_exactly_one_wins(tmp_path: Path, flags: tuple[str, ...]) -> None:
    if flags:
        leave_claim(tmp_path / "exp", replace(owner.ourselves(), boot_id="another boot"))
    starters = [start(tmp_path / "exp", *flags) for _ in range(12)]
    answers = race(starters)
    for starter in starters:
        starter.communicate()
    assert sorted(answers) == ["75"] * 11 + ["won"]


def test_it_warns_and_releases_the_claim(tmp_path: Path) -> None:
    claim, _ = enter(Entry(tmp_path / "exp", False))
    assert "no locks" in claim.warnings[0]
    for ask in (guard.claim_existing, guard.refuse_living):
        with pytest.raises(RunAliveError, match=f"pid {os.getpid()} on"):
            ask(tmp_path / "exp")
    claim.close()
    guard.refuse_living(tmp_path / "exp")
    for _ in range(3):
        guard.claim_existing(tmp_path / "exp").close()
    assert len(list((tmp_path / "exp/.tsdia").glob("*held-*"))) == 1


def test_the_claim_of_a_killed_owner_is_taken_over(tmp_path: Path) -> None:
    starter = won(tmp_path / "exp")
    with pytest.raises(RunAliveError, match=f"pid {starter.pid} on"):
        guard.claim_existing(tmp_path / "exp")
    starter.kill()
    starter.communicate()
    guard.claim_existing(tmp_path / "exp").close()


def test_a_zombie_is_dead(tmp_path: Path) -> None:
    starter = won(tmp_path / "exp")
    starter.kill()
    # Not reaped yet: the pid still exists, and kill(pid, 0) would report it as running.
    os.waitid(os.P_PID, starter.pid, os.WEXITED | os.WNOWAIT)
    guard.claim_existing(tmp_path / "exp").close()
    starter.communicate()


def test_a_reused_pid_is_dead_and_its_new_process_gets_no_signal(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as bystander:
        ticks = owner.start_ticks(bystander.pid)
        assert ticks
        leave_claim(tmp_path / "exp", replace(owner.ourselves(), pid=bystander.pid, start_ticks=ticks - 1))
        guard.claim_existing(tmp_path / "exp").close()
        assert bystander.poll() is None


def test_another_machines_claim_is_never_taken_and_the_error_has_a_command(tmp_path: Path) -> None:
    leave_claim(tmp_path / "exp", replace(owner.ourselves(), host="node2", boot_id="its boot"))
    with pytest.raises(RunAliveError, match=f"pid {os.getpid()} on node2") as refused:
        guard.claim_existing(tmp_path / "exp")
    assert refused.value.hint.endswith(f"rm -r {tmp_path}/exp/.tsdia/held-0")
    subprocess.run(["rm", "-r", str(tmp_path / "exp/.tsdia/held-0")], check=True)
    guard.claim_existing(tmp_path / "exp").close()


def test_a_claim_without_a_lock_also_counts_on_a_file_system_with_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_claim(tmp_path / "exp", replace(owner.ourselves(), host="node2"))
    monkeypatch.undo()
    with pytest.raises(RunAliveError, match="node2"):
        guard.claim_existing(tmp_path / "exp")


def test_a_run_that_is_moved_meanwhile_is_not_mistaken_for_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_dir = tmp_path / "exp"
    leave_claim(run_dir, replace(owner.ourselves(), boot_id="another boot"))
    starters: list[subprocess.Popen[str]] = []

    def in_the_midst_of_it(_: RunLayout) -> None:
        run_dir.rename(tmp_path / "aside")
        starters.append(won(run_dir))

    with monkeypatch.context() as patched:
        patched.setattr(live_check, "refuse_ranks", in_the_midst_of_it)
        with pytest.raises(RunAliveError, match="another process just started"):
            guard.claim_existing(run_dir)
    with pytest.raises(RunAliveError, match=f"pid {starters[0].pid} on"):
        guard.claim_existing(run_dir)
    starters[0].communicate()


def test_an_edited_claim_is_not_considered_dead(tmp_path: Path) -> None:
    leave_claim(tmp_path / "exp", owner.ourselves())
    (tmp_path / "exp/.tsdia/held-0/holder.json").write_text('{"pid": "me"}')
    with pytest.raises(RunAliveError, match="does not tell who"):
        guard.claim_existing(tmp_path / "exp")


def test_move_aside_releases_the_claim_at_its_new_path(tmp_path: Path) -> None:
    run_dir = tmp_path / "exp"
    enter(Entry(run_dir, False))[0].close()
    (run_dir / "thesis.tex").write_text("years of work")
    claim, moved = enter(Entry(run_dir, True))
    claim.close()
    assert moved
    guard.claim_existing(moved).close()


SCRIPT = """\
import pathlib, time
print("ready", flush=True)
while not pathlib.Path("go").exists():
    time.sleep(0.02)
"""
CONFIG = "training: {checkpoint: {save_dir: runs/exp}}\ntsdia_run: {launcher: python}\n"


def test_the_command_warns_and_recognises_a_training_without_supervisor_by_its_tag(tmp_path: Path) -> None:
    (tmp_path / "config.yml").write_text(CONFIG)
    (tmp_path / "train.py").write_text(SCRIPT)
    running = faulty("tsdia_run", "new", "config.yml", cwd=tmp_path)
    assert running.stdout
    shown: list[str] = []
    while "ready" not in (line := running.stdout.readline()):
        assert line, shown
        shown.append(line)
    assert "warning: the file system of" in "".join(shown)
    (training,) = [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/environ") if is_of(path, tmp_path)]
    running.kill()
    running.wait()
    refused = faulty("tsdia_run", "new", "config.yml", "--move-aside", cwd=tmp_path)
    told = refused.communicate(timeout=60)[0]
    assert refused.returncode == 75
    assert f"pid {training} python" in told
    (tmp_path / "go").touch()
    running.communicate(timeout=60)  # until its relay has exited too
    again = faulty("tsdia_run", "new", "config.yml", "--move-aside", cwd=tmp_path)
    told = again.communicate(timeout=60)[0]
    assert again.returncode == 0, told


def is_of(environ: Path, project: Path) -> bool:
    """Return whether a process is a training in a project."""
    try:
        return f"TSDIA_RUN_DIR={project}".encode() in environ.read_bytes()
    except OSError:
        return False
