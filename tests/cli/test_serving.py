"""The served page: what is answered, and who is refused."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from symdiff.cli.serving import State, serve
from symdiff.explain.explorer.page import waiting_page
from symdiff.graph.errors import OutputError

PAGE = "<!DOCTYPE html><p>the page</p>"


@pytest.fixture
def state() -> State:
    return State(PAGE)


@pytest.fixture
def port(state: State) -> Iterator[int]:
    server = serve(state, None)
    yield server.server_port
    server.shutdown()
    server.server_close()


def asked(port: int, path: str = "/", method: str = "GET", **headers: str) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer.headers
    finally:
        connection.close()


def test_the_page_is_served_and_nothing_else(port: int) -> None:
    status, text, headers = asked(port)
    assert (status, text) == (200, PAGE)
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Frame-Options"] == "DENY"
    for path in ("/etc/passwd", "/../x", "/index.html", "/changes/"):
        assert asked(port, path)[0] == 404, path
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert asked(port, method=method)[0] == 501, method


@pytest.mark.parametrize("path", ["/", "/changes"])
def test_other_hosts_are_refused(port: int, path: str) -> None:
    """A name that was made to lead here does not open the page to another's script."""
    for host in ("example.org", f"example.org:{port}", "127.0.0.1", f"127.0.0.1:{1}"):
        status, text, _ = asked(port, path, Host=host)
        assert status == 403, host
        assert PAGE not in text
    for host in (f"127.0.0.1:{port}", f"localhost:{port}"):
        assert asked(port, path, Host=host)[0] == 200, host


def test_a_request_without_a_host_is_refused(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert b" 403 " in connection.recv(200)


def test_only_this_machine_is_listened_to(state: State) -> None:
    server = serve(state, None)
    assert server.server_address[0] == "127.0.0.1"
    server.shutdown()
    server.server_close()


def test_a_change_is_told_as_soon_as_it_happens(port: int, state: State) -> None:
    first = json.loads(asked(port, "/changes?after=0")[1])
    assert first["busy"] is True
    threading.Timer(0.2, state.change, kwargs={"error": "no", "busy": False}).start()
    told = json.loads(asked(port, f"/changes?after={first['changes']}")[1])
    assert told["error"] == "no"
    assert told["changes"] != first["changes"]
    assert asked(port, "/changes?after=x")[0] == 200


def test_a_port_that_is_taken_is_named(port: int, state: State) -> None:
    with pytest.raises(OutputError, match=rf"port {port}.*--port"):
        serve(state, port)


def test_the_name_of_a_spec_is_escaped_while_its_page_is_waited_for() -> None:
    page = waiting_page("<img src=x>{{title}}")
    assert "<img" not in page
    assert "&lt;img src=x&gt;{{title}}" in page
