"""The explorer's page on this machine, for its own browser alone.

In: a page, and what is said about it. Out: answers to requests. Invariant: nothing but
the page and its state is served, only on 127.0.0.1, and only to who asks for it by that
name: a page from elsewhere that finds the port cannot read it.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from symdiff.graph.errors import OutputError

HOST = "127.0.0.1"
WAIT = 20.0  # seconds that a request for changes waits for one


@dataclass
class State:
    """The page that is served, its version, and what is to be said about it.

    ``changes`` counts what has happened; a version is the count at which it was begun.
    """

    html: str
    version: int = 0
    error: str = ""
    busy: bool = True
    changes: int = field(default_factory=lambda: time.time_ns() // 1_000_000)
    told: threading.Condition = field(default_factory=threading.Condition)

    def change(self, **parts: Any) -> None:
        """Set parts of it, and let those know that wait for a change."""
        with self.told:
            for name, value in parts.items():
                setattr(self, name, value)
            self.changes += 1
            self.told.notify_all()

    def after(self, seen: int) -> dict[str, Any]:
        """Return what is to be known, once something has changed since ``seen``."""
        with self.told:
            self.told.wait_for(lambda: self.changes != seen, WAIT)
            return {
                "changes": self.changes,
                "version": str(self.version),
                "error": self.error,
                "busy": self.busy,
            }


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing where a browser has gone before it was answered."""


def serve(state: State, port: int | None) -> ThreadingHTTPServer:
    """Return a server that answers in threads of its own; ``port`` None is a free one.

    Raises `OutputError` if the port cannot be had.
    """

    class Handler(_PageHandler):
        served = state

    try:
        server = _Server((HOST, port or 0), Handler)
    except OSError as error:
        raise OutputError(
            f"cannot serve on port {port}: {error.strerror}. Give another --port, or "
            "none for a free one."
        ) from error
    threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
    return server


class _PageHandler(BaseHTTPRequestHandler):
    served: State
    protocol_version = "HTTP/1.1"
    server_version = "symdiff"
    sys_version = ""
    timeout = 60

    def do_GET(self) -> None:
        """Answer with the page, or with what has changed."""
        if not self._own():
            self._send(403, "text/plain", "This page is for its own machine alone.\n")
            return
        asked = urlsplit(self.path)
        if asked.path == "/":
            self._send(200, "text/html", self.served.html)
        elif asked.path == "/changes":
            seen = parse_qs(asked.query).get("after", ["0"])[0]
            number = int(seen) if seen.isdecimal() else 0
            self._send(200, "application/json", json.dumps(self.served.after(number)))
        elif asked.path == "/favicon.ico":
            self._send(204, "image/x-icon", "")
        else:
            self._send(404, "text/plain", "Nothing but the page is served here.\n")

    def _own(self) -> bool:
        """Whether it is asked for by the names of this machine.

        A name from elsewhere may be made to lead here ("DNS rebinding").
        """
        port = self.server.server_port  # type: ignore[attr-defined]
        names = (HOST, "localhost")
        return self.headers.get("Host", "") in {f"{name}:{port}" for name in names}

    def _send(self, code: int, kind: str, text: str) -> None:
        data = text.encode()
        self.send_response(code)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("X-Frame-Options", "DENY")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: Any) -> None:
        """Say nothing about requests: the terminal tells what is compiled."""
