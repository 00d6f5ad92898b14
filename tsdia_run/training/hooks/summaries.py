"""Write model_summary.txt, and the config of ``Accelerator.init_trackers`` to hyperparameters.json.

The modules that the hooks need are imported at the first call: importing them would delay the start.
"""

from __future__ import annotations

import sys
from typing import Any

from tsdia_run.files.atomic import PUBLIC
from tsdia_run.training.hooks import forwarding
from tsdia_run.training.hooks.session import Session
from tsdia_run.training.hooks.wrapping import Steps, wrap


def hook_accelerator(accelerator_class: Any, session: Session) -> None:
    """Hook the class ``accelerate.Accelerator``."""
    seen: list[Any] = []  # kept, so that no other model gets the id() of one of these

    def init_trackers(
        accelerator: Any, project_name: str, config: Any = None, init_kwargs: Any = None, **_: Any
    ) -> Steps:
        if config and accelerator.is_main_process:
            from tsdia_run.training.hooks import hyperparameters

            hyperparameters.of(session).add(config)
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
    for tracker_class in set(sys.modules["accelerate.tracking"].LOGGER_TYPE_TO_CLASS.values()):
        forwarding.mark(tracker_class, "store_init_configuration", "summaries")


def is_model(value: object) -> bool:
    """Return whether a value is a ``torch.nn.Module``."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.nn.Module)


def publish_models(session: Session, models: list[Any]) -> None:
    """Write model_summary.txt.

    Raises:
        OSError: The file can't be written.
    """
    from tsdia_run.training.hooks.model_summary import summary
    from tsdia_run.training.hooks.publishing import publish

    publish(session, "model_summary", "\n".join(map(summary, models)).encode("utf-8", "backslashreplace"), PUBLIC)
