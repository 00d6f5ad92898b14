"""`tsdia-run doctor`: each fault is found, its fix works when pasted, and nothing is changed."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.command import COMMAND, environment, tsdia_run, wait_until
from tests.support.dead_mount import dead_mount, needs_fuse
from tests.support.disks import need_mounts, tmpfs
from tests.support.zygote import Zygote

CONFIG = "checkpoint: {save_dir: runs/exp}\ntsdia_run: {launcher: python}\n"
QUIET = {"WANDB_MODE": "offline"}
# Kills its supervisor and exits, or waits for a signal.
KILLS = """\
import os, signal, sys
os.kill(os.getppid(), signal.SIGKILL)
open("killed", "w").close()
if os.path.exists("wait"):
    signal.sigwait([signal.SIGTERM])
"""
Rows = Mapping[str, list[tuple[str, str, str]]]


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    (tmp_path / "config.yml").write_text(CONFIG)
    (tmp_path / "train.py").write_text("")
    return tmp_path


def rows_of(text: str) -> Rows:
    rows: dict[str, list[tuple[str, str, str]]] = {}
    for row in json.loads(text)["checks"]:
        rows.setdefault(row["check"], []).append((row["state"], row["found"], row["fix"] or ""))
    return rows


def examined(zygote: Zygote, lab: Path, *words: str, env: Mapping[str, str] | None = None) -> tuple[int, Rows]:
    ended = zygote.run("doctor", *words, "--json", cwd=lab, env=environment({**QUIET, **(env or {})}))
    assert "Traceback" not in ended.err, ended.err
    rows = rows_of(ended.out)
    assert ended.code == (1 if any(state == "error" for found in rows.values() for state, _, _ in found) else 0)
    for state, _, fix in (one for found in rows.values() for one in found):
        assert bool(fix) == (state != "ok")
    return ended.code, rows


def in_shell(lines: str, lab: Path, *words: str) -> Rows:
    """Run lines in a shell, and then the doctor in the same shell."""
    script = f"{lines}\n{COMMAND} doctor {' '.join(words)} --json"
    done = subprocess.run(
        ["bash", "-c", script], cwd=lab, env=environment(QUIET), capture_output=True, text=True, check=False
    )
    return rows_of(done.stdout[done.stdout.index("{") :])


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    paths = [folder, *sorted(folder.rglob("*"))]
    return {str(path): (path.lstat().st_mtime_ns, path.lstat().st_ctime_ns) for path in paths}


def cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_a_healthy_machine_exits_with_0_in_less_than_3_seconds_and_nothing_is_changed(lab: Path) -> None:
    assert tsdia_run("new", "config.yml", cwd=lab).returncode == 0
    before, began = tree(lab), cpu_s()
    done = tsdia_run("doctor", "config.yml", cwd=lab, env=QUIET)
    assert cpu_s() - began < 3  # a busy test machine takes longer
    assert (done.returncode, done.stderr, tree(lab) == before) == (0, "", True), done.stdout
    lines = done.stdout.splitlines()
    names = ["settings", "script", "interpreter", "packages", "accelerate", "memory", "disk", "locks", "wandb"]
    assert {line[9:22].strip() for line in lines if line.startswith("ok ")} >= set(names)


@pytest.mark.parametrize(
    ("files", "words", "env", "check", "found"),
    [
        ({}, ["gone.yml"], {}, "settings", "gone.yml does not exist"),
        ({"config.yml": "a: ["}, ["config.yml"], {}, "settings", "not valid YAML"),
        ({"config.yml": "tsdia_run: {pyt: 1}"}, ["config.yml"], {}, "settings", "unknown setting `pyt`"),
        ({"config.yml": "checkpoint: {save_dir: 's3://a/b'}"}, ["config.yml"], {}, "settings", "is a URL"),
        ({"tsdia-run.yml": "restart: 1"}, [], {}, "settings", "unknown setting `restart`"),
        ({"xdg/tsdia-run/config.yml": "- a"}, [], {"XDG_CONFIG_HOME": "xdg"}, "settings", "mapping"),
        ({}, ["--entrypoint", "gone.py"], {}, "script", "gone.py does not exist"),
        ({}, ["--python", "/gone/python"], {}, "interpreter", "/gone/python"),
        ({}, ["--python", "/bin/false"], {}, "interpreter", "/bin/false"),
        ({}, ["--accelerate-config", "gone.yaml"], {}, "accelerate", "gone.yaml does not exist"),
        ({"a.yaml": "x: ["}, ["--accelerate-config", "a.yaml"], {}, "accelerate", "not valid YAML"),
        ({"hf/accelerate/default_config.yaml": "\0"}, [], {"HF_HOME": "hf"}, "accelerate", "default_config.yaml"),
        (
            {"a.yaml": "distributed_type: MULTI_GPU\nnum_processes: 4\n"},
            ["--accelerate-config", "a.yaml"], {}, "accelerate", "4 processes, for MULTI_GPU, but no GPU visible",
        ),
        ({}, ["--mixed-precision", "fp8"], {}, "precision", "fp8 requires a GPU"),
    ],
)  # fmt: skip
def test_what_makes_a_start_fail_is_one_red_row(
    lab: Path, zygote: Zygote, files: dict[str, str], words: list[str], env: dict[str, str], check: str, found: str
) -> None:
    for name, text in files.items():
        (lab / name).parent.mkdir(parents=True, exist_ok=True)
        (lab / name).write_text(text)
    absolute = {name: str(lab / value) for name, value in env.items()}
    code, rows = examined(zygote, lab, *words, env=absolute)
    red = [(name, text) for name, ones in rows.items() for state, text, _ in ones if state == "error"]
    assert (code, [name for name, _ in red]) == (1, [check]), rows
    assert found in red[0][1]


def test_an_interpreter_without_accelerate_gets_the_line_that_installs_it(lab: Path, zygote: Zygote) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", lab / "venv"], check=True)
    _, rows = examined(zygote, lab, env={"VIRTUAL_ENV": str(lab / "venv")})
    ((state, found, fix),) = rows["packages"]
    assert (state, "has no torch and no accelerate" in found) == ("error", True)
    assert fix == f"{lab}/venv/bin/python -m pip install torch accelerate"
    assert "accelerate" not in rows
    assert rows["wandb"] == [("ok", "not installed for this interpreter", "")]
    _, plain = examined(zygote, lab, "config.yml", env={"VIRTUAL_ENV": str(lab / "venv")})
    assert plain["packages"][0][0] == "ok"


@pytest.mark.parametrize(
    ("setup", "check"),
    [
        ("mkdir -p runs/exp; ln -s gone runs/exp/best_checkpoint; ln -s gone 'runs/a b'", "links"),
        ("mkdir -p runs/exp/checkpoints; touch runs/exp/run.json; ln -s ../gone runs/exp/checkpoints/-c", "links"),
        ("ulimit -S -n 300", "limits"),
        ("ulimit -S -v 100000000", "limits"),
        ("export KUBERNETES_SERVICE_HOST=10.0.0.1", "scheduler"),
        ("unset WANDB_MODE; export HOME=/nonexistent", "wandb"),
        ("unset WANDB_MODE; export WANDB_API_KEY=short WANDB_BASE_URL=http://127.0.0.1:1", "wandb"),
        (f"unset WANDB_MODE; export WANDB_API_KEY={'k' * 40} WANDB_BASE_URL=http://127.0.0.1:1", "wandb"),
        ("export TSDIA_RUN_OPT_LAUNCHER=accelerate TSDIA_RUN_OPT_MIXED_PRECISION=fp16", "precision"),
    ],
)
def test_a_fix_works_when_pasted(lab: Path, setup: str, check: str) -> None:
    ((state, _, fix),) = in_shell(setup, lab, "config.yml")[check]
    assert state == "warning"
    pasted = next((line for line in fix.splitlines() if "wandb login" not in line), "export WANDB_MODE=offline")
    after = in_shell(f"{setup}\n{pasted}", lab, "config.yml")[check]
    assert [state for state, _, _ in after] == ["ok"], (pasted, after)


def test_a_run_whose_supervisor_was_killed_is_a_stale_claim_until_its_fix(lab: Path, zygote: Zygote) -> None:
    (lab / "train.py").write_text(KILLS)
    tsdia_run("new", "config.yml", cwd=lab)
    wait_until(lambda: (lab / "killed").exists() and "recorded as running" in str(examined(zygote, lab)[1]["claims"]))
    ((state, found, fix),) = examined(zygote, lab)[1]["claims"]
    assert (state, fix) == ("warning", "tsdia-run resume runs/exp")
    assert found.startswith("runs/exp: recorded as running, but")
    (lab / "killed").unlink()
    (lab / "wait").touch()
    # Its relay lives as long as its training, and would keep a pipe open.
    other = [COMMAND, "new", "config.yml", "--name", "other"]
    subprocess.run(other, cwd=lab, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    wait_until((lab / "killed").exists)
    rows = [row for row in examined(zygote, lab)[1]["claims"] if "runs/other" in row[1]]
    assert [row[2] for row in rows] == ["tsdia-run stop runs/other"], rows
    assert tsdia_run("stop", "runs/other", cwd=lab).returncode == 0
    wait_until(lambda: "still running" not in str(examined(zygote, lab)[1]["claims"]))


def test_a_file_system_without_locks_is_a_warning(lab: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.faulty_locks", "tsdia_run", "doctor", "--json"],
        cwd=lab, env=environment({**QUIET, "PYTHONPATH": str(Path(__file__).parents[2])}),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    ((state, found, _),) = rows_of(done.stdout)["locks"]
    assert (state, "the file system has no locks" in found) == ("warning", True)


@needs_fuse
def test_a_file_system_that_is_gone_is_an_error(lab: Path, zygote: Zygote) -> None:
    (lab / "runs").mkdir()
    with dead_mount(lab / "runs"):
        ((state, found, _),) = examined(zygote, lab)[1]["disk"]
    assert (state, "Transport endpoint is not connected" in found) == ("error", True)


@pytest.mark.root
def test_a_disk_without_room_for_the_next_checkpoint_is_an_error(lab: Path, zygote: Zygote) -> None:
    with tmpfs(lab / "runs"):
        checkpoint = lab / "runs" / "exp" / "checkpoint-1"
        checkpoint.mkdir(parents=True)
        (lab / "runs" / "exp" / "run.json").touch()
        (checkpoint / "pytorch_model.bin").touch()
        for size_mib, expected in ((1, "ok"), (40, "warning"), (300, "error")):
            os.truncate(checkpoint / "pytorch_model.bin", size_mib * 2**20)
            ((state, found, _),) = examined(zygote, lab)[1]["disk"]
            assert (state, "runs/exp/checkpoint-1" in found) == (expected, True), found


@pytest.mark.root
def test_a_small_shared_memory_is_a_warning_whose_fix_works(lab: Path) -> None:
    need_mounts()
    doctor = f"{COMMAND} doctor --json"
    script = f"mount -t tmpfs -o size=64m tmpfs /dev/shm && {doctor}; echo =; $(cat fix) && {doctor}"
    (lab / "fix").write_text("mount -o remount,size=8G /dev/shm")
    done = subprocess.run(
        ["unshare", "-m", "bash", "-c", script], cwd=lab, env=environment(QUIET), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if "Operation not permitted" in done.stderr:
        pytest.skip(f"no mounts here: {done.stderr.strip()}")
    small, large = (rows_of(text)["shared memory"][0] for text in done.stdout.split("=\n"))
    assert (small[0], small[2], large[0]) == ("warning", (lab / "fix").read_text(), "ok")


@pytest.mark.root
def test_a_project_file_that_another_user_could_have_written_is_an_error(lab: Path, zygote: Zygote) -> None:
    (lab / "tsdia-run.yml").write_text("entrypoint: evil.py\n")
    (lab / "tsdia-run.yml").chmod(0o666)
    code, rows = examined(zygote, lab)
    ((state, found, fix),) = rows["settings"]
    assert (code, state, "is not trusted" in found) == (1, "error", True)
    trust = fix.rpartition(": ")[2]
    _, trusted = examined(zygote, lab, env={"TSDIA_RUN_TRUSTED_DIRS": trust.partition(":")[2].strip('"')})
    assert trusted["settings"][0][0] == "ok"
