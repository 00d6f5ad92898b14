"""The error that stops a save before it overwrites a protected checkpoint."""

from __future__ import annotations

# A name, because ``boot`` does not import the rest of the package.
_ERRORS = "tsdia_run.errors"

_MESSAGE = """\
{path} was not {doing}: {not_read}, so it trains from the start.
Pass the checkpoint to the script: set `resume_key` to a config key, or `resume_args` to an argument, and load it, as in
trainer.train(resume_from_checkpoint=...) or torch.load(...). TSDIA_RUN_CHECKPOINT contains the path.
To start over in the same run: tsdia-run resume {run_dir} --from-scratch
If the script loads its state from another place: set `hooks.checkpoints: false`."""


def refusal(path: str, doing: str, not_read: str, run_dir: str) -> Exception:
    """Return the error.

    Args:
        path: The protected checkpoint.
        doing: The refused change: overwritten, removed or moved.
        not_read: The sentence about the checkpoint that the script did not read.
        run_dir: The run directory.
    """
    import shlex

    return _error_class()(_MESSAGE.format(path=path, doing=doing, not_read=not_read, run_dir=shlex.quote(run_dir)))


def _error_class() -> type[Exception]:
    """Return ``CheckpointNotReadError``; ``RuntimeError`` if the package was replaced and can't be loaded."""
    from importlib import import_module

    try:
        found: type[Exception] = import_module(_ERRORS).CheckpointNotReadError
    except Exception:  # a module of another version may fail for any reason
        return RuntimeError
    return found
