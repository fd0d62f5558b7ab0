"""What `feast apply` registers: the objects of the plant description that HEADRACE_PLANT names."""

from __future__ import annotations

import os
from pathlib import Path

from features.errors import HeadraceError
from features.plant import Plant
from features.views import define


def _path(variable: str) -> Path:
    path = Path(os.environ.get(variable, ""))
    if not path.is_absolute():  # `feast` has changed its folder by now
        raise HeadraceError(f"{variable}: expected an absolute path in the environment, got {str(path)!r}")
    return path


# Feast looks for its objects among a module's names.
globals().update(define(Plant.load(_path("HEADRACE_PLANT")), _path("HEADRACE_HOME")))
