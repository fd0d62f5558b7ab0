"""The alert that docs/alerts.md shows is one."""

from __future__ import annotations

from pathlib import Path

from contracts.alert import FORMAT, Alert

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "alerts.md").read_text(encoding="utf-8")


def test_the_example_is_an_alert_that_says_what_and_why_and_what_to_do() -> None:
    alert = Alert.decode(PAGE.partition("```json\n")[2].partition("```")[0].encode())
    assert alert.format == FORMAT
    assert alert.annunciate
    assert alert.symptoms
    assert alert.diagnosis
    assert alert.course
    assert alert.recommendation
