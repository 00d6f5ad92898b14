"""A resumed script must not overwrite its checkpoint before it has read it; afterwards it may."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

import pytest

from tests.support.reading import Done, resume
from tsdia_run.checkpoints import judge
from tsdia_run.checkpoints.state_files import open_unnoticed
from tsdia_run.rundir.layout import RunLayout
from tsdia_run.rundir.record import Attempt, State
from tsdia_run.supervise.inotify import is_local
from tsdia_run.supervise.reads import ReadWatch

CHECKPOINTS = ("checkpoint-100", "checkpoint-200", "checkpoint-300")
# Each one starts to save into FOLDER or to FILE.
WRITES = {
    "open": 'open(FILE, "wb").write(b"new")',
    "append": 'open(FILE, "ab").write(b"new")',
    "os.open": "os.open(FILE, os.O_WRONLY)",
    "pathlib": 'import pathlib; pathlib.Path(FILE).write_bytes(b"new")',
    "relative": 'os.chdir(OUT); open(os.path.relpath(FILE), "wb").write(b"new")',
    "bytes": 'open(os.fsencode(FILE), "wb").write(b"new")',
    "replace": 'open(OUT + "/tmp", "wb").write(b"new"); os.replace(OUT + "/tmp", FILE)',
    "move": 'import shutil; open(OUT + "/tmp", "wb").write(b"new"); shutil.move(OUT + "/tmp", FILE)',
    "copy": 'import shutil; open(OUT + "/tmp", "wb").write(b"new"); shutil.copy(OUT + "/tmp", FILE)',
    "remove": "os.remove(FILE)",
    "truncate": "os.truncate(FILE, 0)",
    "rename away": 'os.rename(FILE, FILE + ".bak")',
    "rmtree of all": "import shutil; shutil.rmtree(OUT)",
    "move of all": 'import shutil; shutil.move(OUT, OUT + ".bak")',
    "link": 'os.symlink(FILE, OUT + "/last"); open(OUT + "/last", "wb").write(b"new")',
    "folder link": 'os.symlink(OUT, OUT + "-link"); open(FILE.replace(OUT, OUT + "-link"), "wb").write(b"new")',
    "thread": 'import threading as t; t.Thread(target=open, args=(FILE, "wb")).start(); raise SystemExit(1)',
    "fork": 'if os.fork() == 0: open(FILE, "wb")\nos.wait()\nraise SystemExit(1)',
}
FOLDER_WRITES = {
    "rmtree": "import shutil; shutil.rmtree(FOLDER)",
    "rename of the folder": 'os.rename(FOLDER, FOLDER + ".old")',
    "new file": 'open(FOLDER + "/optimizer.pt", "wb")',
    "trainer state": 'open(FOLDER + "/trainer_state.json", "w")',
}
READS = {
    "open": "open(FILE, 'rb').read()",
    "read and write": "open(FILE, 'r+b').read()",
    "mmap": "import mmap; mmap.mmap(os.open(FILE, os.O_RDONLY), 0, prot=mmap.PROT_READ)",
    "copy": "import shutil; shutil.copy(FILE, OUT + '/copy')",
    "child": "import subprocess; subprocess.run(['cat', FILE], stdout=subprocess.DEVNULL)",
    "cp": "os.system('cp -r ' + FOLDER + ' ' + OUT + '-copied')",
    "link": "os.symlink(FILE, OUT + '/last'); open(OUT + '/last', 'rb').read()",
    "hard link": "os.link(FILE, OUT + '/hard'); open(OUT + '/hard', 'rb').read()",
}


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """A run with numbered checkpoints; the tests resume from the second one."""
    root = tmp_path / "exp"
    for name in CHECKPOINTS:
        (root / name).mkdir(parents=True)
        (root / name / "state.bin").write_bytes(b"old")
        (root / name / "config.json").write_text("{}")
    return root


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A run whose checkpoint is a single file."""
    root = tmp_path / "exp"
    root.mkdir()
    (root / "ckpt.pt").write_bytes(b"old")
    return root


