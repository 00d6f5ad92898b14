"""How scripts of public styles take their config, directory and checkpoint is found in their source."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest

from tsdia_run.scripts.detection import detect
from tsdia_run.scripts.interface import Interface


@dataclass(frozen=True)
class Case:
    """A script, and what is found in it: the words with placeholders, the form, and the lines."""

    name: str
    text: str
    config: str = ""
    run_dir: str = ""
    checkpoint: str = ""
    form: str = ""
    lines: str = ""
    arguments: str = ""
    leading: str = ""


DIFFUSERS = """
    import argparse, os
    def parse_args(input_args=None):
        parser = argparse.ArgumentParser(description="Simple example of a training script.")
        parser.add_argument(
            "--pretrained_model_name_or_path",
            type=str,
            default=None,
            required=True,
        )
        parser.add_argument("--config_name", type=str, default=None)
        parser.add_argument("--cache_dir", type=str, default=None)
        parser.add_argument("--output_dir", type=str, default="sd-model-finetuned")
        parser.add_argument("--logging_dir", type=str, default="logs")
        parser.add_argument(
            "--resume_from_checkpoint",
            type=str,
            default=None,
            help='Use a path saved by `--checkpointing_steps`, or `"latest"`.',
        )
        return parser.parse_args(input_args)
    def main():
        args = parse_args()
        if args.resume_from_checkpoint:
            if args.resume_from_checkpoint != "latest":
                path = os.path.basename(args.resume_from_checkpoint)
            else:
                dirs = [d for d in os.listdir(args.output_dir) if d.startswith("checkpoint")]
                path = dirs[-1] if len(dirs) > 0 else None
            if path is None:
                accelerator.print(f"Checkpoint '{args.resume_from_checkpoint}' does not exist. Starting a new run.")
                args.resume_from_checkpoint = None
            else:
                accelerator.load_state(os.path.join(args.output_dir, path))
    main()
"""
ACCELERATE = """
    import argparse, os
    def training_function(config, args):
        if args.resume_from_checkpoint:
            if args.resume_from_checkpoint is not None or args.resume_from_checkpoint != "":
                accelerator.print(f"Resumed from checkpoint: {args.resume_from_checkpoint}")
                accelerator.load_state(args.resume_from_checkpoint)
                path = os.path.basename(args.resume_from_checkpoint)
            training_difference = os.path.splitext(path)[0]
    def main():
        parser = argparse.ArgumentParser()
        parser.add_argument("--output_dir", type=str, default=".")
        parser.add_argument("--resume_from_checkpoint", type=str, default=None)
        parser.add_argument("--project_dir", type=str, default="logs")
        args = parser.parse_args()
        training_function({}, args)
"""
TIMM = """
    import argparse
    config_parser = parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument('-c', '--config', default='', type=str, metavar='FILE')
    parser = argparse.ArgumentParser()
    group = parser.add_argument_group('Model parameters')
    group.add_argument('--initial-checkpoint', default='', type=str)
    group.add_argument('--resume', default='', type=str, metavar='PATH')
    group.add_argument('--no-resume-opt', action='store_true', default=False)
    group.add_argument('--output', default='', type=str, metavar='PATH')
    group.add_argument('--experiment', default='', type=str)
    def main():
        args_config, remaining = config_parser.parse_known_args()
        args = parser.parse_args(remaining)
        resume_epoch = resume_checkpoint(model, args.resume)
"""
NANOGPT = """
    import os
    out_dir = 'out'
    eval_interval = 2000
    init_from = 'scratch' # 'scratch' or 'resume' or 'gpt2*'
    config_keys = [k for k, v in globals().items() if not k.startswith('_')]
    exec(open('configurator.py').read()) # overrides from command line or config file
    if init_from == 'scratch':
        pass
    elif init_from == 'resume':
        ckpt_path = os.path.join(out_dir, 'ckpt.pt')
    elif init_from.startswith('gpt2'):
        model = GPT.from_pretrained(init_from)
"""
RUN_GLUE = """
    import sys
    from dataclasses import dataclass, field
    from typing import Optional
    from transformers import HfArgumentParser, TrainingArguments
    @dataclass
    class DataTrainingArguments:
        task_name: Optional[str] = field(default=None)
    @dataclass
    class ModelArguments:
        model_name_or_path: str = field()
        config_name: Optional[str] = field(default=None)
    def main():
        parser = HfArgumentParser((ModelArguments, DataTrainingArguments, TrainingArguments))
        if len(sys.argv) == 2 and sys.argv[1].endswith(".json"):
            args = parser.parse_json_file(json_file=os.path.abspath(sys.argv[1]))
        else:
            args = parser.parse_args_into_dataclasses()
        checkpoint = None
        if training_args.resume_from_checkpoint is not None:
            checkpoint = training_args.resume_from_checkpoint
        trainer.train(resume_from_checkpoint=checkpoint)
