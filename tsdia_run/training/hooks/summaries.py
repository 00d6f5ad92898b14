"""Write hyperparameters.json and model_summary.txt, for scripts that write neither.

Each attempt has both files (``attempts/N``). The files in the run directory are those of the newest attempt. The hook
never changes a file of the script: it replaces a file only if it is equal to that of an attempt.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tsdia_run.files.atomic import PUBLIC, mode_of, write_bytes
from tsdia_run.files.fields import read_bounded
from tsdia_run.rundir.layout import AttemptLayout, RunLayout
from tsdia_run.training.hooks.session import Session
from tsdia_run.training.hooks.wrapping import Steps, wrap

_DEPTH = 20
_MAX_BYTES = 16 * 1024 * 1024


def hook_accelerator(accelerator_class: Any, session: Session) -> None:
    """Hook the class ``accelerate.Accelerator``."""
    seen: list[Any] = []  # kept, so that no other model gets the id() of one of these

    def init_trackers(
        accelerator: Any, project_name: str, config: Any = None, init_kwargs: Any = None, **_: Any
    ) -> Steps:
        if config and accelerator.is_main_process:
            publish_hyperparameters(session, config)
        yield None

    def prepare(accelerator: Any, *objects: Any, **_: Any) -> Steps:
        # Before the call, because the result may be wrapped, sharded or compiled.
        models = [one for one in objects if is_model(one) and not any(one is known for known in seen)]
        if models and accelerator.is_main_process:
            seen.extend(models)
            publish_models(session, seen)
        yield None

    wrap(accelerator_class, "init_trackers", "summaries", init_trackers)
    wrap(accelerator_class, "prepare", "summaries", prepare)


def is_model(value: object) -> bool:
    """Return whether a value is a ``torch.nn.Module``."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.nn.Module)


def publish_hyperparameters(session: Session, values: object) -> None:
    """Write hyperparameters.json.

    Raises:
        OSError: The file can't be written.
    """
    data = json.dumps(plain(values), indent=2, ensure_ascii=False) + "\n"
    _publish(session, "hyperparameters", data.encode("utf-8", "backslashreplace"), mode_of(session.config))


def publish_models(session: Session, models: list[Any]) -> None:
    """Write model_summary.txt.

    Raises:
        OSError: The file can't be written.
    """
    from tsdia_run.training.hooks.model_summary import summary

    _publish(session, "model_summary", "\n".join(map(summary, models)).encode("utf-8", "backslashreplace"), PUBLIC)


def _publish(session: Session, which: str, data: bytes, mode: int) -> None:
    def place(layout: AttemptLayout | RunLayout) -> Path:
        path: Path = getattr(layout, which)
        return path

    shared = place(session.layout)
    if not shared.exists() or _is_copy(shared, [place(session.layout.attempt(n)) for n in range(session.number + 1)]):
        write_bytes(shared, data, mode=mode)
    write_bytes(place(session.attempt), data, mode=mode)


def _is_copy(path: Path, attempts: list[Path]) -> bool:
    data = _content(path)
    return data is not None and any(_content(copy) == data for copy in reversed(attempts))


def _content(path: Path) -> bytes | None:
    try:
        return read_bounded(path, _MAX_BYTES)
    except (OSError, ValueError):  # not a file that tsdia-run wrote
        return None


def plain(value: Any, depth: int = 0) -> Any:
    """Return a value for JSON: NaN, and anything but a number, string, list or mapping, becomes a string."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if depth < _DEPTH:
        if isinstance(value, Mapping):
            return {str(key): plain(inner, depth + 1) for key, inner in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [plain(inner, depth + 1) for inner in value]
        if hasattr(value, "__dict__") and not callable(value) and type(value).__module__ != "builtins":
            return plain(vars(value), depth + 1)  # argparse.Namespace, dataclasses, config objects
    return str(value)
