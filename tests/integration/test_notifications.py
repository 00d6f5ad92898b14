"""Notifications against a real HTTP server on this machine, and with real commands."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.runs import make_run
from tests.support.webhooks import WebhookServer, webhook_server
from tsdia_run.files.redaction import Redactor
from tsdia_run.notify import user_command
from tsdia_run.notify.facts import Event, EventFacts, describe
from tsdia_run.notify.payloads import request_to
from tsdia_run.notify.webhook import host_of, post
from tsdia_run.rundir.record import Digest, Outcome, State

SECRET = "T0123/B4567/secret-path"
LIMIT_S = 10.0


@pytest.fixture
def server() -> Iterator[WebhookServer]:
    with webhook_server() as running:
        yield running


@pytest.fixture
def facts(tmp_path: Path) -> EventFacts:
    return facts_of(tmp_path, "ValueError: <!channel> & @everyone api_key=hunter2hunter2")


def facts_of(folder: Path, reason: str, event: Event = Event.FAILED, hung: str = "") -> EventFacts:
    made = make_run(folder / "exp", State.FAILED).run
    last = made.last.with_outcome(Outcome(State.FAILED, reason, exit_code=3), made.last.started_at + timedelta(hours=1))
    run = replace(made.with_attempt(last), digest=Digest(9, "val_loss", 0.5, 7))
    return describe(event, run, str(folder / "exp"), Redactor(()), hung)


def test_other_servers_get_every_fact_as_json(server: WebhookServer, facts: EventFacts) -> None:
    assert post(server.url(f"/{SECRET}?x=1"), facts, LIMIT_S) is None
    (request,) = server.received
    assert (request.method, request.target, request.headers["Content-Type"]) == (
        "POST", f"/{SECRET}?x=1", "application/json",
    )  # fmt: skip
    assert request.body | {"run_dir": "", "text": "", "reason": ""} == {
        "schema": 1, "event": "failed", "name": "exp", "run_dir": "", "run_id": "00aa11bb22cc", "attempt": 0,
        "state": "failed", "reason": "", "exit_code": 3, "signal": None, "host": "node1",
        "started_at": "2026-11-20T08:00:00+00:00", "ended_at": "2026-11-20T09:00:00+00:00", "duration_s": 3600.0,
        "metric": "val_loss", "best": 0.5, "best_step": 7, "text": "",
    }  # fmt: skip
    assert request.body["text"].startswith("exp failed after 1 h 0 min on node1: ValueError: <!channel> & @everyone")
    assert "hunter2" not in json.dumps(request.body)


@pytest.mark.parametrize(
    ("url", "target", "message"),
    [
        ("http://hooks.slack.com/services/T/B/x", None, {"text": "❌ {slack}"}),
        ("http://hooks.slack-gov.com/services/T/B/x", None, {"text": "❌ {slack}"}),
        (
            "http://discord.com/api/webhooks/1/x",
            None,
            {"content": "❌ {text}", "allowed_mentions": {"parse": []}},
        ),
        (
            "http://ptb.discord.com/api/webhooks/1/x?wait=true",
            None,
            {"content": "❌ {text}", "allowed_mentions": {"parse": []}},
        ),
        ("http://ntfy.sh/my-topic", "http://ntfy.sh/", "ntfy"),
        ("http://ntfy.lab.org:8080/base/my-topic/?auth=x", "http://ntfy.lab.org:8080/base/?auth=x", "ntfy"),
    ],
)
def test_the_form_follows_from_the_host(
    server: WebhookServer,
    facts: EventFacts,
    monkeypatch: pytest.MonkeyPatch,
    url: str,
    target: str | None,
    message: Any,
) -> None:
    """The server is the proxy of these hosts, so the requests are those that the services would get."""
    monkeypatch.setenv("http_proxy", server.url(""))
    monkeypatch.delenv("no_proxy", raising=False)
    assert post(url, facts, LIMIT_S) is None
    (request,) = server.received
    assert request.target == (target or url)
    slack = facts.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if message == "ntfy":
        message = {"topic": "my-topic", "title": "exp: failed", "message": "{text}", "tags": ["x"], "priority": 4}
    filled = {
        key: value.format(text=facts.text, slack=slack) if isinstance(value, str) else value
        for key, value in message.items()
    }
    assert request.body == filled


def test_a_host_that_only_looks_like_a_service_gets_plain_json(facts: EventFacts) -> None:
    for url in ("http://slack.com.evil.org/x", "http://notdiscord.com/x", "http://myntfy.sh/x"):
        assert json.loads(request_to(url, facts).body)["schema"] == 1


def test_a_user_in_the_url_becomes_a_header(server: WebhookServer, facts: EventFacts) -> None:
    assert post(server.url("/x").replace("//", "//me:pa%20ss@"), facts, LIMIT_S) is None
    assert server.received[0].headers["Authorization"] == "Basic bWU6cGEgc3M="


@pytest.mark.parametrize(
    ("answer", "location", "said"),
    [
        (404, "", "the server answered 404 Not Found"),
        (500, "", "the server answered 500 Internal Server Error"),
        (599, "", "the server answered 599"),
        (
            302,
            f"https://me:pw@other.org/{SECRET}",
            "the server answered 302 Found; set the URL that it redirects to, on other.org",
        ),
        (308, "", "the server answered 308 Permanent Redirect; set the URL that it redirects to, on "),
    ],
)
def test_an_answer_that_is_not_a_success(
    server: WebhookServer, facts: EventFacts, answer: int, location: str, said: str
) -> None:
    server.answer, server.location = answer, location
    assert post(server.url(f"/{SECRET}"), facts, LIMIT_S) == said
    assert [one.method for one in server.received] == ["POST"]


def test_no_answer(server: WebhookServer, facts: EventFacts) -> None:
    server.answer = 0
    assert post(server.url(f"/{SECRET}"), facts, 0.2) == "no answer in time"


def test_servers_that_cannot_be_used(facts: EventFacts) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def answer() -> None:
            for data in (b"HTTP/1.1 nonsense\r\n\r\n", b""):
                with listener.accept()[0] as client:
                    client.recv(65536)
                    client.sendall(data)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        problems = [post(f"http://127.0.0.1:{port}/{SECRET}", facts, LIMIT_S) for _ in range(2)]
        thread.join()
    problems.append(post(f"http://127.0.0.1:{port}/{SECRET}", facts, LIMIT_S))
    problems.append(post(f"http://127.0.0.1:99999/{SECRET}", facts, LIMIT_S))
    problems.append(post(f"https://[::1/{SECRET}", facts, LIMIT_S))
    assert problems[2] == "Connection refused"
    for problem in problems:
        assert problem
        assert "secret" not in problem
    assert host_of("https://me:pw@host.org:1/secret") == "host.org"


def run(tmp_path: Path, code: str) -> str | None:
    started = user_command.start([sys.executable, "-c", code], dict(os.environ), tmp_path)
    try:
        return started.wait(LIMIT_S, threading.Event())
    finally:
        started.close()


def test_the_end_of_a_command(tmp_path: Path) -> None:
    assert run(tmp_path, "print('output')") is None
    assert run(tmp_path, "import sys; print('first'); sys.exit('no such\\x1b[31m list')") == "exit code 1: no such list"
    assert run(tmp_path, "import os; os.kill(os.getpid(), 9)") == "signal 9"


CHILD = "print('x', flush=True); import time; time.sleep(600)"
PARENT = f"""\
import subprocess, sys
subprocess.run([sys.executable, "-c", {CHILD!r}], stdout=open(sys.argv[1], "w"))
"""


@pytest.mark.timeout(60)
def test_a_slow_command_is_killed_with_its_children(tmp_path: Path) -> None:
    fifo = tmp_path / "alive"
    os.mkfifo(fifo)
    started = user_command.start([sys.executable, "-c", PARENT, str(fifo)], dict(os.environ), tmp_path)
    with fifo.open("rb") as alive:
        assert alive.readline() == b"x\n"
        assert started.wait(0, threading.Event()) == "it did not end in time"
        assert alive.read() == b""  # only when no process has the other end open
    started.close()


def test_a_command_that_does_not_exist(tmp_path: Path) -> None:
    started = user_command.start(["/no/such"], {}, tmp_path)
    assert started.wait(LIMIT_S, threading.Event()) == "exit code 1: No such file or directory"
    started.close()


def test_the_sentence_of_each_event(tmp_path: Path) -> None:
    texts = {
        event: facts_of(tmp_path / event.value, "killed", event, hung="hung: no output" if event is Event.HUNG else "")
        for event in (Event.HUNG, Event.RESTARTED)
    }
    assert texts[Event.HUNG].text == "exp is hung: no output"
    assert texts[Event.RESTARTED].text == "exp restarts after an attempt that failed: killed"
    assert "TSDIA_RUN_NOTIFY_BEST" not in texts[Event.HUNG].variables()
    assert texts[Event.RESTARTED].variables()["TSDIA_RUN_NOTIFY_EVENT"] == "restarted"
