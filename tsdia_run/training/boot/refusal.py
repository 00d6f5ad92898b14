"""The error that stops a save which would overwrite a protected checkpoint."""

from __future__ import annotations

# Named, since nothing in this room imports the rest of the package.
_ERRORS = "tsdia_run.errors"

_MESSAGE = """\
{path} was not {doing}: {asked}, so it trains from the beginning.
Tell the script what to load: name the config key with `resume_key`, or an argument with `resume_args`, and use it,
as in trainer.train(resume_from_checkpoint=...) or torch.load(...). TSDIA_RUN_CHECKPOINT holds the path.
To start over in the same run: tsdia-run resume {run_dir} --from-scratch
If the script takes its state from elsewhere: set `hooks.checkpoints: false`."""


def refusal(path: str, doing: str, asked: str, run_dir: str) -> Exception:
    """Put the error together.

    Args:
        path: The protected checkpoint.
        doing: What the script would have done to it.
        asked: What the script did not do.
        run_dir: The run directory.
    """
    import shlex

    return _error_class()(_MESSAGE.format(path=path, doing=doing, asked=asked, run_dir=shlex.quote(run_dir)))


def _error_class() -> type[Exception]:
    """``CheckpointNotReadError``; where the package was replaced and can't be loaded, any error that stops the save."""
    from importlib import import_module

    try:
        found: type[Exception] = import_module(_ERRORS).CheckpointNotReadError
    except Exception:  # a module of another version may fail for any reason
        return RuntimeError
    return found
