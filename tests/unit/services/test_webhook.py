"""Requests to a real server on loopback, friendly and hostile."""

from __future__ import annotations

import hashlib
import hmac
import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from features.errors import HeadraceError, ServiceError
from services.webhook import Answer, Webhook, signature, signing_secret
from tests.receiver import Receiver, receiving, status

SECRET = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


def test_a_body_arrives_as_it_is(receiver: Receiver) -> None:
    assert Webhook(receiver.url, 10).post(b'{"a": 1}', {"Idempotency-Key": "k"}) == Answer(204)
    (request,) = receiver.requests
    assert (request.path, request.body, request.headers["Idempotency-Key"]) == ("/hook/s3cr3t-path", b'{"a": 1}', "k")


def test_a_query_goes_along(receiver: Receiver) -> None:
    Webhook(f"{receiver.url}?a=1&b=2", 10).post(b"", {})
    assert receiver.requests[0].path == "/hook/s3cr3t-path?a=1&b=2"


def test_a_redirect_is_an_answer_and_not_followed(receiver: Receiver) -> None:
    with receiving() as elsewhere:
        receiver.answer = status(307, Location=elsewhere.url)
        assert Webhook(receiver.url, 10).post(b"{}", {}).status == 307
        assert elsewhere.requests == []


def test_retry_after_is_handed_on(receiver: Receiver) -> None:
    receiver.answer = status(429, Retry_After="7")
    assert Webhook(receiver.url, 10).post(b"{}", {}) == Answer(429, "7")


def hangs(receiver: Receiver) -> None:
    def answer(_: BaseHTTPRequestHandler, __: int) -> None:
        receiver.over.wait(60)

    receiver.answer = answer


def trickles(receiver: Receiver) -> None:
    """A byte of the headers now and then: no single read takes long."""

    def answer(handler: BaseHTTPRequestHandler, _: int) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        while not receiver.over.wait(0.02):
            handler.wfile.write(b"x")
            handler.wfile.flush()

    receiver.answer = answer


@pytest.mark.parametrize("hostile", [hangs, trickles])
def test_who_takes_too_long_is_cut_off(receiver: Receiver, hostile: object) -> None:
    hostile(receiver)  # type: ignore[operator]
    with pytest.raises(ServiceError, match=r"webhook at 127.0.0.1: expected an answer, got \w+"):
        Webhook(receiver.url, 0.2).post(b"{}", {})


@pytest.mark.parametrize(
    "raw", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"x" * 70_000]
)
def test_what_is_no_answer_is_none(raw: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(raw)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(ServiceError, match="expected an answer"):
            Webhook(f"http://127.0.0.1:{server.getsockname()[1]}/s3cr3t", 10).post(b"{}", {})
        thread.join()


def test_nobody_there_is_no_answer_and_the_path_is_not_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(ServiceError) as told:
        Webhook(f"http://127.0.0.1:{port}/s3cr3t", 10).post(b"{}", {})
    assert "s3cr3t" not in str(told.value)


def test_https_does_not_talk_to_a_plain_server(receiver: Receiver) -> None:
    with pytest.raises(ServiceError) as told:
        Webhook(receiver.url.replace("http:", "https:"), 10).post(b"{}", {})
    assert receiver.requests == []
    assert "SSL" in repr(told.value.__cause__) or isinstance(told.value.__cause__, ssl.SSLError)


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://host/x", "file:///etc/passwd", "host/x", "", "javascript:alert(1)", "http://", "http:///x"),
        *("http://host:port/", "http://host:99999/", "http://[::1/", "http://ho st/", "http://host/\r\nX: y"),
        *("http://user:hidden@host/", "http://host/#hidden", "http://host:0/"),
    ],
)
def test_what_is_no_usable_address_is_refused_without_telling_it(url: str) -> None:
    with pytest.raises(HeadraceError, match=r"HEADRACE_WEBHOOK_URL: expected .*, got") as told:
        Webhook(url, 10)
    assert "hidden" not in str(told.value)


def test_a_signature_is_an_hmac_over_time_key_and_body() -> None:
    plain = hmac.new(SECRET.encode(), b'17.a-1.{"x":1}', hashlib.sha256).hexdigest()
    assert signature(SECRET, 17, "a-1", b'{"x":1}') == f"v1={plain}"


def test_a_short_secret_is_refused_without_telling_it() -> None:
    assert signing_secret("") == ""
    assert signing_secret(SECRET) == SECRET
    with pytest.raises(HeadraceError, match="expected 16 characters or more, got 6") as told:
        signing_secret("hidden")
    assert "hidden" not in str(told.value)
