"""What another user planted where the relay or a rank writes is not followed, and no write waits for it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.faulty_files import REPLACEMENTS
from tests.support.runs import full_run, make_run
from tests.unit.test_report_tampered import look_everywhere
from tsdia_run.relay.clock import Clock
from tsdia_run.relay.journal import JournalEntry
from tsdia_run.relay.log import Log
from tsdia_run.relay.log_parts import RotatedParts
from tsdia_run.relay.transcript import Transcript
from tsdia_run.training.boot.attempt_files import write_record
from tsdia_run.training.boot.rank_ends import own_record

SPECIAL = ("pipe", "socket", "device", "terminal")


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    path = tmp_path / "victim"
    path.write_text("mine\n")
    return path


def links_to(victim: Path) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(victim)


@pytest.mark.timeout(30)
@pytest.mark.parametrize("kind", ["link", *SPECIAL])
@pytest.mark.parametrize("name", ["training_x.log", ".training_x.times"])
def test_a_log_is_never_written_elsewhere(tmp_path: Path, victim: Path, name: str, kind: str) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    (links_to(victim) if kind == "link" else REPLACEMENTS[kind])(folder / name)
    warnings: list[str] = []
    log = Log(str(folder / "training_x.log"), warn=warnings.append)
    log.write([b"a line\n"])
    log.close()
    assert victim.read_text() == "mine\n"
    is_log = name == "training_x.log"
    assert bool(warnings) is is_log
    assert is_log or (folder / "training_x.log").read_text() == "a line\n"


@pytest.mark.timeout(30)
@pytest.mark.parametrize("kind", ["link", *SPECIAL])
def test_the_progress_and_the_note_of_a_cut_replace_what_is_in_place_of_their_drafts(
    tmp_path: Path, victim: Path, kind: str
) -> None:
    plant = links_to(victim) if kind == "link" else REPLACEMENTS[kind]
    progress, live = tmp_path / "progress.json", tmp_path / "training_x.log"
    plant(Path(f"{progress}.draft"))
    plant(tmp_path / ".training_x.cut")
    log = Log(str(live), warn=lambda _: None)
    clock = Clock(is_shown=False)
    transcript = Transcript(log, interval_s=0, progress_path=str(progress), clock=clock, is_terminal=False)
    transcript.apply(JournalEntry(0, 1.0, 0.0, 0, 0), b"a line\n")
    transcript.show_progress(2.0, is_last=True)
    log.close()
    parts = RotatedParts(str(live))
    for number in (1, 2, 3):
        Path(parts.path(number)).write_bytes(b"x" * 10)
    parts.leave_out(5)
    for path in (progress, tmp_path / "training_x.000002.cut.log"):
        assert path.is_file()
        assert not path.is_symlink()
    assert victim.read_text() == "mine\n"


@pytest.mark.timeout(30)
@pytest.mark.parametrize("kind", ["link", *SPECIAL])
def test_an_exit_record_replaces_what_is_in_its_place(tmp_path: Path, victim: Path, kind: str) -> None:
    plant = links_to(victim) if kind == "link" else REPLACEMENTS[kind]
    plant(tmp_path / f".exit-rank0.json.{os.getpid()}")
    plant(tmp_path / "exit-rank0.json")
    assert own_record(str(tmp_path), "exit-rank0.json") is None
    write_record(str(tmp_path), "exit-rank0.json", {"exit_code": 3, "ended_at": "now"})
    found = own_record(str(tmp_path), "exit-rank0.json")
    assert found is not None
    assert found.exit_code == 3
    assert victim.read_text() == "mine\n"


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to make device nodes")
@pytest.mark.timeout(60)
@pytest.mark.parametrize("device", [os.makedev(1, 5), os.makedev(5, 2)], ids=["zero", "ptmx"])
def test_device_nodes_in_place_of_files_of_a_run(tmp_path: Path, device: int) -> None:
    for name in ("run.json", "metrics.jsonl", ".tsdia/claim", "step_2/model.safetensors", "last.pt"):
        run_dir = tmp_path / name.replace("/", "-") / "exp"
        full_run(run_dir)
        make_run(run_dir.with_name("sound"))
        path = run_dir / name
        path.unlink(missing_ok=True)
        os.mknod(path, 0o666 | stat.S_IFCHR, device)
        assert len(look_everywhere(run_dir)) == 2