def contents(root: Path) -> dict[str, bytes]:
    """Return the files of the checkpoints."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.glob("checkpoint-*/*")}


def names(file: str) -> str:
    return f"FILE = OUT + {'/' + file!r}\nFOLDER = os.path.dirname(FILE)\n"


def assert_refused(done: Done, resumed: str, lost: str) -> None:
    assert done.code == 1, done.err
    assert done.answer == "not read"
    assert done.refusal
    assert done.refusal.startswith(f"the script did not read {resumed}, the checkpoint to resume from, and would")
    assert done.refusal.endswith("it" if lost == resumed else lost)
    assert "tsdia_run.errors.CheckpointNotReadError" in done.err


@pytest.mark.parametrize("way", WRITES)
@pytest.mark.parametrize("name", ["checkpoint-100/state.bin", "checkpoint-200/state.bin"])
def test_a_checkpoint_that_was_not_read_is_not_overwritten(folders: Path, way: str, name: str) -> None:
    before = contents(folders)
    done = resume(folders, "checkpoint-200", names(name) + WRITES[way])
    lost = "checkpoint-200" if "of all" in way else name.partition("/")[0]
    assert_refused(done, "checkpoint-200", lost)
    assert contents(folders) == before


@pytest.mark.parametrize("way", FOLDER_WRITES)
def test_all_files_in_a_checkpoint_folder_are_protected(folders: Path, way: str) -> None:
    before = contents(folders)
    done = resume(folders, "checkpoint-200", names("checkpoint-100/state.bin") + FOLDER_WRITES[way])
    assert_refused(done, "checkpoint-200", "checkpoint-100")
    assert contents(folders) == before


@pytest.mark.parametrize("way", [way for way in WRITES if way != "rename away"])
def test_a_checkpoint_that_is_a_file_is_not_overwritten(file: Path, way: str) -> None:
    assert_refused(resume(file, "ckpt.pt", names("ckpt.pt") + WRITES[way]), "ckpt.pt", "ckpt.pt")
    assert (file / "ckpt.pt").read_bytes() == b"old"


def test_a_checkpoint_may_be_moved_before_it_is_read(file: Path) -> None:
    moves = f"{names('ckpt.pt')}os.rename(FILE, OUT + '/prev.pt')\n"
    done = resume(file, "ckpt.pt", moves + "open(OUT + '/prev.pt', 'rb').read()\nopen(FILE, 'wb').write(b'new')")
    assert (done.code, done.answer, (file / "prev.pt").read_bytes()) == (0, "read", b"old"), done.err


def test_an_unread_checkpoint_stays_protected_after_a_move(file: Path) -> None:
    moves = f"{names('ckpt.pt')}os.rename(FILE, OUT + '/prev.pt')\nopen(FILE, 'wb').write(b'new')\n"
    done = resume(file, "ckpt.pt", moves + "os.rename(FILE, OUT + '/prev.pt')")
    assert done.code == 1
    assert (file / "prev.pt").read_bytes() == b"old"


@pytest.mark.parametrize("words", [["mv", "{tmp}", "{file}"], ["rm", "{file}"], ["cp", "{tmp}", "{file}"]])
def test_a_child_program_that_overwrites_an_unread_checkpoint_causes_a_warning(file: Path, words: list[str]) -> None:
    """tsdia-run can't stop a child program, but it records a warning."""
    script = (
        f"import subprocess\ntmp = OUT + '/tmp'\nopen(tmp, 'w').write('new, and longer')\n"
        f"subprocess.run([one.format(tmp=tmp, file=OUT + '/ckpt.pt') for one in {words!r}], check=True)\n"
    )
    layout = RunLayout(file)
    attempt = Attempt(1, State.RUNNING, datetime.now(timezone.utc), "log", "host", checkpoint="ckpt.pt")
    with ReadWatch(layout, attempt) as watch:
        watch.start()
        subprocess.run([sys.executable, "-c", f"OUT = {str(file)!r}\n{script}"], check=True)
        watch.follow()
        watch.finish()
        assert watch.closing_warning() == (
            "ckpt.pt was overwritten or removed, though the script did not read it to resume from it"
        )


