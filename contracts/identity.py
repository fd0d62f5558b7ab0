"""Ids that are a function of what they name, so that the same finding has the same id in every replay."""

from __future__ import annotations

import hashlib


def event_id(machine_id: str, rule: str, onset_ms: int) -> str:
    """128-bit id of what a rule found on a machine at an event time."""
    return hashlib.blake2b(f"{machine_id}\0{rule}\0{onset_ms}".encode(), digest_size=16).hexdigest()
