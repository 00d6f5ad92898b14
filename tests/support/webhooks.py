"""A real HTTP server that receives notifications, in several moods."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Received:
    """A request that arrived.

    Attributes:
        method: GET or POST.
        target: The path, or the URL if the client takes this server for its proxy.
        headers: The headers.
        body: The body, parsed as JSON.
    """

    method: str
    target: str
    headers: dict[str, str]
    body: Any


@dataclass
class WebhookServer:
    """A server on a port of this machine.

    Attributes:
        port: The port.
        answer: The status code of its answers; 0 for no answer at all, until the server ends.
        location: The target of a redirect.
        received: The requests so far.
    """

    port: int = 0
    answer: int = 200
    location: str = ""
    received: list[Received] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str) -> str:
        """Return a URL of this server."""
        return f"http://127.0.0.1:{self.port}{path}"

    @property
    def events(self) -> list[str]:
        """The events of the generic JSON that arrived."""
        return [one.body["event"] for one in self.received]


@contextmanager
def webhook_server() -> Iterator[WebhookServer]:
    """Serve until the end of the block."""
    state = WebhookServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            state.received.append(Received(self.command, self.path, dict(self.headers), json.loads(body or b"null")))
            if state.answer == 0:
                state.is_over.wait()
                return
            self.send_response(state.answer)
            if state.location:
                self.send_header("Location", state.location)
            self.end_headers()

        do_GET = do_POST

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        state.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield state
        finally:
            state.is_over.set()
            server.shutdown()
            thread.join()
