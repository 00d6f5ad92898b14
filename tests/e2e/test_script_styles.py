"""Scripts of public styles, without any setting: they get their directory, are killed, and resume from it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest

from tests.support.command import environment, lines_of
from tests.support.zygote import Zygote

# A training of 6 steps that saves each one; without a checkpoint, it kills tsdia-run and itself after step 4.
TOY = """
import json, os
from pathlib import Path

def train(out, checkpoint, form="checkpoint-{}"):
    step = json.loads(Path(checkpoint, "state.json").read_text()) if checkpoint else 0
    print("start", step, flush=True)
    for step in range(step + 1, 7):
        folder = Path(out, form.format(step))
        folder.mkdir(parents=True, exist_ok=True)
        folder.joinpath("state.json").write_text(str(step))
        if step == 4 and not checkpoint:
            os.kill(os.getppid(), 9)
            os.kill(os.getpid(), 9)
"""


@dataclass(frozen=True)
class Style:
    """A script, the arguments of `new`, and what tsdia-run says about the script."""

    name: str
    text: str
    says: str
    words: tuple[str, ...] = ("--name", "exp")
    passed: tuple[str, ...] = ()
    resumed: tuple[str, ...] = ()


STYLES = (
    Style(
        "diffusers",
        """
        import argparse, os, toy
        parser = argparse.ArgumentParser()
        parser.add_argument("--output_dir", default="sd-model")
        parser.add_argument("--resume_from_checkpoint")
        args = parser.parse_args()
        name = args.resume_from_checkpoint
        if name and name != "latest":
            name = os.path.basename(name)
        toy.train(args.output_dir, name and os.path.join(args.output_dir, name))
        """,
        "passing the run directory as --output_dir (found in train.py:3),"
        " and the checkpoint of a resume as --resume_from_checkpoint (found in train.py:4)",
        passed=("--output_dir", "{run_dir}"),
        resumed=("--resume_from_checkpoint", "checkpoint-4"),
    ),
    Style(
        "timm",
        """
        import argparse, toy
        def options():
            parser = argparse.ArgumentParser()
            group = parser.add_argument_group("Misc")
            group.add_argument("--output", default="", metavar="PATH")
            group.add_argument("--resume", default="", metavar="PATH")
            return parser
        args, _ = options().parse_known_args()
        toy.train(args.output, args.resume)
        """,
        "as --output (found in train.py:5)",
        words=("--run-dir", "runs/exp", "--", "--lr", "0.1"),
        passed=("--output", "{run_dir}", "--lr", "0.1"),
        resumed=("--resume", "{run_dir}/checkpoint-4", "--lr", "0.1"),
    ),
    Style(
        "a switch",
        """
        import os, typer, toy
        def main(save_dir: str = "out", resume: bool = False) -> None:
            names = sorted(os.listdir(save_dir)) if resume else []
            toy.train(save_dir, resume and os.path.join(save_dir, [n for n in names if n.startswith("check")][-1]))
        typer.run(main)
        """,
        "as --save-dir (found in train.py:2), and the checkpoint of a resume as --resume (found in train.py:2)",
        passed=("--save-dir", "{run_dir}"),
        resumed=("--resume",),
    ),
    Style(
        "nanoGPT",
        """
        import os, toy
        out_dir = "out"
        init_from = "scratch"
        exec(open("configurator.py").read())
        newest = max((int(n[5:]) for n in os.listdir(out_dir) if n.startswith("step_")), default=0)
        if init_from == "resume":
            toy.train(out_dir, os.path.join(out_dir, f"step_{newest}"), "step_{}")
        else:
            toy.train(out_dir, None, "step_{}")
        """,
        "as --out_dir (found in train.py:2), and the checkpoint of a resume as --init_from (found in train.py:3)",
        words=("--name", "exp", "--", "other.py"),
        passed=("other.py", "--out_dir={run_dir}"),
        resumed=("--init_from=resume",),
    ),
    Style(
        "a config with usual keys",
        """
        import argparse, json, toy
        parser = argparse.ArgumentParser()
        parser.add_argument("--cfg")
        config = json.load(open(parser.parse_args().cfg))
        toy.train(config["training"]["output_dir"], config["training"]["resume_from_checkpoint"])
        """,
        "",
        words=("exp.json",),
        passed=("--cfg", "{run_dir}/attempts/0/config/exp.json"),
        resumed=("--cfg", "{run_dir}/attempts/1/config/exp.json"),
    ),
)


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.name)
def test_a_killed_script_resumes_in_its_run_directory(tmp_path: Path, zygote: Zygote, style: Style) -> None:
    (tmp_path / "toy.py").write_text(TOY)
    (tmp_path / "train.py").write_text(dedent(style.text).lstrip("\n"))
    (tmp_path / "configurator.py").write_text(
        "import sys\nfor word in sys.argv[1:]:\n    key, eq, value = word.lstrip('-').partition('=')\n"
        "    if eq:\n        globals()[key] = value\n    else:\n        exec(open(word).read())\n"
    )
    (tmp_path / "other.py").write_text("out_dir = 'elsewhere'\n")
    (tmp_path / "exp.json").write_text('{"training": {"output_dir": "runs/exp", "resume_from_checkpoint": null}}')
    run_dir = tmp_path / "runs" / "exp"
    plain = environment({"TSDIA_RUN_OPT_LAUNCHER": "python"})

    killed = zygote.run("new", *style.words, cwd=tmp_path, env=plain)
    assert (killed.code, style.says in killed.err, "warning" in killed.err) == (-9, True, False), killed.err
    # A resume uses what was found before, even if the script has changed.
    resumed = zygote.run("resume", "runs/exp", cwd=tmp_path, env=plain)

    assert resumed.code == 0, resumed.err
    assert lines_of(run_dir, 1) == ["start 4"]
    steps = [path for path in run_dir.iterdir() if path.name[-1].isdecimal()]
    assert len(steps) == 6
    assert not (tmp_path / "elsewhere").exists()
    for number, words in ((0, style.passed), (1, style.resumed)):
        argv = json.loads((run_dir / "attempts" / str(number) / "command.json").read_text())["argv"]
        expected = [word.replace("{run_dir}", str(run_dir)) for word in words]
        assert argv[-len(expected) :] == expected