@pytest.mark.parametrize("way", READS)
@pytest.mark.parametrize("name", ["checkpoint-200/state.bin", "ckpt.pt"])
def test_a_script_that_read_its_checkpoint_may_overwrite_and_remove_checkpoints(
    folders: Path, way: str, name: str
) -> None:
    (folders / "ckpt.pt").write_bytes(b"old")
    script = f"{names(name)}{READS[way]}\nopen(FILE, 'wb').write(b'new')\nos.remove(OUT + '/checkpoint-100/state.bin')"
    done = resume(folders, name.partition("/")[0], script)
    assert (done.code, done.answer, done.refusal) == (0, "read", None), done.err
    assert (folders / name).read_bytes() == b"new"


@pytest.mark.parametrize(
    "script",
    [
        "open(OUT + '/checkpoint-300/state.bin', 'wb').write(b'new')",  # superseded by this resume
        "import shutil; shutil.rmtree(OUT + '/checkpoint-300')",
        "os.makedirs(OUT + '/checkpoint-400'); open(OUT + '/checkpoint-400/state.bin', 'wb').write(b'new')",
        "os.makedirs(CKPT, exist_ok=True)",
        "os.makedirs(OUT + '/checkpoint-100', exist_ok=True)",
        "open(OUT + '/train.log', 'w').write('x'); os.rename(OUT + '/train.log', OUT + '/old.log')",
        "os.remove(OUT + '/no-such-file') if os.path.exists(OUT + '/no-such-file') else None",
        "open(CKPT + '/state.bin.lock', 'w')",
    ],
)
def test_other_writes_are_not_stopped(folders: Path, script: str) -> None:
    done = resume(folders, "checkpoint-200", script)
    assert (done.code, done.answer, done.refusal, done.err) == (0, "not read", None, "")


def test_logs_in_a_folder_that_is_also_a_checkpoint_are_not_a_save(tmp_path: Path) -> None:
    root = tmp_path / "exp"
    (root / "out").mkdir(parents=True)
    (root / "out" / "model.safetensors").write_bytes(b"old")
    (root / "out" / "train.log").write_text("old")
    logs = "open(CKPT + '/train.log', 'a').write('x'); open(CKPT + '/args.json', 'w').write('{}')\n"
    done = resume(root, "out", logs)
    assert (done.code, done.refusal) == (0, None), done.err
    assert_refused(resume(root, "out", logs + "open(CKPT + '/model.safetensors', 'wb')"), "out", "out")


def test_reading_the_metadata_of_a_checkpoint_does_not_count_as_a_read(folders: Path) -> None:
    look = "open(CKPT + '/config.json').read(); os.listdir(CKPT); os.stat(CKPT + '/state.bin')\n"
    done = resume(folders, "checkpoint-200", look + "open(CKPT + '/state.bin', 'wb')")
    assert_refused(done, "checkpoint-200", "checkpoint-200")


def test_reading_a_checkpoint_of_only_json_files_counts_as_a_read(tmp_path: Path) -> None:
    root = tmp_path / "exp"
    (root / "step_1").mkdir(parents=True)
    (root / "step_1" / "state.json").write_text("{}")
    done = resume(root, "step_1", "open(CKPT + '/state.json').read(); open(CKPT + '/state.json', 'w')")
    assert (done.code, done.answer) == (0, "read"), done.err


