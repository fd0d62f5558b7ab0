"""What the bench of explanations prints."""

from __future__ import annotations

import pytest

from bench import attributions


def test_channels_are_counted_and_not_the_inputs_made_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, few in {"CHANNELS": (2,), "RATES": (0.1,), "REPEATS": 1, "MACHINES": 40}.items():
        monkeypatch.setattr(attributions, name, few)
    (found,) = attributions.run()
    assert (found.channels, found.rate) == (2, 0.1)
