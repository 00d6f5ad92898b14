"""Each system call with which the hooks change a file fails once, or the training is killed there: no data is lost."""

from __future__ import annotations

import json
import shutil
import signal
from itertools import count
from pathlib import Path

import pytest

from tests.support.faulty_calls import DIE, Fault
from tests.support.saving import SAVER, Saver
from tests.support.slow import slow
from tests.support.zygote import Ended, Zygote
from tsdia_run.checkpoints import Soundness, find, judge
from tsdia_run.rundir.layout import RunLayout

ERRORS = ("ENOSPC", "EIO", "EROFS")
WAYS = {
    "one over the other": ("log=1", "save=latest", "log=2", "save=latest", "rename=latest:last", "load=last"),
    "named by Accelerate": ("auto=1", "init", "log=1", "save", "log=2", "save"),
}


@pytest.mark.parametrize("first", [1, *slow(2)])  # and every other call after it
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["dies", "fails"])
def test_every_system_call_of_a_hook_may_fail(
    trainings: Zygote, tmp_path: Path, way: str, kind: str, first: int
) -> None:
    undisturbed = train(trainings, tmp_path / "undisturbed", way)
    assert undisturbed.code == 0, undisturbed.err
    root = tmp_path / "run"
    for at in count(first, 2):
        fault = Fault(str(root), at, DIE if kind == "dies" else ERRORS[at % 3])
        ended = train(trainings, root, way, fault)
        if not ended.failed:
            break
        context = f"{fault}: {ended}"
        if kind == "dies":
            assert ended.code == -signal.SIGKILL, context
        elif ended.failed.startswith("mkdir checkpoints"):
            continue  # a call of Accelerate, which also fails without tsdia-run
        else:
            assert (ended.code, ended.out) == (0, undisturbed.out), context
            messages = ended.err.removeprefix(undisturbed.err).splitlines()
            assert all(line.startswith("tsdia-run: ") for line in messages), context
        check(root, ended, context)
        shutil.rmtree(root)
    assert at > 50


def train(trainings: Zygote, root: Path, way: str, fault: Fault | None = None) -> Ended:
    """Run the training in its own run directory."""
    shutil.rmtree(root, ignore_errors=True)
    RunLayout(root).attempt(0).root.mkdir(parents=True)
    env = Saver(root).environ(TSDIA_RUN_HOOKS="trackers,metrics,checkpoints,summaries")
    return trainings.run(SAVER, str(root), *WAYS[way], cwd=root.parent, env=env, fault=fault)


def check(root: Path, ended: Ended, context: str) -> None:
    """Check the files after a failure at any point."""
    for path in root.rglob("[!.]*.json"):
        assert json.loads(path.read_bytes()), f"{path} {context}"
    records = [line for line in metrics(root) if line is not None]
    assert [record["step"] for record in records] == sorted({1, 2} & {record["step"] for record in records}), context
    if ended.code == 0:
        assert len(records) == 2 - ("metrics.jsonl" in ended.failed), context
    saved = ended.out.count("saved checkpoint")
    if saved:
        # If the training was killed after a save, only the last save may be without its seal.
        oldest = saved - 1 if ended.code else 0
        found = [one for one in find(root) if (one.iteration or 0) >= oldest]
        assert any(judge(one.path).state is Soundness.COMPLETE for one in found), context


def metrics(root: Path) -> list[dict[str, object] | None]:
    """Return the lines of metrics.jsonl; None for an incomplete line."""
    path = root / "metrics.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line) if line.endswith("}") else None for line in lines]
