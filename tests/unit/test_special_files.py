"""Files that are not regular, and archives and records that are larger than they look: no reader waits or grows."""

from __future__ import annotations

import functools
import gzip
import json
import os
import resource
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.faulty_files import REPLACEMENTS
from tests.support.runs import full_run, make_run
from tests.unit.test_report_tampered import look_everywhere
from tsdia_run.claim.liveness import RunningProcesses, living
from tsdia_run.files import opening
from tsdia_run.files.atomic import write_bytes
from tsdia_run.report.formatting import NoState
from tsdia_run.report.logs import stream
from tsdia_run.report.logs.parts import LogParts, text_of
from tsdia_run.report.logs.reader import Reader
from tsdia_run.report.logs.seek import at_tail
from tsdia_run.report.status import look
from tsdia_run.rundir import catalog
from tsdia_run.rundir.layout import RunLayout

# Each of them is opened by a reader.
FILES = (
    "run.json", "config.yml", "metrics.jsonl", "wandb_info.json", "hyperparameters.json", "best_checkpoint",
    "attempts/0/command.json", "attempts/1/command.json", "attempts/1/git.json", "attempts/1/git.patch",
    "attempts/1/environment.json", "attempts/1/exit-rank0.json", "attempts/1/ranks.json", "attempts/1/stop.json",
    "attempts/1/refused.txt", "attempts/1/config/config.yml", "step_2/tsdia-checkpoint.json",
    "step_2/tsdia-checkpoint.sha256", "step_2/.tsdia-rank0.json", "step_2/model.safetensors", "loose.pt", "last.ckpt",
    ".tsdia/claim", ".tsdia/alive", ".tsdia/heartbeat.json", ".tsdia/metrics.json", ".tsdia/progress.json",
    ".tsdia/checkpoint-patterns.json", ".tsdia/reads/warnings", "logs", "attempts", "step_2",
)  # fmt: skip
SPECIAL = ("pipe", "socket", "device", "terminal", "loop of links")
MAKE = {**REPLACEMENTS, "loop of links": REPLACEMENTS["link to itself"]}


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return made_runs(tmp_path)


@pytest.fixture(scope="module")
def shared_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_runs(tmp_path_factory.mktemp("shared"))


def made_runs(folder: Path) -> Path:
    full_run(folder / "runs" / "exp")
    make_run(folder / "runs" / "sound")
    return folder / "runs"


