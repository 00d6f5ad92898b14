"""A character-level language model of Python's standard library, trained with HuggingFace Accelerate.

    python char_lm.py --config quickstart.yml
    accelerate launch char_lm.py --config quickstart.yml

The text is a part of the standard library, so that the script downloads nothing. All settings are in the config.
"""

from __future__ import annotations

import argparse
import string
import sys
import sysconfig
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import yaml
from accelerate import Accelerator
from accelerate.utils import is_tensorboard_available, set_seed
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader
from tqdm import tqdm

INDENT = "    "  # a tab in the vocabulary
VOCABULARY = "\t\n " + string.ascii_letters + string.digits + string.punctuation
TOKENS = {character: token for token, character in enumerate(VOCABULARY)}


@dataclass(frozen=True)
class ModelConfig:
    """The size of the network."""

    embedding_size: int
    hidden_size: int
    dropout: float


@dataclass(frozen=True)
class DataConfig:
    """The files, relative to the standard library, and how to split their text; lengths are in characters."""

    files: list[str]
    max_length: int
    sequence_length: int
    validation_fraction: float


@dataclass(frozen=True)
class CheckpointConfig:
    """The directory for checkpoints, the number of steps between them, and the checkpoint to resume from."""

    save_dir: str
    interval: int
    resume: str | None = None


@dataclass(frozen=True)
class LoggingConfig:
    """The number of steps between log entries of the training loss, and the tracker."""

    interval: int
    tensorboard: bool


@dataclass(frozen=True)
class ValidationConfig:
    """The number of steps between validations."""

    interval: int


@dataclass(frozen=True)
class TrainingConfig:
    """The training settings; the batch size is per process."""

    epochs: int
    batch_size: int
    learning_rate: float
    max_grad_norm: float
    seed: int
    checkpoint: CheckpointConfig
    logging: LoggingConfig
    validation: ValidationConfig


@dataclass(frozen=True)
class Config:
    """The config file; other sections are ignored."""

    model: ModelConfig
    data: DataConfig
    training: TrainingConfig

    @classmethod
    def read(cls, path: Path) -> Config:
        """Reads the YAML file."""
        sections = yaml.safe_load(path.read_text(encoding="utf-8"))
        training = sections["training"]
        training["learning_rate"] = float(training["learning_rate"])  # YAML reads 1e-3 as a string
        training["checkpoint"] = CheckpointConfig(**training["checkpoint"])
        training["logging"] = LoggingConfig(**training["logging"])
        training["validation"] = ValidationConfig(**training["validation"])
        return cls(ModelConfig(**sections["model"]), DataConfig(**sections["data"]), TrainingConfig(**training))


