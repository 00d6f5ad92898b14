"""Run scripts under the bootstrap with the checkpoints hook, on one rank and on two."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support.zygote import Zygote
from tsdia_run.launch.command import BOOTSTRAP, RANKS_LAUNCHER
from tsdia_run.rundir.layout import RunLayout

SCRIPTS = Path(__file__).resolve().with_name("scripts")
SAVER = str(SCRIPTS / "saver.py")
KILLED = str(SCRIPTS / "killed_saves.py")
MULTI = ("--multi_gpu", "--num_processes", "2", "--main_process_port", "0")
LIMIT_S = 240


@dataclass(frozen=True)
class Saver:
    """A run directory, and a script that saves into it.

    Attributes:
        root: The run directory.
        trainings: Starts trainings of one rank without the time of their imports; None for cold starts.
    """

    root: Path
    trainings: Zygote | None = None

    def environ(self, **more: str) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return {
            **kept,
            "HF_HOME": str(self.root),
            "CUDA_VISIBLE_DEVICES": "",
            "ACCELERATE_USE_CPU": "true",
            "OMP_NUM_THREADS": "1",
            "TSDIA_RUN_ID": "the-run",
            "TSDIA_RUN_DIR": str(self.root),
            "TSDIA_RUN_ATTEMPT": "0",
            "TSDIA_RUN_HOOKS": "checkpoints",
            **more,
        }

    def command(self, *words: str, script: str = SAVER, ranks: int = 1) -> list[str]:
        launcher = [str(RANKS_LAUNCHER), *MULTI] if ranks > 1 else []
        return [sys.executable, *launcher, str(BOOTSTRAP), script, str(self.root), *words]

    def run(self, *words: str, ranks: int = 1, **more: str) -> subprocess.CompletedProcess[str]:
        """Start a training that carries out ``words``."""
        attempt = int(more.get("TSDIA_RUN_ATTEMPT", "0"))
        RunLayout(self.root).attempt(attempt).root.mkdir(parents=True, exist_ok=True)
        if ranks == 1 and self.trainings:
            script = [SAVER, str(self.root), *words]
            ended = self.trainings.run(*script, cwd=self.root, env=self.environ(**more))
            return subprocess.CompletedProcess(script, ended.code, ended.out, ended.err)
        return subprocess.run(
            self.command(*words, ranks=ranks),
            env=self.environ(**more),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
