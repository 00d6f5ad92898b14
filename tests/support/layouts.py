"""The output directories of public training scripts, made without torch: one function per style."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.support import checkpoints as made


@dataclass(frozen=True)
class Layout:
    """The files of a script's output directory, and their kinds.

    Attributes:
        make: Makes the files in a directory, with older times than files that are made later.
        checkpoints: The checkpoints, oldest first.
        exports: Weights without an optimizer state.
        unrecognised: Files that no rule matches.
    """

    make: Callable[[Path], object]
    checkpoints: tuple[str, ...] = ()
    exports: tuple[str, ...] = ()
    unrecognised: tuple[str, ...] = ()


def torch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        made.torch_file(path)


def tensors(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        made.safetensors(path)


def text(*paths: Path, data: bytes = b"{}") -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def sharded(*folders: Path) -> None:
    text(*(folder / name for folder in folders for name in ("__0_0.distcp", ".metadata")))


def torch_in(folder: str, *names: str) -> Callable[[Path], object]:
    return lambda run: torch(*(run / folder / name for name in names))


def transformers(run: Path) -> None:
    for name in ("checkpoint-9", "checkpoint-10"):
        tensors(run / name / "model.safetensors")
        torch(run / name / "optimizer.pt", run / name / "scheduler.pt", run / name / "rng_state.pth")
        text(run / name / "config.json", run / name / "trainer_state.json")
    tensors(run / "model.safetensors")
    text(run / "config.json", run / "training_args.bin")


def transformers_weights_only(run: Path) -> None:
    tensors(run / "checkpoint-9" / "model.safetensors")
    text(run / "checkpoint-9" / "config.json", run / "checkpoint-9" / "trainer_state.json")


def transformers_deepspeed(run: Path) -> None:
    folder = run / "checkpoint-500"
    torch(folder / "global_step500" / "mp_rank_00_model_states.pt", folder / "rng_state_0.pth")
    text(folder / "trainer_state.json", folder / "latest")


def deepspeed(run: Path) -> None:
    for step in (9, 10):
        folder = run / "ckpt" / f"global_step{step}"
        torch(folder / "mp_rank_00_model_states.pt", folder / "zero_pp_rank_0_mp_rank_00_optim_states.pt")
    text(run / "ckpt" / "latest", run / "ckpt" / "zero_to_fp32.py")


def fsdp(run: Path) -> None:
    sharded(run / "step_7" / "pytorch_model_fsdp_0", run / "step_7" / "optimizer_0")
    torch(run / "step_7" / "random_states_0.pkl")


def nemo(run: Path) -> None:
    folder = run / "exp" / "2024-01-01_00-00-00" / "checkpoints"
    torch(folder / "m--val_loss=2.05-epoch=0.ckpt")
    torch(folder / "m--val_loss=2.01-epoch=1.ckpt", folder / "m--val_loss=2.01-epoch=1-last.ckpt")
    text(folder / "m.nemo")


def nemo2(run: Path) -> None:
    folder = run / "checkpoints" / "m--val_loss=2.05-step=99-last"
    sharded(folder / "weights")
    text(folder / "context" / "io.json")


def megatron(run: Path) -> None:
    torch(*(run / "ck" / f"iter_{step:07}" / "mp_rank_00" / "model_optim_rng.pt" for step in (90, 123)))
    text(run / "ck" / "latest_checkpointed_iteration.txt")


def verl(run: Path) -> None:
    for step in (9, 10):
        folder = run / f"global_step_{step}"
        torch(*(folder / "actor" / f"{name}_world_size_1_rank_0.pt" for name in ("model", "optim", "extra_state")))
        torch(folder / "data.pt")
        tensors(folder / "actor" / "huggingface" / "model.safetensors")
    text(run / "latest_checkpointed_iteration.txt")


def automodel(run: Path) -> None:
    for step in (99, 100):
        folder = run / "checkpoints" / f"epoch_0_step_{step}"
        tensors(folder / "model" / "model-00001-of-00001.safetensors")
        sharded(folder / "optim")
        torch(folder / "rng.pt")


def lerobot(run: Path) -> None:
    for step in ("000900", "001000"):
        folder = run / "checkpoints" / step
        tensors(folder / "pretrained_model" / "model.safetensors", folder / "training_state" / "rng_state.safetensors")
        text(folder / "pretrained_model" / "config.json")
    (run / "checkpoints" / "last").symlink_to("001000")


def kohya(run: Path) -> None:
    for name in ("net-step00000500", "net-step00001000"):
        made.state(run / f"{name}-state")
        tensors(run / f"{name}.safetensors")


def pipeline(run: Path) -> None:
    text(run / "out" / "model_index.json", run / "out" / "scheduler" / "scheduler_config.json")
    tensors(run / "out" / "unet" / "diffusion_pytorch_model.safetensors")


def exports(run: Path) -> None:
    for name in ("best_model", "text_encoder", "final", "unet"):
        tensors(run / name / "model.safetensors")
    torch(run / "ema" / "pytorch_model.bin", run / "ema_2" / "ema.pt")
    made.state(run / "tmp-checkpoint-9")


def nothing(run: Path) -> None:
    text(run / "step_100" / "a.png", run / "events.out.tfevents.1", run / "notes.txt", run / "out.log")
    hidden = ("logs", "wandb", "tensorboard", "mlruns", ".tsdia", "attempts", ".cache")
    torch(*(run / folder / "inner" / "data.pt" for folder in hidden))


LAYOUTS = {
    "nanoGPT": Layout(torch_in("", "ckpt.pt"), ("ckpt.pt",)),
    "torch DDP's tutorial": Layout(torch_in("", "snapshot.pt"), ("snapshot.pt",)),
    "numbered files": Layout(
        torch_in("", "model_000009.pt", "model_000010.pt", "model_000123.pt"),
        ("model_000009.pt", "model_000010.pt", "model_000123.pt"),
    ),
    "numbers without zeros": Layout(torch_in("m", "model_9.pt", "model_10.pt"), ("m/model_9.pt", "m/model_10.pt")),
    "steps in words": Layout(
        torch_in("", "ckpt-step-500.pt", "ckpt-step-1000.pt"), ("ckpt-step-500.pt", "ckpt-step-1000.pt")
    ),
    "pickles": Layout(torch_in("", "state_9.pkl", "state_100.pkl"), ("state_9.pkl", "state_100.pkl")),
    "optimizers beside": Layout(
        torch_in("c", "model_9.pt", "optimizer_9.pt", "model_10.pt", "optimizer_10.pt"),
        ("c/model_9.pt", "c/model_10.pt"),
    ),
    "ImageNet": Layout(
        torch_in("", "checkpoint.pth.tar", "model_best.pth.tar"), ("model_best.pth.tar", "checkpoint.pth.tar")
    ),
    "timm": Layout(
        torch_in("train/r50", "checkpoint-9.pth.tar", "checkpoint-12.pth.tar"),
        ("train/r50/checkpoint-9.pth.tar", "train/r50/checkpoint-12.pth.tar"),
    ),
    "Lightning": Layout(
        torch_in("lightning_logs/version_0/checkpoints", "epoch=3-step=99.ckpt", "epoch=11-step=999.ckpt"),
        tuple(f"lightning_logs/version_0/checkpoints/epoch={n}.ckpt" for n in ("3-step=99", "11-step=999")),
    ),
    "Lightning, sharded": Layout(
        lambda run: sharded(run / "epoch=3-step=99.ckpt"),
        ("epoch=3-step=99.ckpt",),
    ),
    "NeMo": Layout(
        nemo,
        tuple(
            f"exp/2024-01-01_00-00-00/checkpoints/m--val_loss={name}.ckpt"
            for name in ("2.05-epoch=0", "2.01-epoch=1", "2.01-epoch=1-last")
        ),
    ),
    "NeMo 2": Layout(nemo2, ("checkpoints/m--val_loss=2.05-step=99-last",)),
    "DeepSpeed": Layout(deepspeed, ("ckpt/global_step9", "ckpt/global_step10")),
    "torch DCP": Layout(lambda run: sharded(run / "c" / "step-9", run / "c" / "step-10"), ("c/step-9", "c/step-10")),
    "torch DCP, one": Layout(lambda run: sharded(run / "dcp"), ("dcp",)),
    "FSDP": Layout(fsdp, ("step_7",)),
    "Megatron": Layout(megatron, ("ck/iter_0000090", "ck/iter_0000123")),
    "verl": Layout(verl, ("global_step_9", "global_step_10")),
    "litgpt": Layout(
        lambda run: torch(*(run / name / "lit_model.pth" for name in ("step-00000900", "step-00001000", "final"))),
        ("step-00000900", "step-00001000"),
        ("final",),
    ),
    "automodel": Layout(automodel, ("checkpoints/epoch_0_step_99", "checkpoints/epoch_0_step_100")),
    "lerobot": Layout(lerobot, ("checkpoints/000900", "checkpoints/001000")),
    "kohya": Layout(
        kohya,
        ("net-step00000500-state", "net-step00001000-state"),
        ("net-step00000500.safetensors", "net-step00001000.safetensors"),
    ),
    "transformers": Layout(transformers, ("checkpoint-9", "checkpoint-10"), ("model.safetensors",)),
    "transformers, save_only_model": Layout(transformers_weights_only, (), ("checkpoint-9",)),
    "transformers with DeepSpeed": Layout(transformers_deepspeed, ("checkpoint-500",)),
    "a hyphen": Layout(lambda run: [made.state(run / f"epoch-{n}") for n in (9, 11)], ("epoch-9", "epoch-11")),
    "free names with numbers": Layout(
        lambda run: [made.state(run / f"save{n}x") for n in (9, 11)], ("save9x", "save11x")
    ),
    "state below the number": Layout(
        lambda run: [made.state(run / f"step_{n}" / "state") for n in (9, 10)], ("step_9", "step_10")
    ),
    "state in both": Layout(
        lambda run: [made.state(run / "epoch_1" / f"step_{n}") for n in (9, 10)], ("epoch_1/step_9", "epoch_1/step_10")
    ),
    "a directory of one's own": Layout(torch_in("e/epoch-3", "model.pt", "optimizer.pt"), ("e/epoch-3",)),
    "YOLO": Layout(torch_in("w", "last.pt", "best.pt"), ("w/best.pt", "w/last.pt")),
    "exports": Layout(
        exports, (), ("best_model", "ema", "ema_2", "final", "text_encoder", "tmp-checkpoint-9", "unet")
    ),
    "a pipeline": Layout(pipeline, (), ("out",)),
    "weights in files": Layout(lambda run: tensors(run / "lora-9.safetensors"), (), ("lora-9.safetensors",)),
    "files of its own": Layout(
        lambda run: text(run / "weights" / "ck-9.msgpack", run / "w.h5", run / "samples_step_9.pt"),
        unrecognised=("samples_step_9.pt", "w.h5", "weights/ck-9.msgpack"),
    ),
    "a lone optimizer": Layout(torch_in("", "optimizer.pt"), unrecognised=("optimizer.pt",)),
    "nothing": Layout(nothing),
}  # fmt: skip
