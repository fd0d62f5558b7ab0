"""What an alert says of its cause and of what to do: symptoms, diagnosis and recommendation together."""

from __future__ import annotations
