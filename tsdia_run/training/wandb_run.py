"""One W&B run for all attempts of a run, with the whole config, and wandb_info.json.

The launcher makes the id before the start. The first ``wandb.init`` of the main rank takes it; later ones, and those of
other processes, are runs of the script's own. It is given as an argument, not through the environment: W&B reads
the environment once, and would give the id to every run of the process.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from tsdia_run.files.atomic import write_json
from tsdia_run.training import tracker_config
from tsdia_run.training.hooks import Call, Steps, warn, wrap
from tsdia_run.training.rank_process import RankProcess
from tsdia_run.training.session import Session
from tsdia_run.training.tracker_config import GIVEN, KEY

_HOST = "https://api.wandb.ai"


def hook_wandb(wandb: Any, session: Session) -> None:
    """Hook the module ``wandb``."""
    is_taken = False
    process = RankProcess()

    def init(*args: Any, **kwargs: Any) -> Steps:
        nonlocal is_taken
        # None is W&B's own default for all of its arguments.
        asked = {name: value for name, value in kwargs.items() if value is not None}
        is_unreachable = _mode(kwargs) == "online" and _would_ask()
        if is_unreachable:
            asked["mode"] = "offline"
            sys.stderr.write("tsdia-run: W&B has no API key here, so it goes offline; `wandb login` makes one\n")
        # Now, since a fork may have got its rank meanwhile.
        is_ours = not is_taken and process.is_this() and os.environ.get("RANK", "0") in ("", "0")
        if is_ours:
            is_taken = True
            asked = {**_identity(session, asked), **asked}
        run = yield Call(args, asked)
        if is_ours and not is_unreachable and not getattr(run, "disabled", False) and _mode_of(run) != "disabled":
            _keep_info(run, session)
            if not GIVEN.is_accelerates_turn:
                _give_config(run, asked.get("config"), session)

    wrap(wandb, "init", "trackers", init)


def _mode(kwargs: dict[str, Any]) -> str:
    return str(kwargs.get("mode") or _setting(kwargs, "mode") or os.environ.get("WANDB_MODE") or "online")


def _setting(kwargs: dict[str, Any], name: str) -> Any:
    """What the argument ``settings`` says, a dict or an object, without the object's defaults."""
    settings: Any = kwargs.get("settings")
    if settings is None:
        return None
    if isinstance(settings, dict):
        return settings.get(name)
    value = getattr(settings, name, None)
    if hasattr(settings, "model_fields_set"):
        return value if name in settings.model_fields_set else None
    # Early releases of W&B do not tell what was set; another value than a new object has was.
    return None if value == getattr(type(settings)(), name, None) else value


def _mode_of(run: Any) -> str:
    return str(getattr(run.settings, "mode", None) or getattr(run.settings, "_mode", "online"))


def _would_ask() -> bool:
    """Whether W&B would ask for its key, or end the script for want of somebody to ask.

    It takes the key from these variables and from the netrc file:
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
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _identity(session: Session, kwargs: dict[str, Any]) -> dict[str, Any]:
    """What makes it our run, as far as neither script nor user have chosen for themselves."""
    if kwargs.get("id") or _setting(kwargs, "run_id") or os.environ.get("WANDB_RUN_ID"):
        return {}
    identity = {"id": os.environ.get("TSDIA_RUN_WANDB_ID") or session.run_id}
    if "WANDB_RESUME" not in os.environ:
        identity["resume"] = "allow"
    if "WANDB_NAME" not in os.environ:
        identity["name"] = os.environ.get("TSDIA_RUN_WANDB_NAME") or session.name
    return identity


def _give_config(run: Any, own: Any, session: Session) -> None:
    """Give W&B the whole config, as Accelerate's trackers get it; a key of the script's own wins."""
    told = tracker_config.read(session.config).values
    if not told or KEY in (own if isinstance(own, Mapping) else getattr(own, "__dict__", {})):
        return
    run.config.update(told, allow_val_change=True)
    GIVEN.runs.add(run.id)
    # The script's own view of its config stays as it was: it may pass all of it on, or set this key itself.
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
        except Exception as error:  # what W&B can't tell is no reason to end a training
            warn("trackers", error)

    keep()
    # The name may be changed, and a run that was offline at first may get a place.
    atexit.register(keep)
