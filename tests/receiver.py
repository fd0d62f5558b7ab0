"""A real HTTP server on loopback that answers as a test wants, and remembers what it was sent."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Request(NamedTuple):
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


Answering = Callable[[BaseHTTPRequestHandler, int], None]
"""Answers the request of a number, from 0."""


class Receiver:
    """Collects requests; `answer` may be changed while it runs."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answer: Answering = status(204)
        self.over = threading.Event()
        """Set at the end, for answers that hang until then."""
        self.url = ""

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        self.requests.append(Request(handler.path, dict(handler.headers), body))
        self.answer(handler, len(self.requests) - 1)


def status(code: int, **headers: str) -> Answering:
    def answer(handler: BaseHTTPRequestHandler, _: int) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def in_turn(*answers: Answering) -> Answering:
    """One after the other; the last one again and again."""

    def answer(handler: BaseHTTPRequestHandler, number: int) -> None:
        answers[min(number, len(answers) - 1)](handler, number)

    return answer


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver.handle(self)

        do_GET = do_POST  # noqa: N815 - a followed redirect may come as one

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/hook/s3cr3t-path"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
