"""Check whether W&B can be used: its mode, login and network."""

from __future__ import annotations

import netrc
import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from tsdia_run.doctor.grades import Finding, fine, warning
from tsdia_run.doctor.situation import Situation
from tsdia_run.errors.launching import NoInterpreter
from tsdia_run.files.fields import beginning_of
from tsdia_run.launch import interpreter
from tsdia_run.provenance.environment import ask_interpreter
from tsdia_run.text import shell

_DEFAULT_URL = "https://api.wandb.ai"
_CONNECT_LIMIT_S = 1.5
_MIN_KEY_CHARACTERS = 40
_OFFLINE = "export WANDB_MODE=offline"
_WITHOUT_UPLOAD = ("offline", "disabled", "dryrun")


def check_wandb(situation: Situation) -> Iterator[Finding]:
    """Check the mode, the login, and the network. Only a script that uses W&B needs them, so nothing is an error."""
    try:
        python = interpreter.choose(situation.settings.python, situation.environ, situation.cwd)
    except NoInterpreter:  # the check of the interpreter reports it
        return
    packages = ask_interpreter(python.path, situation.environ).packages or {}
    if "wandb" not in packages:
        yield fine("wandb", "not installed for this interpreter")
        return
    environ = situation.variables
    mode, origin = _mode(environ, situation.cwd)
    if mode in _WITHOUT_UPLOAD:
        yield fine("wandb", f"{mode} ({origin}): nothing is uploaded")
        return
    url = urlsplit(environ.get("WANDB_BASE_URL") or _DEFAULT_URL)
    host = url.hostname or ""
    key, place = _key(environ, host)
    login = shell([python.path, "-m", "wandb", "login", *(["--host", url.geturl()] if host != "api.wandb.ai" else [])])
    if key is None:
        found = f"no API key for {host}: a script that uses W&B asks for it, or fails without a terminal"
        yield warning("wandb", found, f"{login}\n{_OFFLINE}")
    elif len(key) < _MIN_KEY_CHARACTERS:
        yield warning("wandb", f"the API key in {place} is too short, with {len(key)} characters", login)
    elif (trouble := _trouble(environ, host, url.port or (80 if url.scheme == "http" else 443))) is not None:
        yield warning("wandb", f"{host} can't be reached: {trouble}", _OFFLINE)
    else:
        yield fine("wandb", f"online, with the API key in {place}")


def _mode(environ: Mapping[str, str], cwd: Path) -> tuple[str, str]:
    """Return the mode, and where it is set: a variable, or a file that `wandb offline` writes."""
    if environ.get("WANDB_DISABLED", "").lower() in ("true", "1", "yes"):
        return "disabled", "WANDB_DISABLED"
    if environ.get("WANDB_MODE"):
        return environ["WANDB_MODE"], "WANDB_MODE"
    home = environ.get("HOME", "/")
    for folder in (cwd / "wandb", Path(environ.get("WANDB_CONFIG_DIR") or f"{home}/.config/wandb")):
        for line in beginning_of(folder / "settings").splitlines():
            name, _, value = (part.strip() for part in line.partition("="))
            if name == "mode":
                return value, str(folder / "settings")
            if name == "disabled" and value.lower() == "true":
                return "offline", str(folder / "settings")
    return "online", ""


def _key(environ: Mapping[str, str], host: str) -> tuple[str | None, str]:
    """Return the API key, which is never shown, and where it is."""
    for variable in ("WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE"):
        if environ.get(variable):
            is_file = variable != "WANDB_API_KEY"
            return "-" * _MIN_KEY_CHARACTERS if is_file else environ[variable].rpartition("-")[2], variable
    home = environ.get("HOME", "/")
    for path in filter(None, (environ.get("NETRC"), f"{home}/.netrc", f"{home}/_netrc")):
        if os.path.isfile(path):
            try:
                found = netrc.netrc(path).authenticators(host)
            except (OSError, netrc.NetrcParseError):
                continue
            if found and found[2]:
                return found[2].rpartition("-")[2], path
    return None, ""


def _trouble(environ: Mapping[str, str], host: str, port: int) -> str | None:
    """Return why the server can't be reached; None if it can, or if a proxy is between."""
    if any(environ.get(name) for name in ("https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy")):
        return None
    try:
        socket.create_connection((host, port), timeout=_CONNECT_LIMIT_S).close()
    except OSError as error:
        return error.strerror or str(error)
    return None
