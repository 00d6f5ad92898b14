"""Send a notification to a URL, without showing more of the URL than its host: the rest is a secret."""

from __future__ import annotations

import http.client
from http import HTTPStatus
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from tsdia_run.notify.facts import EventFacts
from tsdia_run.notify.payloads import request_to
from tsdia_run.text import visible


class _NoRedirects(HTTPRedirectHandler):
    """urllib would follow a redirect by a GET request, which notifies of nothing."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: http.client.HTTPMessage, newurl: str
    ) -> Request | None:
        return None


def host_of(webhook: str) -> str:
    """Return the part of the URL that may be shown."""
    return visible(urlsplit(webhook).hostname or "")


def post(webhook: str, facts: EventFacts, limit_s: float) -> str | None:
    """Send a notification; return what went wrong, without the URL.

    Args:
        webhook: The URL.
        facts: The facts.
        limit_s: The longest time for each step: the connection, the request, the answer.
    """
    try:
        form = request_to(webhook, facts)
        request = Request(form.url, form.body, form.headers, method="POST")
        with build_opener(_NoRedirects).open(request, timeout=limit_s):
            return None
    except HTTPError as error:
        with error:
            return _answer(error)
    except URLError as error:
        return _cause(error.reason)
    except Exception as error:  # http.client, ssl and proxies raise many types; a notification never ends a run
        return _cause(error)


def _answer(error: HTTPError) -> str:
    try:
        phrase = f" {HTTPStatus(error.code).phrase}"
    except ValueError:
        phrase = ""
    to = urlsplit(error.headers.get("Location") or "") if 300 <= error.code < 400 else None
    advice = f"; set the URL that it redirects to, on {visible(to.netloc.rpartition('@')[2])}" if to else ""
    return f"the server answered {error.code}{phrase}{advice}"


def _cause(error: object) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    # Other errors may quote the URL.
    text = (error.strerror or str(error)) if isinstance(error, OSError) else ""
    return visible(text) or f"the request could not be sent ({type(error).__name__})"
