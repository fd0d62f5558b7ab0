"""What `feast apply` registers: the objects of the plant description that HEADRACE_PLANT names."""

from __future__ import annotations

import os
from pathlib import Path

from features.plant import Plant
from features.views import define

# Feast looks for its objects among a module's names.
globals().update(define(Plant.load(os.environ["HEADRACE_PLANT"]), Path(os.environ["HEADRACE_HOME"])))