@contextmanager
def replaced(path: Path, aside: Path) -> Iterator[None]:
    """Move a file or a folder away, if it exists, and back again."""
    exists = os.path.lexists(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if exists:
        path.rename(aside)
    yield
    path.unlink()
    if exists:
        aside.rename(path)


@pytest.mark.timeout(30)
@pytest.mark.parametrize("kind", SPECIAL)
@pytest.mark.parametrize("name", FILES)
def test_no_reader_waits_for_a_special_file(shared_runs: Path, tmp_path: Path, name: str, kind: str) -> None:
    run_dir = shared_runs / "exp"
    with replaced(run_dir / name, tmp_path / "aside"):
        MAKE[kind](run_dir / name)
        found = {row.name: row for row in look_everywhere(run_dir)}
    assert set(found) == {"exp", "sound"}
    if name == "run.json":
        assert found["exp"].state is NoState.DAMAGED
        assert found["exp"].reason


@pytest.mark.timeout(30)
@pytest.mark.parametrize("kind", SPECIAL)
def test_logs_in_which_a_part_is_a_special_file(runs: Path, kind: str) -> None:
    log = stream.attempt_logs(look(runs / "exp"))[-1]
    log.live.write_bytes(b"live\n")
    parts = LogParts(log.live)
    for path in (parts.rotated(1), parts.cut, parts.times):
        MAKE[kind](path)
    parts.rotated(3).write_bytes(b"plain\n")
    text = b"".join(piece.data for piece in stream.read(stream.beginnings([log])))
    assert text.endswith(b"plain\nlive\n")
    assert b"can't be read" in text
    assert b"".join(piece.data for piece in stream.read(stream.since([log], 0.0))).endswith(b"live\n")
    MAKE[kind](log.live)
    reader = Reader(log.live)
    assert b"training" in b"".join(reader.read())
    assert b"".join(reader.read()) == b""
    assert at_tail(log.live, 5).lines >= 0


@pytest.mark.parametrize(
    "recorded", ["../../secret", "{tmp}/secret", "logs/../../../secret", "out/secret", "logs/link"]
)
def test_a_recorded_log_outside_of_the_run_is_not_read(runs: Path, tmp_path: Path, recorded: str) -> None:
    (tmp_path / "secret").write_text("a secret\n")
    (runs / "exp" / "out").symlink_to(tmp_path)
    (runs / "exp" / "logs" / "link").symlink_to(tmp_path / "secret")
    record = runs / "exp" / "run.json"
    data = json.loads(record.read_text())
    for attempt in data["attempts"]:
        attempt["log"] = recorded.format(tmp=tmp_path)
    record.write_text(json.dumps(data))
    status = look(runs / "exp")
    logs = stream.attempt_logs(status)
    text = b"".join(piece.data for piece in stream.read([*stream.beginnings(logs), *stream.tail(logs, 5)]))
    assert b"a secret" not in text
    assert len(logs) + len(stream.logs_outside(status)) == len(status.attempts)


def deflated(text: bytes, times: int = 1) -> bytes:
    """Return the compressed form of a text that is repeated."""
    body = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return (body.compress(text) + body.flush(zlib.Z_FULL_FLUSH)) * times + body.flush()


def member(text: bytes, times: int = 1, claimed: int | None = None) -> bytes:
    """Return a gzip member as the relay writes it, with a possibly wrong length of its text."""
    packed = deflated(text, times)
    length = len(text) * times
    checksum = functools.reduce(lambda so_far, _: zlib.crc32(text, so_far), range(times), 0)
    tail = struct.pack("<II", checksum, length & 0xFFFFFFFF)
    size = 24 + len(packed) + len(tail)
    head = b"\x1f\x8b\x08\x04\0\0\0\0\0\x03\x0c\0TD\x08\0"
    return head + struct.pack("<II", size, length if claimed is None else claimed) + packed + tail


@pytest.fixture
def little_memory() -> Iterator[None]:
    """Limit the memory that this process may add to 256 MiB."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + 256 * 2**20, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


MIB = bytes(2**20)
ENDLESS = b"\x1f\x8b\x08\x04\0\0\0\0\0\x03\x0c\0TD\x08\0" + b"\xff" * 8
BOMBS = {
    "a member that says that it is small": lambda: member(MIB, 512, claimed=5),
    "a member that says how large it is": lambda: member(MIB, 512),
    "a gzip file of another program": lambda: gzip.compress(b"")[:10] + member(MIB, 512)[24:],
    "a member that was cut off": lambda: member(b"x" * 100_000)[:60],
    "a header alone": lambda: member(b"x")[:24],
    "a member that says that its file is endless": lambda: (
        b"\x1f\x8b\x08\x04\0\0\0\0\0\x03\x0c\0TD\x08\0" + b"\xff" * 8
    ),
}


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize("bomb", BOMBS)
def test_a_log_is_unpacked_within_limits(tmp_path: Path, bomb: str) -> None:
    live = tmp_path / "training_20261120_080000.log"
    live.write_bytes(b"live\n")
    part = LogParts(live).rotated(1)
    part.write_bytes(member(b"first\n") + BOMBS[bomb]())
    text = b"".join(text_of(part))
    assert text.startswith((b"first\n", b"\0")) or b"can't be read" in text
    assert len(text) < 2**20
    assert b"".join(Reader(live).read()).endswith(b"live\n")
    assert at_tail(live, 10).lines >= 1


JSON_BOMBS = {
    "nested": b"[" * 10**6,
    "many lists": b"[" + b"[]," * (5 * 10**6) + b"[]]",
    "many objects": b'{"a": [' + b"{}," * (5 * 10**6) + b"{}]}",
    "a huge number": b'{"schema": ' + b"9" * 10**6 + b"}",
    "larger than any record": b'"' + b"x" * (20 * 2**20) + b'"',
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("bomb", JSON_BOMBS)
@pytest.mark.parametrize("name", ["run.json", ".tsdia/metrics.json", "attempts/1/command.json"])
def test_json_is_parsed_within_limits(runs: Path, name: str, bomb: str, little_memory: None) -> None:
    (runs / "exp" / name).write_bytes(JSON_BOMBS[bomb])
    found = {row.name: row for row in look_everywhere(runs / "exp")}
    assert set(found) == {"exp", "sound"}
    assert name != "run.json" or found["exp"].reason.startswith("the record can't be used: ")


@pytest.mark.timeout(30)
@pytest.mark.usefixtures("little_memory")
def test_an_empty_log_of_a_terabyte_is_not_searched_for_lines(tmp_path: Path) -> None:
    live = tmp_path / "training_20261120_080000.log"
    live.touch()
    os.truncate(live, 2**40)
    assert at_tail(live, 10).lines == 1


@pytest.mark.timeout(30)
@pytest.mark.parametrize("kind", SPECIAL)
def test_locks_and_the_list_of_runs_are_regular_files(runs: Path, tmp_path: Path, kind: str) -> None:
    layout = RunLayout(runs / "sound")
    layout.own.mkdir(exist_ok=True)
    for path in (layout.claim, layout.alive):
        MAKE[kind](path)
    assert living(layout) is RunningProcesses.NOTHING
    environ = {"XDG_STATE_HOME": str(tmp_path / "state")}
    catalog.note(runs / "exp", runs, environ)
    assert catalog.known(environ) == {str(runs / "exp"): str(runs)}
    MAKE[kind](catalog.path(environ))
    catalog.note(runs / "sound", runs, environ)
    assert catalog.known(environ) == {}


@pytest.mark.parametrize("planted", ["symlink", "dangling symlink", "pipe", "hard link"])
def test_a_write_replaces_what_was_planted_in_place_of_its_draft(tmp_path: Path, planted: str) -> None:
    victim, path = tmp_path / "victim", tmp_path / "run.json"
    if planted != "dangling symlink":
        victim.write_text("mine")
    draft = tmp_path / f".run.json.{os.getpid()}"
    if planted == "pipe":
        os.mkfifo(draft)
    elif planted == "hard link":
        os.link(victim, draft)
    else:
        draft.symlink_to(victim)
    write_bytes(path, b"new")
    assert path.read_bytes() == b"new"
    assert not path.is_symlink()
    assert victim.exists() is (planted != "dangling symlink")
    assert not victim.exists() or victim.read_text() == "mine"
    path.unlink()
    path.symlink_to(victim)
    write_bytes(path, b"newer")
    assert (path.is_symlink(), path.read_bytes()) == (False, b"newer")


@pytest.mark.parametrize("kind", ["pipe", "socket", "device", "folder", "link to itself"])
def test_appending_never_follows_or_waits(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "metrics.jsonl"
    MAKE[kind](path)
    with pytest.raises(OSError, match="regular file|symlink|directory"):
        opening.open_to_append(path)
    with pytest.raises(OSError, match="regular file|symlink|directory"):
        opening.touch(path)
