"""The form of a notification that a service expects, by the host of its URL (pure).

Slack: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks, Discord:
https://docs.discord.com/developers/resources/webhook#execute-webhook, ntfy: https://docs.ntfy.sh/publish/#publish-as-json
"""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from tsdia_run.notify.facts import Event, EventFacts

_MARKS = {
    Event.COMPLETED: ("✅", "white_check_mark"),
    Event.FAILED: ("❌", "x"),
    Event.STOPPED: ("⏹", "stop_button"),
    Event.HUNG: ("⏳", "hourglass"),
    Event.RESTARTED: ("🔁", "repeat"),
}
_URGENT, _NORMAL = 4, 3


@dataclass(frozen=True)
class WebhookRequest:
    """A POST request.

    Attributes:
        url: Its URL, without a user.
        headers: Its headers.
        body: Its body.
    """

    url: str
    headers: dict[str, str]
    body: bytes


def request_to(webhook: str, facts: EventFacts) -> WebhookRequest:
    """Return the request that tells a service about an event."""
    parts = urlsplit(webhook)
    user, _, place = parts.netloc.rpartition("@")
    parts = parts._replace(netloc=place, fragment="")
    headers = {"Content-Type": "application/json", "User-Agent": "tsdia-run"}
    if user:
        headers["Authorization"] = f"Basic {b64encode(unquote(user).encode()).decode()}"
    mark, tag = _MARKS[facts.event]
    message: dict[str, object] = dict(facts.values)
    host = parts.hostname or ""
    if _is_of(host, "slack.com", "slack-gov.com"):
        message = {"text": f"{mark} {_for_slack(facts.text)}"}
    elif _is_of(host, "discord.com", "discordapp.com"):
        message = {"content": f"{mark} {facts.text}", "allowed_mentions": {"parse": []}}
    elif _is_of(host, "ntfy.sh") or host.startswith("ntfy."):
        parts, message = _for_ntfy(parts, facts, tag)
    return WebhookRequest(parts.geturl(), headers, json.dumps(message).encode())


def _is_of(host: str, *domains: str) -> bool:
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)


def _for_slack(text: str) -> str:
    """Escape the characters with which Slack writes links and mentions."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _for_ntfy(parts: SplitResult, facts: EventFacts, tag: str) -> tuple[SplitResult, dict[str, object]]:
    """Return the URL of the server, which takes JSON, and the message: its topic is the last part of the path."""
    above, _, topic = parts.path.rstrip("/").rpartition("/")
    is_urgent = facts.event in (Event.FAILED, Event.HUNG)
    return parts._replace(path=f"{above}/"), {
        "topic": unquote(topic),
        "title": f"{facts.name}: {facts.event.value}",
        "message": facts.text,
        "tags": [tag],
        "priority": _URGENT if is_urgent else _NORMAL,
    }