@dataclass
class Progress:
    """Finished epochs, finished batches of the current epoch, and all finished batches; part of a checkpoint."""

    epoch: int = 0
    batch: int = 0
    step: int = 0

    def state_dict(self) -> dict[str, int]:
        """Returns the state for a checkpoint."""
        return asdict(self)

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Restores the state of a checkpoint."""
        self.epoch, self.batch, self.step = state["epoch"], state["batch"], state["step"]


class CharacterModel(nn.Module):
    """An LSTM that predicts the next character."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.embedding = nn.Embedding(len(VOCABULARY), config.embedding_size)
        self.lstm = nn.LSTM(config.embedding_size, config.hidden_size, batch_first=True)
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(config.hidden_size, len(VOCABULARY))

    def forward(self, tokens: Tensor, state: tuple[Tensor, ...] | None = None) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Returns the logits of each next character, (batch, length, vocabulary), and the last state."""
        hidden, state = self.lstm(self.embedding(tokens), state)
        return self.head(self.dropout(hidden)), state

    def write(self, prompt: str, length: int, temperature: float, seed: int) -> str:
        """Continues the prompt by ``length`` characters."""
        generator = torch.Generator().manual_seed(seed)
        tokens = [TOKENS[character] for character in prompt]
        unread, state = tokens, None
        self.eval()
        with torch.no_grad():
            for _ in range(length):
                logits, state = self(torch.tensor([unread], device=self.head.weight.device), state)
                probabilities = torch.softmax(logits[0, -1].cpu() / temperature, dim=0)
                unread = torch.multinomial(probabilities, 1, generator=generator).tolist()
                tokens += unread
        return "".join(VOCABULARY[token] for token in tokens).replace("\t", INDENT)


def window_losses(model: nn.Module, windows: Tensor) -> Tensor:
    """Returns the loss of each window; the model predicts all characters except the first."""
    logits, _ = model(windows[:, :-1])
    return functional.cross_entropy(logits.transpose(1, 2), windows[:, 1:], reduction="none").mean(dim=1)


def read_windows(config: DataConfig) -> tuple[Tensor, Tensor]:
    """Reads the text and splits it into windows of tokens, for training and for validation."""
    library = Path(sysconfig.get_path("stdlib"))
    text = "\n".join((library / name).read_text(encoding="utf-8") for name in config.files).replace(INDENT, "\t")
    tokens = torch.tensor([TOKENS[character] for character in text if character in TOKENS][: config.max_length])
    # A window starts with the last character of the one before, so that each character is predicted once.
    windows = tokens.unfold(0, config.sequence_length + 1, config.sequence_length)
    split = round(len(windows) * (1 - config.validation_fraction))
    return windows[:split], windows[split:]


class Trainer:
    """Trains a model with the settings of the config."""

    def __init__(self, config: Config, accelerator: Accelerator) -> None:
        self.config = config.training
        self.accelerator = accelerator
        train_windows, validation_windows = read_windows(config.data)
        batch_size = self.config.batch_size
        # Shuffling uses a separate generator, so that the order of an epoch only depends on the seed and the epoch.
        self.shuffling = torch.Generator()
        train_loader = DataLoader(train_windows, batch_size, shuffle=True, generator=self.shuffling, drop_last=True)
        model = CharacterModel(config.model)
        optimizer = torch.optim.AdamW(model.parameters(), lr=self.config.learning_rate)
        # The number of steps for one process: Accelerate steps the scheduler once per process.
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.config.epochs * len(train_loader))
        self.model, self.optimizer, self.scheduler, self.train_loader, self.validation_loader = accelerator.prepare(
            model, optimizer, scheduler, train_loader, DataLoader(validation_windows, batch_size)
        )
        self.total_steps = self.config.epochs * len(self.train_loader)
        self.progress = Progress()
        accelerator.register_for_checkpointing(self.progress)

    def train(self) -> None:
        """Trains to the end, from the start or from the checkpoint in the config."""
        self.report(f"{self.total_steps} steps on {self.accelerator.num_processes} x {self.accelerator.device.type}")
        if self.config.checkpoint.resume:
            self.accelerator.load_state(self.config.checkpoint.resume)
            self.report(f"resumed from {self.config.checkpoint.resume} after step {self.progress.step}")
        # disable=None: show a bar on a terminal, but not in a pipe or a file.
        disable = None if self.accelerator.is_main_process else True
        with tqdm(initial=self.progress.step, total=self.total_steps, dynamic_ncols=True, disable=disable) as bar:
            while self.progress.epoch < self.config.epochs:
                self.train_epoch(bar)

    def train_epoch(self, bar: tqdm) -> None:
        """Trains one epoch, or the rest of it."""
        self.shuffling.manual_seed(self.config.seed + self.progress.epoch)
        is_over = self.progress.batch == len(self.train_loader)  # Accelerate 0.26 cannot skip all batches
        left = [] if is_over else self.accelerator.skip_first_batches(self.train_loader, self.progress.batch)
        for windows in left:
            loss = self.accelerator.reduce(self.train_batch(windows), "mean")
            self.progress.batch += 1
            self.progress.step += 1
            bar.update()
            if self.is_due(self.config.logging.interval):
                bar.set_postfix(loss=f"{loss.item():.3f}")
                values = {"train/loss": loss.item(), "train/learning_rate": self.scheduler.get_last_lr()[0]}
                self.accelerator.log(values, step=self.progress.step)
            if self.is_due(self.config.validation.interval):
                self.validate(loss.item())
            # Save last in a step: a resumed run starts with the next step.
            if self.is_due(self.config.checkpoint.interval):
                self.save_checkpoint()
        self.progress.epoch += 1
        self.progress.batch = 0

    def train_batch(self, windows: Tensor) -> Tensor:
        """Takes one step of the optimizer and returns the loss on this process."""
        self.model.train()
        loss = window_losses(self.model, windows).mean()
        self.accelerator.backward(loss)
        self.accelerator.clip_grad_norm_(self.model.parameters(), self.config.max_grad_norm)
        self.optimizer.step()
        self.scheduler.step()
        self.optimizer.zero_grad()
        return loss.detach()

    def validate(self, train_loss: float) -> None:
        """Computes the loss on the validation text, over all processes."""
        self.model.eval()
        gather = self.accelerator.gather_for_metrics
        with torch.no_grad():
            losses = [gather(window_losses(self.model, windows)) for windows in self.validation_loader]
        loss = torch.cat(losses).mean().item()
        self.accelerator.log({"validation/loss": loss}, step=self.progress.step)
        place = f"epoch {self.progress.epoch + 1}/{self.config.epochs}  step {self.progress.step:>4}/{self.total_steps}"
        self.report(f"{place}  train loss {train_loss:.3f}  validation loss {loss:.3f}")

    def save_checkpoint(self) -> None:
        """Saves everything that a resumed run needs to continue exactly."""
        name = f"checkpoint-epoch{self.progress.epoch + 1}-step{self.progress.step}"
        path = Path(self.config.checkpoint.save_dir, name)
        self.accelerator.save_state(str(path))
        self.report(f"saved {path}")

    def is_due(self, interval: int) -> bool:
        """Returns True every ``interval`` steps and after the last step."""
        return self.progress.step % interval == 0 or self.progress.step == self.total_steps

    def report(self, text: str) -> None:
        """Prints a line above the bar and flushes it, so that a pipe shows it immediately."""
        if self.accelerator.is_main_process:
            tqdm.write(text)
            sys.stdout.flush()


def flatten(tree: dict[str, object], prefix: str = "") -> dict[str, object]:
    """Returns nested settings with keys such as ``a.b.c``: TensorBoard accepts no mappings and no lists."""
    flat: dict[str, object] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = str(value) if isinstance(value, list) else value
    return flat


def main() -> None:
    """Trains the model of the config, then prints a sample of its output."""
    parser = argparse.ArgumentParser(description="Train a character-level language model on Python's standard library.")
    parser.add_argument("--config", type=Path, required=True, help="YAML file with the settings")
    config = Config.read(parser.parse_args().config)
    save_dir, tensorboard = Path(config.training.checkpoint.save_dir), config.training.logging.tensorboard
    save_dir.mkdir(parents=True, exist_ok=True)
    accelerator = Accelerator(log_with="tensorboard" if tensorboard else None, project_dir=save_dir)
    accelerator.init_trackers("char_lm", config=flatten(asdict(config)))
    set_seed(config.training.seed)
    trainer = Trainer(config, accelerator)
    if tensorboard and not is_tensorboard_available():
        trainer.report("tensorboard is not installed: training continues without it")
    trainer.train()
    model = accelerator.unwrap_model(trainer.model)
    sample = model.write("def ", length=400, temperature=0.5, seed=config.training.seed)
    trainer.report(f"sample of the model's output:\n\n{sample}")
    accelerator.end_training()


if __name__ == "__main__":
    main()
