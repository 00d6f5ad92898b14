"""Notifications of real runs, to a real server and by a real command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import Starter, log_of, record_of, tsdia_run, wait_until
from tests.support.webhooks import WebhookServer, webhook_server
from tsdia_run.claim.liveness import RunningProcesses, living
from tsdia_run.rundir.layout import RunLayout

SECRET = "T0123-B4567-secret-path"
FAILS = "import sys\nprint('ready', flush=True)\nsys.exit(3)\n"
FAILS_ONCE = "import os, sys\nif os.environ['TSDIA_RUN_ATTEMPT'] == '0': sys.exit('first')\n"
HANGS = "import time\nprint('ready', flush=True)\ntime.sleep(600)\n"
START = ("new", "--name", "exp", "--launcher", "python")


@pytest.fixture
def server() -> Iterator[WebhookServer]:
    with webhook_server() as running:
        yield running


def project(folder: Path, server: WebhookServer, script: str, command: str = "", more: str = "") -> Path:
    """Write a script, and a project file with the server's URL and a command for the shell."""
    (folder / "train.py").write_text(script)
    argv = f"\n  command: [sh, -c, {json.dumps(command)}]" if command else ""
    (folder / "tsdia-run.yml").write_text(f"notify:\n  webhook: {server.url('/' + SECRET)}{argv}\n{more}")
    return folder


def test_every_event_arrives_and_the_url_is_recorded_nowhere(tmp_path: Path, server: WebhookServer) -> None:
    for words in (["init", "-q"], ["commit", "-qm", "x", "--allow-empty"], ["add", "-N", "."]):
        if words[0] == "add":
            project(
                tmp_path,
                server,
                FAILS_ONCE,
                'echo "$TSDIA_RUN_NOTIFY_EVENT $TSDIA_RUN_NOTIFY_EXIT_CODE ${TSDIA_RUN_ID-no id}" >> told',
                "restarts: {max: 1, backoff_s: 0}\n",
            )
        subprocess.run(["git", "-c", "user.name=x", "-c", "user.email=x", *words], cwd=tmp_path, check=True)
    preview = tsdia_run(*START, "--dry-run", "--json", cwd=tmp_path)
    assert json.loads(preview.stdout)["settings"]["notify"]["webhook"] == "[redacted]"
    done = tsdia_run(*START, "-v", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert server.events == ["restarted", "completed"]
    assert (tmp_path / "told").read_text() == "restarted 1 no id\ncompleted 0 no id\n"
    run_dir = tmp_path / "runs" / "exp"
    assert "[redacted]" in (run_dir / "attempts" / "0" / "git.patch").read_text()
    files = [path.read_bytes() for path in run_dir.rglob("*") if path.is_file()]
    assert SECRET not in done.stderr + done.stdout + preview.stdout + preview.stderr
    assert not any(SECRET.encode() in data for data in files)
    resumed = tsdia_run("resume", str(run_dir), "--again", "--from-scratch", cwd=tmp_path.parent)
    assert resumed.returncode == 0, resumed.stderr
    assert server.events == ["restarted", "completed", "completed"]


def test_failed_notifications_are_reported_and_change_nothing(tmp_path: Path, server: WebhookServer) -> None:
    server.answer = 500
    done = tsdia_run(*START, cwd=project(tmp_path, server, FAILS, "echo no list >&2; exit 4"))
    assert done.returncode == 3
    record = record_of(tmp_path / "runs" / "exp")
    assert (record["state"], record["attempts"][0]["outcome"]["exit_code"]) == ("failed", 3)
    for said in (
        "the notification to 127.0.0.1 failed: the server answered 500 Internal Server Error",
        "the notification by sh failed: exit code 4: no list",
    ):
        assert f"tsdia-run: warning: {said}" in done.stderr
        assert f"[tsdia-run: warning: {said}]" in log_of(tmp_path / "runs" / "exp")


def test_a_slow_notification_holds_no_claim_and_a_signal_ends_the_wait(
    tmp_path: Path, server: WebhookServer, start: Starter
) -> None:
    server.answer = 0
    running = start(*START, cwd=project(tmp_path, server, FAILS, "touch started; sleep 600"))
    wait_until(lambda: len(server.received) == 1 and (tmp_path / "started").exists())
    assert record_of(tmp_path / "runs" / "exp")["state"] == "failed"
    assert living(RunLayout(tmp_path / "runs" / "exp")) is RunningProcesses.NOTHING
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 3
    assert "the notification to 127.0.0.1 failed: it was interrupted" in said


def test_a_notification_that_never_ends_delays_the_exit_by_ten_seconds(tmp_path: Path, server: WebhookServer) -> None:
    server.answer = 0
    done = tsdia_run(*START, cwd=project(tmp_path, server, FAILS))
    assert done.returncode == 3
    assert "the notification to 127.0.0.1 failed: no answer" in done.stderr
    ended_s = (tmp_path / "runs" / "exp" / "run.json").stat().st_mtime
    assert 9 < time.time() - ended_s < 30  # the bound is 10 s; the process must also end on a busy machine


def test_a_hung_run_in_the_background_and_a_stopped_one(tmp_path: Path, server: WebhookServer) -> None:
    project(tmp_path, server, HANGS, more="hang: {timeout: 1, start_timeout: 1}\nstop_grace_s: 0\n")
    assert tsdia_run(*START, "--detach", cwd=tmp_path).returncode == 0
    wait_until(lambda: len(server.received) == 2)
    assert server.events == ["hung", "failed"]
    hung, failed = (one.body for one in server.received)
    assert (hung["state"], hung["ended_at"], failed["state"]) == ("running", None, "failed")
    assert hung["reason"].startswith("hung: no output, metrics or checkpoint for")
    project(tmp_path, server, HANGS, more="stop_grace_s: 0\n")
    assert tsdia_run("new", "--name", "exp-2", "--launcher", "python", "--detach", cwd=tmp_path).returncode == 0
    assert tsdia_run("stop", "exp-2", cwd=tmp_path).returncode == 0
    wait_until(lambda: len(server.received) == 3)
    assert server.events[2:] == ["stopped"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("notify: {webhook: hooks.slack.com/SECRET}", "`notify.webhook` must be an http or https URL"),
        ("notify: {webhook: [http://x/SECRET]}", "`notify.webhook` must be an http or https URL"),
        ("notify: {webhok: http://x/SECRET}", "unknown setting `notify.webhok`"),
        ("notify: http://x/SECRET", "unknown setting `notify`"),
        ("notify: {webhook: http://x/SECRET", "SYNTAX"),
        ("notify: {on: [ended], webhook: http://x/SECRET}", "`notify.on` must be a list of events"),
        ("python: [a]  # http://x/SECRET", "`python` must be"),
    ],
)
def test_an_error_in_the_file_does_not_show_the_url(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "train.py").write_text("")
    (tmp_path / "tsdia-run.yml").write_text(text.replace("SECRET", SECRET) + "\n")
    done = tsdia_run(*START, cwd=tmp_path)
    assert done.returncode == os.EX_CONFIG, done.stderr
    assert SECRET not in done.stderr
    assert said in done.stderr or said == "SYNTAX"


def test_only_the_chosen_events_are_reported(tmp_path: Path, server: WebhookServer, start: Starter) -> None:
    project(tmp_path, server, "")
    with (tmp_path / "tsdia-run.yml").open("a") as file:
        file.write("  on: [failed]\n")
    assert tsdia_run(*START, cwd=tmp_path).returncode == 0
    assert server.received == []
