"""Loopback ports: choosing a free one, and surviving that another process takes it first."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable
from typing import TypeVar

from embedded.process import PortTakenError

HOST = "127.0.0.1"
RANGE = (20_000, 32_000)
"""Below the range that outgoing connections take their ports from: a client that keeps calling a server that is down
can otherwise be given the very port it calls, connect to itself, and so take it."""
ATTEMPTS = 8

Started = TypeVar("Started")


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: a closed connection is no listener
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port that was free a moment ago.

    Raises:
        PortTakenError: none was found.
    """
    chooser = random.SystemRandom()  # a seed shared by two processes must not make them choose alike
    for _ in range(1_000):
        port = chooser.randrange(*RANGE)
        if is_free(port):
            return port
    raise PortTakenError(f"ports: expected a free one in {RANGE[0]} to {RANGE[1]}, got none in 1,000 tries")


def on_port(wanted: int | None, start: Callable[[int], Started]) -> tuple[int, Started]:
    """Call `start` with the wanted port or with free ones until it does not lose its port to another process.

    Raises:
        PortTakenError: the wanted port is taken, or every chosen one was.
    """
    port = wanted or free_port()
    for _ in range(ATTEMPTS):
        if wanted and not is_free(wanted):
            break
        try:
            return port, start(port)
        except PortTakenError:
            port = wanted or free_port()
    raise PortTakenError(
        f"port {port}: expected it free on {HOST}, got one that another process uses; give another port, or none"
    )
