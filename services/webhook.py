"""One HTTP request to a webhook: bounded in time, never redirected, its address and secret never told."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from features.errors import HeadraceError, ServiceError

LEAST_SECRET = 16
CUT_S = 0.2
"""Between two tries to cut a connection that takes too long."""


class Answer(NamedTuple):
    """What the receiver said."""

    status: int
    retry_after: str | None = None
    """Its `Retry-After`, as it came."""


def signature(secret: str, timestamp_s: int, key: str, body: bytes) -> str:
    """HMAC-SHA256 over `TIMESTAMP.KEY.BODY`, in hex, with the version of this rule before it."""
    signed = f"{timestamp_s}.{key}.".encode() + body
    return "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def signing_secret(text: str) -> str:
    """Raises HeadraceError, without telling the secret, where it is too short to be one."""
    if text and len(text) < LEAST_SECRET:
        raise HeadraceError(
            f"HEADRACE_WEBHOOK_SECRET: expected {LEAST_SECRET} characters or more, got {len(text)}; "
            "`openssl rand -hex 32` makes a good one"
        )
    return text


class Webhook:
    """An address that takes notifications."""

    def __init__(self, url: str, timeout_s: float) -> None:
        """`timeout_s`: longest time from connecting to the answer. Raises HeadraceError where the URL is no such."""
        self._url, self._timeout_s = _checked(url), timeout_s
        self.host = self._url.hostname or ""
        """All of the address that may be told: the rest can be a secret."""
        self.plaintext = self._url.scheme == "http"

    def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send a body; whatever the answer's own body is, it is not read.

        Raises:
            ServiceError: there was no answer in time.
        """
        connection, done, late = self._connection(), threading.Event(), threading.Event()
        threading.Thread(target=_cut, args=(connection, done, late, self._timeout_s), daemon=True).start()
        path = (self._url.path or "/") + (f"?{self._url.query}" if self._url.query else "")
        try:
            connection.request("POST", path, body, dict(headers), preload_content=False)
            response = connection.getresponse()
            if late.is_set():  # what was cut may look like an answer that ended
                raise TimeoutError
            return Answer(response.status, response.headers.get("Retry-After"))
        except (HTTPError, http.client.HTTPException, OSError, ValueError) as error:
            raise ServiceError(f"webhook at {self.host}: expected an answer, got {type(error).__name__}") from error
        finally:
            done.set()
            connection.close()

    def _connection(self) -> HTTPConnection:
        if self._url.scheme == "http":
            return HTTPConnection(self.host, self._url.port, timeout=self._timeout_s)
        context = ssl.create_default_context()
        return HTTPSConnection(self.host, self._url.port, timeout=self._timeout_s, ssl_context=context)


def _cut(connection: HTTPConnection, done: threading.Event, late: threading.Event, timeout_s: float) -> None:
    """A socket's own time-out begins anew with every byte; this one does not."""
    wait_s = timeout_s
    while not done.wait(wait_s):
        late.set()
        wait_s = CUT_S  # while TLS is agreed on, there is no socket to cut
        with suppress(OSError, AttributeError):
            connection.sock.shutdown(socket.SHUT_RDWR)


def _checked(url: str) -> SplitResult:
    try:
        found = urlsplit(url)
        usable = bool(found.hostname) and found.port != 0
    except ValueError:
        found, usable = urlsplit(""), False
    if found.scheme not in ("http", "https"):
        raise HeadraceError(f"HEADRACE_WEBHOOK_URL: expected one of http or https, got {found.scheme or 'another'!r}")
    if not usable or any(character <= " " for character in url):
        raise HeadraceError("HEADRACE_WEBHOOK_URL: expected a URL with a host and without spaces, got another")
    if found.username or found.password or found.fragment:
        raise HeadraceError("HEADRACE_WEBHOOK_URL: expected no user, password or fragment in it, got one")
    return found
