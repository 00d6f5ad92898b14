"""diffusers' training scripts: saves on the main process, resumes by the name in output_dir, exports at the end."""

import argparse
from pathlib import Path

import toy
from accelerate import Accelerator
from safetensors.torch import save_file

parser = argparse.ArgumentParser()
parser.add_argument("--output_dir", type=Path, required=True)
parser.add_argument("--resume_from_checkpoint")
args = parser.parse_args()
accelerator = Accelerator()
unet = toy.make_model()
model, optimizer = accelerator.prepare(unet, toy.make_optimizer(unet))

global_step = 0
if args.resume_from_checkpoint:
    if args.resume_from_checkpoint == "latest":
        names = [path.name for path in args.output_dir.glob("checkpoint-*")]
        name = max(names, key=lambda name: int(name.split("-")[1]), default="")
    else:
        name = Path(args.resume_from_checkpoint).name
    if name and (args.output_dir / name).is_dir():
        accelerator.load_state(str(args.output_dir / name))
        global_step = int(name.split("-")[1])

toy.started(global_step, accelerator.is_main_process)
while global_step < toy.STEPS:
    global_step += 1
    loss = toy.loss_of(model, global_step, accelerator.process_index)
    accelerator.backward(loss)
    optimizer.step()
    optimizer.zero_grad()
    if accelerator.is_main_process and global_step % toy.SAVE_EVERY == 0:
        accelerator.save_state(str(args.output_dir / f"checkpoint-{global_step}"))
    accelerator.log({"train_loss": loss.item()}, step=global_step)
    toy.report(global_step, loss.item(), accelerator.is_main_process)
accelerator.wait_for_everyone()
if accelerator.is_main_process:
    (args.output_dir / "unet").mkdir(exist_ok=True)
    save_file(unet.state_dict(), args.output_dir / "unet" / "diffusion_pytorch_model.safetensors")
    (args.output_dir / "model_index.json").write_text('{"_class_name": "ToyPipeline"}\n')
accelerator.end_training()
