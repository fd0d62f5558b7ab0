"""Processes that add a bundle to a registry and promote it, each killed at another of its steps.

    python -m tests.unit.training.saver TEMPLATE FOLDER SCOPE ROOTS

Step k = 1, 2, … happens in ROOTS/k, a copy of TEMPLATE, until one comes to its end, in ROOTS/whole.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from itertools import count
from pathlib import Path

from faults.steps import Steps
from training.registry import Registry


def killed(root: Path, folder: Path, scope: str, last: int) -> bool:
    """Add and promote in a process of its own; False where it came to its end."""
    child = os.fork()
    if not child:
        Steps(last).install()
        registry = Registry(root)
        registry.promote(scope, registry.add(folder))
        os._exit(0)
    return os.waitpid(child, 0)[1] == signal.SIGKILL


if __name__ == "__main__":
    template, folder, roots = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[4])
    for k in count(1):
        shutil.copytree(template, roots / str(k))
        if not killed(roots / str(k), folder, sys.argv[3], k):
            (roots / str(k)).rename(roots / "whole")
            break