def test_a_linked_state_file_is_watched_at_its_target(tmp_path: Path) -> None:
    blobs, root = tmp_path / "blobs", tmp_path / "exp"
    (root / "step_1").mkdir(parents=True)
    blobs.mkdir()
    (blobs / "abc").write_bytes(b"old")
    (root / "step_1" / "state.bin").symlink_to(blobs / "abc")
    done = resume(root, "step_1", f"import subprocess; subprocess.run(['cat', {str(blobs / 'abc')!r}])")
    assert done.answer == "read"
    assert_refused(resume(root, "step_1", "open(CKPT + '/state.bin', 'wb')"), "step_1", "step_1")
    assert (blobs / "abc").read_bytes() == b"old"


def test_a_script_that_catches_the_error_is_refused_until_it_reads_the_checkpoint(folders: Path) -> None:
    script = """
for _ in range(3):
    try:
        open(CKPT + "/state.bin", "wb")
    except Exception as error:
        print(type(error).__name__, file=sys.stderr)
open(CKPT + "/state.bin", "rb").read()
open(CKPT + "/state.bin", "wb").write(b"new")
"""
    done = resume(folders, "checkpoint-200", script)
    assert (done.code, done.err.split()) == (0, ["CheckpointNotReadError"] * 3)
    assert done.refusal
    assert (folders / "checkpoint-200" / "state.bin").read_bytes() == b"new"


def test_the_error_names_the_checkpoint_and_the_possible_fixes(folders: Path) -> None:
    done = resume(folders, "checkpoint-200", "open(CKPT + '/state.bin', 'wb')")
    for words in (
        f"{folders / 'checkpoint-200'} was not overwritten: the script did not read checkpoint-200",
        "resume_key",
        "resume_args",
        "trainer.train(resume_from_checkpoint=",
        f"tsdia-run resume {folders} --from-scratch",
    ):
        assert words in done.err


def test_reading_another_checkpoint_causes_a_warning_and_saves_continue(folders: Path) -> None:
    script = "open(OUT + '/checkpoint-300/state.bin', 'rb').read(); open(CKPT + '/state.bin', 'wb').write(b'new')"
    done = resume(folders, "checkpoint-200", script)
    text = "the script read checkpoint-300 instead of checkpoint-200, the checkpoint to resume from"
    assert (done.code, done.answer, done.refusal, done.warnings) == (0, "other", None, (text,))
    assert f"tsdia-run: warning: {text}\n" in done.err


def test_reads_by_tsdia_run_do_not_count_as_reads_by_the_script(folders: Path) -> None:
    (folders / "checkpoint-200" / "extra.safetensors").write_bytes(b"old")

    def look(_: object) -> None:
        for _ in range(20):
            judge(folders / "checkpoint-200", hashed=True)
            os.close(open_unnoticed(folders / "checkpoint-200" / "state.bin"))

    wait = "sys.stdin.read()\n"
    done = resume(folders, "checkpoint-200", wait + "open(CKPT + '/state.bin', 'wb')", meanwhile=look)
    assert_refused(done, "checkpoint-200", "checkpoint-200")


def test_a_supervisor_that_does_not_answer_stops_nothing(folders: Path) -> None:
    """The supervisor's lock is free, because the supervisor was killed."""
    script = """
import fcntl
os.replace(OUT + "/.tsdia/claim", OUT + "/.tsdia/old")
open(OUT + "/.tsdia/claim", "w").close()
open(CKPT + "/state.bin", "wb").write(b"new")
"""
    done = resume(folders, "checkpoint-200", script)
    assert (done.code, done.refusal) == (0, None), done.err


def test_without_the_hook_nothing_is_stopped(folders: Path) -> None:
    done = resume(folders, "checkpoint-200", "open(CKPT + '/state.bin', 'wb').write(b'new')", hooks="metrics")
    assert (done.code, done.answer, done.refusal) == (0, "not read", None), done.err


