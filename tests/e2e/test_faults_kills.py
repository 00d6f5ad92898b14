"""SIGKILL of the supervisor at random moments: the training continues to its end, and the next command records it."""

from __future__ import annotations

import random
import shutil
import time
from pathlib import Path

import pytest

from tests.support.faulty_runs import Project
from tests.support.slow import slow
from tests.support.zygote import Zygote

SEED = 20261123


def undisturbed_s(zygote: Zygote, root: Path) -> float:
    """Return how long a complete start takes on this machine."""
    project = Project.make(root)
    began_s = time.monotonic()
    assert zygote.run("new", "config.yml", cwd=project.root).code == 3
    return time.monotonic() - began_s


@pytest.mark.parametrize(("seed", "kills"), [(SEED, 40), *slow((SEED + 1, 100))])
def test_the_supervisor_is_killed_at_any_moment(zygote: Zygote, tmp_path: Path, seed: int, kills: int) -> None:
    lasts_s = min(undisturbed_s(zygote, tmp_path / str(number)) for number in range(3))
    moments = random.Random(seed)
    killed = trained = 0
    for number in range(kills):
        project = Project.make(tmp_path / "project")
        # From before the claim to after the end, on a machine of any speed.
        after_s = moments.uniform(0, 1.2 * lasts_s)
        ended = zygote.run("new", "config.yml", cwd=project.root, kill_after_s=after_s)
        told = f"kill {number} of seed {seed}, after {after_s:.4f} of {lasts_s:.4f} s: {ended}"
        project.check(ended, told)
        killed += ended.code < 0
        trained += bool(project.trace())
        project.check_next(zygote, told)
        shutil.rmtree(project.root)
    assert killed > 0
    assert 0 < trained < kills
