"""click, with option names of its own and one numbered file per checkpoint."""

from pathlib import Path

import click
import toy


@click.command()
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--load", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def main(out: Path, load: Path | None) -> None:
    """Train."""
    training = toy.Plain()
    start = training.load(load) if load else 0
    toy.started(start, training.is_main)
    for step in range(start + 1, toy.STEPS + 1):
        loss = training.train_step(step)
        if step % toy.SAVE_EVERY == 0:
            training.save(out / f"model_{step:06d}.pt", step)
        toy.report(step, loss, training.is_main)
    training.close()


if __name__ == "__main__":
    main()
