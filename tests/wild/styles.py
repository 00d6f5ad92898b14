"""The table of styles: one row for each way in which public training scripts take arguments, save and resume."""

from __future__ import annotations

from dataclasses import dataclass

BOTH = (1, 2)


@dataclass(frozen=True)
class Style:
    """A script, how to start and resume it, and what it saves.

    Attributes:
        name: The name of the row and of the run.
        script: The folder below scripts/ whose train.py runs.
        arguments: The arguments after ``--``; RANKS is the number of ranks.
        config: The config that `new` gets, below the folder; empty for none.
        flags: Additional flags of `new`.
        settings: The text of the project's tsdia-run.yml.
        saved: The last part of a checkpoint's name, with ``{step}``, ``{save}`` (the number of the save, from 0) and
            ``{epoch}`` (of six steps).
        also: Other names under which the script keeps its newest state.
        save_every: The number of steps between two checkpoints.
        rewritten: Globs for the names of the files that each save replaces on purpose.
        exports: What it saves at the end without an optimizer: listed as exports, not as checkpoints.
        ranks: The numbers of ranks to try.
        starts_ranks: The script starts its ranks itself.
        has_metrics: It logs with Accelerate, so that `info` shows metrics.
        ignores: It never reads its checkpoint, so a resume must fail and leave the checkpoints unchanged.
    """

    name: str
    script: str
    arguments: tuple[str, ...] = ()
    config: str = ""
    flags: tuple[str, ...] = ()
    settings: str = ""
    saved: str = "checkpoint-{step}"
    also: tuple[str, ...] = ()
    save_every: int = 3
    rewritten: tuple[str, ...] = ()
    exports: tuple[str, ...] = ()
    ranks: tuple[int, ...] = BOTH
    starts_ranks: bool = False
    has_metrics: bool = False
    ignores: bool = False

    def names(self, step: int) -> set[str]:
        """Return the names that the newest checkpoint of this step may have."""
        return {self.saved.format(step=step, save=step // self.save_every - 1, epoch=step // 6), *self.also}


STYLES = (
    Style("argparse", "argparse", saved="step_{step}", has_metrics=True),
    Style("hf_arguments", "hf_arguments", config="config.json", exports=("model.safetensors",)),
    Style(
        "click",
        "click",
        arguments=("--out", "{run_dir}"),
        settings='resume_args: ["--load", "{checkpoint}"]\n',
        saved="model_{step:06d}.pt",
    ),
    Style("fire", "fire", saved="epoch_{step}", save_every=1, has_metrics=True),
    Style("hydra", "hydra", saved="checkpoint-{step}.pt"),
    Style(
        "hydra-config",  # the config is Hydra's own, which it finds without a flag
        "hydra",
        config="conf/config.yaml",
        arguments=("hydra.run.dir={run_dir}",),
        settings='resume_args: ["resume={checkpoint}"]\n',
        saved="checkpoint-{step}.pt",
        ranks=(1,),
    ),
    Style(
        "omegaconf",
        "omegaconf",
        config="config.yaml",
        saved="epoch={epoch}-step={step}.ckpt",
        also=("last.ckpt",),
        rewritten=("last.ckpt",),
    ),
    Style("jsonargparse", "jsonargparse", config="config.yaml", saved="checkpoint_{save}", has_metrics=True),
    Style("nanogpt", "nanogpt", arguments=("config/train_toy.py",), saved="ckpt.pt", rewritten=("ckpt.pt",)),
    Style("trainer", "trainer"),  # the script finds its checkpoint itself
    Style(
        "trainer-ignores",
        "trainer_ignores",
        arguments=("--output_dir", "{run_dir}"),
        settings='resume_args: ["--resume_from_checkpoint", "{checkpoint}"]\n',
        ranks=(1,),
        ignores=True,
    ),
    Style("diffusers", "diffusers", exports=("unet",), has_metrics=True),
    Style(
        "timm",
        "timm",
        arguments=("--output", "{run_dir}"),
        settings='resume_args: ["--resume", "{checkpoint}"]\n',
        saved="checkpoint-{step}.pth.tar",
        also=("last.pth.tar", "model_best.pth.tar"),  # hard links: the step shows whether the right one was chosen
        save_every=1,
        rewritten=("last.pth.tar", "model_best.pth.tar"),
    ),
    Style(
        "files",
        "files",
        arguments=("--out", "{run_dir}"),
        flags=("--resume-args", "--load {checkpoint}"),
        saved="ckpt_{step:03d}.pth",
    ),
    Style(
        "files-pattern",
        "files",
        arguments=("--out", "{run_dir}", "--name", "weights/ck-%d.msgpack"),
        settings='resume_args: ["--load", "{checkpoint}"]\ncheckpoints: {pattern: "weights/ck-{step}.msgpack"}\n',
        saved="ck-{step}.msgpack",
        ranks=(1,),
    ),
    Style(
        "notebook",
        "notebook",
        arguments=("--out", "{run_dir}", "--ranks", "RANKS"),
        settings='launcher: python\nresume_args: ["--resume", "{checkpoint}"]\n',
        starts_ranks=True,
        has_metrics=True,
    ),
)
