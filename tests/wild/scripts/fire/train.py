"""fire: the function's parameters are the flags; one checkpoint per epoch, which has one step here."""

from pathlib import Path

import fire
import toy


def main(out: str, resume: str | None = None) -> None:
    """Train."""
    toy.train_with_accelerate(Path(out), resume, "epoch_", save_every=1)


if __name__ == "__main__":
    fire.Fire(main)
