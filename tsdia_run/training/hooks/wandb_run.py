"""Use one W&B run for all attempts of a run, give it the complete config, and write wandb_info.json.

tsdia-run creates the id before the training starts. The first ``wandb.init`` of the main rank uses it; later calls,
and calls of other processes, make separate W&B runs. The id is passed as an argument, not in the environment: W&B reads
the environment once, and would use the id for every run of the process.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from tsdia_run.files.atomic import write_json
from tsdia_run.files.fields import read_bounded
from tsdia_run.rundir import env
from tsdia_run.training.boot.rank_state import RANK
from tsdia_run.training.hooks import forwarding, tracker_config
from tsdia_run.training.hooks.rank_process import RankProcess
from tsdia_run.training.hooks.session import Session
from tsdia_run.training.hooks.tracker_config import KEY
from tsdia_run.training.hooks.wrapping import Call, Steps, warn, wrap

_HOST = "https://api.wandb.ai"
_MAX_NETRC_BYTES = 1024 * 1024


def hook_wandb(wandb: Any, session: Session) -> None:
    """Hook the module ``wandb``."""
    is_taken = False
    process = RankProcess()

    def init(*args: Any, **kwargs: Any) -> Steps:
        nonlocal is_taken
        # None is W&B's own default for all of its arguments.
        options = {name: value for name, value in kwargs.items() if value is not None}
        is_unreachable = _mode(kwargs) == "online" and _would_ask_for_key()
        if is_unreachable:
            options["mode"] = "offline"
            sys.stderr.write("tsdia-run: no W&B API key found: using W&B offline mode. To log in: wandb login\n")
        # Checked now, because a fork may have received its rank since the import.
        is_shared_run = not is_taken and process.is_this() and os.environ.get("RANK", "0") in ("", "0")
        if is_shared_run:
            is_taken = True
            options = {**_identity(session, options), **options}
        run = yield Call(args, options)
        if is_shared_run and not is_unreachable and not getattr(run, "disabled", False) and _mode_of(run) != "disabled":
            _keep_info(run, session)
            if not RANK.is_accelerates_turn:
                _give_config(run, options.get("config"), session)

    wrap(wandb, "init", "trackers", init)


def _mode(kwargs: dict[str, Any]) -> str:
    return str(kwargs.get("mode") or _setting(kwargs, "mode") or os.environ.get("WANDB_MODE") or "online")


def _setting(kwargs: dict[str, Any], name: str) -> Any:
    """Return a value of the argument ``settings``, a dict or an object; None for the object's defaults."""
    settings: Any = kwargs.get("settings")
    if settings is None:
        return None
    if isinstance(settings, dict):
        return settings.get(name)
    value = getattr(settings, name, None)
    if hasattr(settings, "model_fields_set"):
        return value if name in settings.model_fields_set else None
    # Early releases of W&B do not record which values were set: a value that differs from the default was set.
    return None if value == getattr(type(settings)(), name, None) else value


def _mode_of(run: Any) -> str:
    return str(getattr(run.settings, "mode", None) or getattr(run.settings, "_mode", "online"))


def _would_ask_for_key() -> bool:
    """Return whether W&B has no API key and no terminal, so that it would end the script.

    W&B reads the key from these variables and from the netrc file:
    https://docs.wandb.ai/models/track/environment-variables .
    """
    if any(os.environ.get(name) for name in ("WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE")):
        return False
    if sys.stdin is not None and sys.stdin.isatty():
        return False
    host = os.environ.get("WANDB_BASE_URL", _HOST).rstrip("/").rpartition("/")[2]
    places = [os.environ.get("NETRC"), os.path.expanduser("~/.netrc"), os.path.expanduser("~/_netrc")]
    return not any(place and host in _text(place) for place in places)


def _text(path: str) -> str:
    try:
        return read_bounded(Path(path), _MAX_NETRC_BYTES).decode("utf-8", "replace")
    except (OSError, ValueError):
        return ""


def _identity(session: Session, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments that select the shared W&B run, except those that the script or the user has set."""
    if kwargs.get("id") or _setting(kwargs, "run_id") or os.environ.get("WANDB_RUN_ID"):
        return {}
    identity = {"id": os.environ.get(env.WANDB_ID) or session.run_id}
    if "WANDB_RESUME" not in os.environ:
        identity["resume"] = "allow"
    if "WANDB_NAME" not in os.environ:
        identity["name"] = os.environ.get(env.WANDB_NAME) or session.name
    return identity


def _give_config(run: Any, own: Any, session: Session) -> None:
    """Give W&B the complete config, as Accelerate's trackers get it; a key set by the script has priority."""
    values = tracker_config.read(session.config).values
    if not values or KEY in (own if isinstance(own, Mapping) else getattr(own, "__dict__", {})):
        return
    with forwarding.forwarding():
        run.config.update(values, allow_val_change=True)
    RANK.configured_runs.add(run.id)
    # The script's view of its config does not change: the script may pass all of it on, or set this key itself.
    getattr(run.config, "_items", {}).pop(KEY, None)


def _keep_info(run: Any, session: Session) -> None:
    path, started = session.layout.wandb_info, datetime.now(timezone.utc).isoformat(timespec="seconds")

    def keep() -> None:
        try:
            is_offline = _mode_of(run) == "offline"
            info = {
                "run_id": run.id,
                "run_name": run.name or None,
                "run_url": None if is_offline else run.url,
                "project": run.project or None,
                "entity": run.entity or None,
                "timestamp": started,
            }
            write_json(path, info)
        except Exception as error:  # missing facts about the W&B run must not end the training
            warn("trackers", error)

    keep()
    # The script may change the name, and an offline run may get a URL.
    atexit.register(keep)
