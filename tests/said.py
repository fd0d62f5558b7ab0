"""Alerts and judgements for tests of what people say."""

from __future__ import annotations

from typing import Any

from contracts.alert import Alert, Candidate, Evidence, PartNeed, Place, Point, Recommendation, Symptom
from contracts.feedback import Judgement

T0 = 1_760_000_000_000
MINUTE = 60_000
EVIDENCE = Evidence(
    events=7,
    windows=9,
    first_event="e1",
    peak_event="e4",
    last_event="e7",
    bundle="b" * 64,
    threshold=1.0,
    feature_set="f" * 64,
    topic="telemetry",
    partition=1,
    first_offset=10,
    last_offset=90,
)
ADVICE = Recommendation(
    mode="bearing_wear",
    summary="Exchange the bearing",
    checks=("Listen to it",),
    actions=("Exchange it", "Align it"),
    urgency="this_week",
    act_by_ms=T0 + 3 * 86_400_000,
    because="the score rises",
    parts=(PartNeed(part="6310-2RS", quantity=2, lead_time_days=3, order_by_ms=T0),),
    skills=("mechanic",),
    hours=2.5,
    risk="It seizes",
)


def alert(**changes: Any) -> Alert:
    """An active one of P-1, of partition 1."""
    fields: dict[str, Any] = {
        "alert_id": "a1" * 16,
        "case_id": "c1" * 16,
        "revision": 1,
        "change": "raised",
        "annunciate": True,
        "machine_id": "P-1",
        "machine_class": "pump",
        "place": Place(enterprise="E", site="S", area="A", line="L"),
        "condition": "anomaly",
        "active": True,
        "acknowledged": False,
        "severity": "medium",
        "onset_ms": T0,
        "raised_ms": T0 + MINUTE,
        "changed_ms": T0 + 2 * MINUTE,
        "score": 3.2,
        "peak": 4.5,
        "symptoms": (
            Symptom(channel="flow", sign="low", part=0.7, deviation=-4.2, unit="m3/h", value=80.0, usual=100.0),
            Symptom(channel="noise", sign="blind", part=0, deviation=0, unit="dB"),
        ),
        "diagnosis": (
            Candidate(mode="bearing_wear", title="Worn bearing", probability=0.8),
            Candidate(mode="unknown", title="Unknown", probability=0.2),
        ),
        "recommendation": ADVICE,
        "course": (Point(end_ms=T0, score=1.0), Point(end_ms=T0 + MINUTE, score=4.5)),
        "evidence": EVIDENCE,
    }
    return Alert(**fields | changes)


def judgement(verdict: str = "true", **changes: Any) -> Judgement:
    """Of P-1's alert, which lasted from T0 for ten minutes, known a minute later."""
    fields: dict[str, Any] = {
        "feedback_id": "f1",
        "alert_id": "a1",
        "case_id": "c1",
        "machine_id": "P-1",
        "machine_class": "pump",
        "verdict": verdict,
        "by": "kim",
        "onset_ms": T0,
        "end_ms": T0 + 10 * MINUTE,
        "known_ms": T0 + 11 * MINUTE,
    }
    return Judgement(**fields | changes)
