"""A process of ours that kills or stops itself at one chosen step: `python -m faults.hooks ROLE OPTIONS…`.

FAULT in the environment says where: `kill after commit_transaction 3` is SIGKILL after its third commit returned;
`stop before …` is SIGSTOP; `during` is a moment after the step began, while it runs. The product has no hooks: the
library calls that its modules make are wrapped here.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from confluent_kafka import Consumer, Producer

LANDED = "fault landed"
"""What such a process writes to its standard error just before the signal."""
SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}
DURING_S = 0.004
"""How long after its beginning a step is hit in the middle."""


class Fault(NamedTuple):
    """Where a process is hit."""

    how: str
    """`kill` or `stop`."""
    when: str
    """`before`, `during` or `after`."""
    step: str
    """Name of a library call."""
    nth: int
    """Which call of it, from 1."""

    def __str__(self) -> str:
        return f"{self.how} {self.when} {self.step} {self.nth}"

    @classmethod
    def read(cls, text: str) -> Fault:
        how, when, step, nth = text.split()
        return cls(how, when, step, int(nth))


class Hook:
    """Counts the calls of the chosen step, and strikes at the right one."""

    def __init__(self, fault: Fault) -> None:
        self._fault, self._calls = fault, 0

    def around(self, step: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The call, hit where it is the chosen one."""
        if step != self._fault.step:
            return call

        def hooked(*args: Any, **named: Any) -> Any:
            self._calls += 1
            if self._calls != self._fault.nth:
                return call(*args, **named)
            if self._fault.when == "before":
                self._strike()
            if self._fault.when == "during":
                threading.Timer(DURING_S, self._strike).start()
            done = call(*args, **named)
            if self._fault.when == "after":
                self._strike()
            return done

        return hooked

    def _strike(self) -> None:
        os.write(2, f"{LANDED}: {self._fault}\n".encode())
        os.kill(os.getpid(), SIGNALS[self._fault.how])


PRODUCER_STEPS = (
    "init_transactions",
    "begin_transaction",
    "produce",
    "send_offsets_to_transaction",
    "commit_transaction",
)
CONSUMER_STEPS = ("consume", "committed", "assign", "seek", "commit")
CALLS = {
    "write_deltalake": "features.delta",
    "compact": "features.delta",
    "read_snapshots": "streams.source",
    "snapshot": "streams.stages",
}
"""Functions that our modules call by name, and the module whose name is wrapped."""
CLIENTS = {
    "worker": (("streams.transaction", Producer, PRODUCER_STEPS), ("streams.member", Consumer, CONSUMER_STEPS)),
    "sink": (("streams.member", Consumer, CONSUMER_STEPS),),
    "service": (("streams.transaction", Producer, PRODUCER_STEPS), ("streams.member", Consumer, CONSUMER_STEPS)),
}
LEDGER_STEPS = ("offsets", "take", "_advance", "unpublished", "published")
"""Of the maintenance database. `_advance` and `_take` are within the transaction of `take`: the offset, the effect."""


def install(hook: Hook, role: str) -> None:
    """Put the hook around the steps of a role."""
    for module_name, client, steps in CLIENTS[role]:
        hooked = {step: _method(hook, client, step) for step in steps}
        setattr(importlib.import_module(module_name), client.__name__, type(client.__name__, (client,), hooked))
    if role == "service":
        module = importlib.import_module("services.ledger")
        for step in LEDGER_STEPS:
            setattr(module.Ledger, step, _method(hook, module.Ledger, step))
        setattr(module, "_take", hook.around("_take", getattr(module, "_take")))  # noqa: B010, B009 - the product has no hooks
        return
    for step, module_name in CALLS.items():
        if module_name.startswith("features") == (role == "sink"):
            module = importlib.import_module(module_name)
            setattr(module, step, hook.around(step, getattr(module, step)))
    if role == "sink":
        store = importlib.import_module("features.online").ArrowRedisOnlineStore
        store.write_rows = hook.around("write_rows", store.write_rows)
        table = importlib.import_module("features.label_table").LabelTable
        table.write = hook.around("write_labels", table.write)


def _method(hook: Hook, client: Any, step: str) -> Callable[..., Any]:
    return hook.around(step, getattr(client, step))


def skew_clock(skew_s: float) -> None:
    """Make Python's wall clock wrong; monotonic time goes on as it is."""
    true_s, true_ns = time.time, time.time_ns
    time.time = lambda: true_s() + skew_s
    time.time_ns = lambda: true_ns() + int(skew_s * 1e9)


def main() -> None:
    """Run `headrace` with the fault, and the clock, of the environment."""
    role = next(argument for argument in sys.argv[1:] if not argument.startswith("-"))
    if "CLOCK_SKEW_S" in os.environ:
        skew_clock(float(os.environ["CLOCK_SKEW_S"]))
    if "FAULT" in os.environ:
        install(Hook(Fault.read(os.environ["FAULT"])), role)
    importlib.import_module("streams.cli").main()


if __name__ == "__main__":
    main()