def test_a_checkpoint_without_files_is_unknown(folders: Path) -> None:
    shutil.rmtree(folders / "checkpoint-200")
    (folders / "checkpoint-200").mkdir()
    done = resume(folders, "checkpoint-200", "open(OUT + '/checkpoint-100/state.bin', 'wb').write(b'new')")
    assert (done.code, done.answer, done.refusal) == (0, "unknown", None), done.err


@pytest.mark.parametrize("name", ["checkpoint-50", "checkpoint-150"])
def test_a_save_with_an_earlier_number_causes_one_warning(folders: Path, name: str) -> None:
    script = f"""
open(CKPT + "/state.bin", "rb").read()
for _ in range(2):
    os.makedirs(OUT + "/{name}", exist_ok=True)
    open(OUT + "/{name}/state.bin", "wb").write(b"new")
os.makedirs(OUT + "/checkpoint-201", exist_ok=True)
open(OUT + "/checkpoint-201/state.bin", "wb").write(b"new")
"""
    done = resume(folders, "checkpoint-200", script)
    text = f"this attempt resumed from checkpoint-200 and now saves {name}, which is earlier"
    assert (done.code, done.warnings, done.err) == (0, (text,), f"tsdia-run: warning: {text}\n")


def test_a_metric_in_the_name_of_a_checkpoint_is_not_a_number_of_a_save(tmp_path: Path) -> None:
    root = tmp_path / "exp"
    (root / "ckpt-3-0.50").mkdir(parents=True)
    (root / "ckpt-3-0.50" / "state.bin").write_bytes(b"old")
    script = """
open(CKPT + "/state.bin", "rb").read()
os.makedirs(OUT + "/ckpt-4-0.25")
open(OUT + "/ckpt-4-0.25/state.bin", "wb").write(b"new")
"""
    done = resume(root, "ckpt-3-0.50", script)
    assert (done.code, done.warnings, done.err) == (0, (), "")


def test_checkpoints_stay_protected_in_a_script_whose_working_directory_was_removed(folders: Path) -> None:
    script = """
os.mkdir(OUT + "/gone")
os.chdir(OUT + "/gone")
os.rmdir(OUT + "/gone")
try:
    open("x", "w")
except FileNotFoundError:
    open(CKPT + "/state.bin", "wb")
"""
    done = resume(folders, "checkpoint-200", script)
    assert_refused(done, "checkpoint-200", "checkpoint-200")
    assert "warning" not in done.err


def test_a_linked_checkpoint_keeps_its_name(tmp_path: Path) -> None:
    root, scratch = tmp_path / "exp", tmp_path / "scratch"
    (root / "checkpoint-1").mkdir(parents=True)
    (root / "checkpoint-1" / "state.bin").write_bytes(b"old")
    shutil.move(root / "checkpoint-1", scratch)
    (root / "checkpoint-1").symlink_to(scratch)
    for way in ("os.remove(CKPT)", "os.rename(CKPT, CKPT + '.old')", f"open({str(scratch)!r} + '/state.bin', 'wb')"):
        done = resume(root, "checkpoint-1", way)
        assert done.code == 1, way
        assert done.refusal, way
        (root / "attempts" / "1" / "refused.txt").unlink()
    assert (root / "checkpoint-1" / "state.bin").read_bytes() == b"old"


def test_a_file_system_that_other_machines_may_read_is_not_local(tmp_path: Path) -> None:
    assert is_local(tmp_path)
    assert not is_local(Path("/proc/self"))
    assert not is_local(tmp_path / "missing")


def test_a_read_that_only_the_rank_sees_is_recorded(folders: Path) -> None:
    """The script simulates a failed watch: it removes the answer."""
    script = "os.remove(OUT + '/.tsdia/reads/answer'); open(CKPT + '/state.bin', 'rb').read()"
    done = resume(folders, "checkpoint-200", script)
    assert (done.code, done.answer, (folders / ".tsdia/reads/noticed").exists()) == (0, "read", True), done.err