"""
PATH, NAME = "{checkpoint}", "{checkpoint_name}"
OUTPUT_DIR, FROM = "--output_dir {output_dir}", "--resume_from_checkpoint"
CASES = [
    Case("diffusers", DIFFUSERS, "", OUTPUT_DIR, f"{FROM} {NAME}", "base name", "12 14"),
    Case("accelerate", ACCELERATE, "", OUTPUT_DIR, f"{FROM} {PATH}", "path", "11 12"),
    Case("timm", TIMM, "--config {config}", "--output {output_dir}", f"--resume {PATH}", "path", "9 7"),
    Case("nanogpt", NANOGPT, "", "--out_dir={output_dir}", "--init_from=resume", "latest", "2 4"),
    Case(
        "nanogpt with a config",
        NANOGPT,
        run_dir="--out_dir={output_dir}",
        checkpoint="--init_from=resume",
        form="latest",
        arguments="config/a.py --compile=False",
        leading="config/a.py",
    ),
    Case("run_glue", RUN_GLUE, "{config}", OUTPUT_DIR, f"{FROM} {PATH}", "path"),
    Case(
        "trl",
        """
        from trl import ScriptArguments, SFTConfig, SFTTrainer, ModelConfig, TrlParser
        if __name__ == "__main__":
            parser = TrlParser((ScriptArguments, SFTConfig, ModelConfig))
            script_args, training_args, model_args = parser.parse_args_and_config()
        """,
        "--config {config}",
        OUTPUT_DIR,
        f"{FROM} {PATH}",
        "path",
    ),
    Case(
        "a subclass of TrainingArguments",
        """
        from transformers import HfArgumentParser, Seq2SeqTrainingArguments
        class Mine(Seq2SeqTrainingArguments):
            beta: float = 0.1
        args, = HfArgumentParser(Mine).parse_args_into_dataclasses()
        """,
        "",
        OUTPUT_DIR,
        f"{FROM} {PATH}",
        "path",
    ),
    Case(
        "only latest",
        """
        p.add_argument("--output-dir", default="x")
        p.add_argument("--resume", choices=["no", "latest"], default="no")
        """,
        "",
        "--output-dir {output_dir}",
        "--resume latest",
        "latest",
    ),
    Case(
        "compared with auto",
        """
        p.add_argument("--work-dir")
        p.add_argument("--resume", default=None)
        args = p.parse_args()
        if args.resume == "auto":
            state = find_newest(args.work_dir)
        """,
        "",
        "--work-dir {output_dir}",
        "--resume auto",
        "latest",
    ),
    Case(
        "a switch",
        """
        p.add_argument("-o", "--out", default="x")
        p.add_argument("-r", "--resume", action="store_true")
        """,
        "",
        "--out {output_dir}",
        "--resume",
        "true",
    ),
    Case(
        "an optional boolean",
        """
        p.add_argument("--save_dir")
        p.add_argument("--resume", action=argparse.BooleanOptionalAction)
        """,
        "",
        "--save_dir {output_dir}",
        "--resume",
        "true",
    ),
    Case(
        "a boolean with a value",
        """
        p.add_argument("--save_dir")
        p.add_argument("--auto_resume", type=str2bool, default=False)
        """,
        "",
        "--save_dir {output_dir}",
        "--auto_resume true",
        "true",
    ),
    Case(
        "appended to the directory",
        """
        p.add_argument("--exp_dir")
        p.add_argument("--resume_from")
        args = p.parse_args()
        if args.resume_from:
            load(f"{args.exp_dir}/{args.resume_from}")
        """,
        "",
        "--exp_dir {output_dir}",
        f"--resume_from {NAME}",
        "base name",
    ),
    Case(
        "joined with the directory",
        """
        p.add_argument("--exp_dir")
        p.add_argument("--resume_from")
        args = p.parse_args()
        load(os.path.join(args.exp_dir, args.resume_from))
        """,
        "",
        "--exp_dir {output_dir}",
        f"--resume_from {PATH}",
        "path",
    ),
    Case(
        "the last part of a Path",
        """
        p.add_argument("--exp_dir")
        p.add_argument("--resume_from")
        args = p.parse_args()
        load(Path(args.exp_dir) / Path(args.resume_from).name)
        """,
        "",
        "--exp_dir {output_dir}",
        f"--resume_from {NAME}",
        "base name",
    ),
    Case(
        "a number is not a checkpoint",
        """
        p.add_argument("--output_dir")
        p.add_argument("--resume", type=int, default=0)
        """,
        "",
        OUTPUT_DIR,
    ),
    Case(
        "a file is not a directory",
        """
        p.add_argument("--output", default="model.pt")
        p.add_argument("--checkpoint", required=True)
        p.add_argument("--data_dir"), p.add_argument("--data.output_dir")
        """,
    ),
    Case(
        "a bound method",
        """
        add = parser.add_argument
        add("--logdir", default="logs")
        add("--restore-from", default=None)
        """,
        "",
        "--logdir {output_dir}",
        f"--restore-from {PATH}",
        "path",
    ),
    Case(
        "positional arguments",
        """
        p.add_argument("config")
        p.add_argument("output_dir")
        p.add_argument("--ckpt")
        """,
        "{config}",
        "{output_dir}",
        f"--ckpt {PATH}",
        "path",
    ),
    Case(
        "a positional directory after another argument",
        """
        p.add_argument("dataset")
        p.add_argument("output_dir")
        """,
    ),
    Case(
        "configargparse",
        """
        p = configargparse.ArgParser()
        p.add("-c", "--my-settings", is_config_file=True)
        p.add_argument("--my-config", is_config_file=True)
        p.add_argument("--expdir")
        """,
        "--my-config {config}",
        "--expdir {output_dir}",
    ),
    Case(
        "a sub-command",
        """
        sub = argparse.ArgumentParser().add_subparsers()
        evaluate = sub.add_parser("eval")
        evaluate.add_argument("--out")
        train = sub.add_parser("train")
        group = train.add_argument_group("x")
        group.add_argument("--output_dir")
        train.add_argument("--resume")
        """,
        "",
        OUTPUT_DIR,
        f"--resume {PATH}",
        "path",
        arguments="train --lr 1",
        leading="train",
    ),
    Case(
        "a sub-command by a function",
        """
        def add_train(parser):
            parser.add_argument("--output_dir")
        sub = p.add_subparsers()
        train = sub.add_parser("train")
        add_train(train)
        """,
        "",
        OUTPUT_DIR,
        arguments="train",
        leading="train",
    ),
    Case(
        "another sub-command",
        """
        train = p.add_subparsers().add_parser("train")
        train.add_argument("--output_dir")
        """,
        arguments="eval",
    ),
    Case(
        "click",
        """
        import click
        @click.command()
        @click.argument("config_path", type=click.Path())
        @click.option("-o", "--output-dir", "where", default="out")
        @click.option("--resume/--no-resume", default=False)
        def main(config_path, where, resume): ...
        """,
        "{config}",
        "",
        "--resume",
        "true",
    ),
    Case(
        "click by its own names",
        """
        from click import option, command
        @command()
        @option("--outdir", "-o", required=True, type=str)
        @option("--resume", "resume_pkl", type=str)
        def main(outdir, resume_pkl): ...
        """,
        "",
        "--outdir {output_dir}",
    ),
    Case(
        "a group of click",
        """
        @click.group()
        def cli(): ...
        @cli.command()
        @click.option("--out")
        def evaluate(out): ...
        @cli.command("fit")
        @click.option("--out")
        @click.option("--ckpt", type=click.Choice(["last", "best"]))
        def run(out, ckpt): ...
        """,
        "",
        "--out {output_dir}",
        "--ckpt last",
        "latest",
        arguments="fit",
        leading="fit",
    ),
    Case(
        "typer",
        """
        import typer
        app = typer.Typer()
        @app.command()
        def train(config: Path, out_dir: Path = Path("out"), resume: bool = False): ...
        app()
        """,
        "{config}",
        "--out-dir {output_dir}",
        "--resume",
        "true",
    ),
    Case(
        "typer with options of their own",
        """
        import typer
        def main(
            out: Annotated[Path, typer.Option("--save-to", "-s")],
            resume_from: Optional[str] = typer.Option(None, help="x"),
        ): ...
        typer.run(main)
        """,
        "",
        "--save-to {output_dir}",
        f"--resume-from {PATH}",
        "path",
    ),
    Case(
        "fire",
        """
        import fire
        def train(base_model: str = "", output_dir: str = "./lora", resume_from_checkpoint: str = None):
            if resume_from_checkpoint:
                name = os.path.join(resume_from_checkpoint, "pytorch_model.bin")
        if __name__ == "__main__":
            fire.Fire(train)
        """,
        "",
        "--output_dir={output_dir}",
        f"--resume_from_checkpoint={PATH}",
        "path",
    ),
    Case(
        "fire with a class",
        """
        class Runner:
            def __init__(self, out="x", resume=False): ...
            def train(self): ...
        fire.Fire(Runner)
        """,
        "",
        "--out={output_dir}",
        "--resume=True",
        "true",
    ),
    Case(
        "tyro",
        """
        import tyro
        @dataclass
        class Trainer:
            default_root_dir: str = "x"
        @dataclass
        class Args:
            trainer: Trainer
            resume_path: str | None = None
        args = tyro.cli(Args)
        """,
        "",
        "--trainer.default-root-dir {output_dir}",
        f"--resume-path {PATH}",
        "path",
    ),
    Case(
        "jsonargparse.CLI",
        """
        from jsonargparse import CLI
        def main(run_dir: str = "x", ckpt_path: Optional[str] = None): ...
        CLI(main)
        """,
        "--config {config}",
        "--run_dir {output_dir}",
        f"--ckpt_path {PATH}",
        "path",
    ),
    Case(
        "LightningCLI",
        """
        from lightning.pytorch.cli import LightningCLI
        LightningCLI(MyModel, MyData)
        """,
        "--config {config}",
        "--trainer.default_root_dir {output_dir}",
        f"--ckpt_path {PATH}",
        "path",
        arguments="fit --trainer.max_epochs 3",
        leading="fit",
    ),
    Case(
        "pyrallis",
        """
        import pyrallis
        @dataclass
        class Config:
            exp_dir: str = "x"
            resume: bool = False
        @pyrallis.wrap()
        def main(cfg: Config): ...
        """,
        "--config_path {config}",
        "--exp_dir {output_dir}",
        "--resume true",
        "true",
    ),
    Case(
        "absl",
        """
        from absl import flags
        flags.DEFINE_string("workdir", None, "Where to write.")
        flags.DEFINE_boolean("resume", False, "x")
        """,
        "",
        "--workdir {output_dir}",
        "--resume",
        "true",
    ),
    Case(
        "OmegaConf",
        """
        from omegaconf import OmegaConf
        cli = OmegaConf.from_cli()
        cfg = OmegaConf.merge(OmegaConf.load(cli.config), cli)
        save(cfg.training.output_dir, cfg["training"]["resume_from"])
        """,
        "config={config}",
        "training.output_dir={output_dir}",
        f"training.resume_from={PATH}",
        "path",
    ),
    Case(
        "sys.argv",
        """
        import sys, yaml
        config = yaml.safe_load(open(sys.argv[1]))
        out_dir = sys.argv[2]
        """,
        "{config}",
        "{output_dir}",
    ),
    Case(
        "Hydra without a config",
        """
        import hydra
        @hydra.main(version_base=None)
        def main(cfg):
            if cfg.trainer.resume_from_checkpoint:
                load(cfg.trainer.resume_from_checkpoint)
        """,
        "",
        "hydra.run.dir={output_dir}",
        f"++trainer.resume_from_checkpoint={PATH}",
        "path",
    ),
    Case("nothing", "import torch\nprint('--output_dir')"),
]


def found_in(tmp_path: Path, text: str, arguments: str = "") -> Interface | None:
    script = tmp_path / "train.py"
    script.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
    return detect(script, tmp_path, tuple(arguments.split()))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_options_of_a_script(tmp_path: Path, case: Case) -> None:
    found = found_in(tmp_path, case.text, case.arguments)
    assert found is not None
    passed = [found.config, found.run_dir, found.checkpoint]
    assert [" ".join(one.words) if one else "" for one in passed] == [case.config, case.run_dir, case.checkpoint]
    form = found.checkpoint.form if found.checkpoint else None
    assert (form.value if form else "") == case.form
    assert " ".join(found.leading) == case.leading
    if case.lines:
        places = [str(one.place) for one in (found.run_dir, found.checkpoint) if one]
        assert places == [f"train.py:{line}" for line in case.lines.split()]
