"""Alerts and judgements as a worker writes them, made by hand for the tests of what reads them."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import strategies as st

from contracts.alert import URGENCIES, Alert, Candidate, Evidence, PartNeed, Place, Point, Recommendation, Symptom
from contracts.feedback import Judgement

T0 = 1_760_000_000_000
MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000


def recommendation(mode: str = "bearing_wear", part: str = "bearing set", **given: Any) -> Recommendation:
    made = Recommendation(
        mode=mode,
        summary=f"Look for {mode}.",
        checks=("listen at the bearing", f"check for {mode}"),
        actions=("stop the machine", f"mend {mode}"),
        urgency="this_week",
        act_by_ms=T0 + 5 * DAY_MS,
        because="severity is medium and rising",
        parts=(PartNeed(part=part, quantity=2, lead_time_days=3.0, order_by_ms=T0 + 2 * DAY_MS),),
        tools=("puller",),
        skills=("mechanic",),
        hours=4.0,
        risk="the shaft seizes",
    )
    return msgspec.structs.replace(made, **given)


def alert(machine: str = "p-001", case: str = "", **given: Any) -> Alert:
    """The first record of an alert; `given` overrides fields."""
    condition = given.get("condition", "anomaly")
    case = case or f"case-{machine}"
    made = Alert(
        alert_id=f"alert-{case}-{condition}",
        case_id=case,
        revision=1,
        change="raised",
        annunciate=True,
        machine_id=machine,
        machine_class="pump",
        place=Place(enterprise="e", site="s", area="water", line="l"),
        condition="anomaly",
        active=True,
        acknowledged=False,
        severity="medium",
        onset_ms=T0,
        raised_ms=T0 + HOUR_MS,
        changed_ms=T0 + HOUR_MS,
        score=2.0,
        peak=3.0,
        symptoms=(
            Symptom(channel="vibration", sign="high", part=0.9, deviation=7.0, unit="mm/s", value=9.0, usual=2.0),
            Symptom(channel="noise", sign="blind", part=0, deviation=0, unit="dB"),
        ),
        diagnosis=(
            Candidate(mode="bearing_wear", title="bearing wear", probability=0.6),
            Candidate(mode="imbalance", title="imbalance", probability=0.3),
        ),
        recommendation=recommendation(),
        course=(Point(end_ms=T0 + MINUTE_MS, score=1.0), Point(end_ms=T0 + HOUR_MS, score=3.0)),
        evidence=Evidence(
            events=3,
            windows=4,
            first_event="0" * 32,
            peak_event="0" * 32,
            last_event="0" * 32,
            bundle="1" * 64,
            threshold=1.0,
            feature_set="2" * 32,
            topic="plant.telemetry",
            partition=1,
            first_offset=10,
            last_offset=90,
        ),
    )
    return msgspec.structs.replace(made, **given)


def after(before: Alert, change: str = "updated", **given: Any) -> Alert:
    """The next record of an alert, a minute later."""
    later = before.changed_ms + MINUTE_MS
    return msgspec.structs.replace(
        before, revision=before.revision + 1, change=change, changed_ms=later, **{"annunciate": False, **given}
    )


def cleared(before: Alert) -> Alert:
    return after(before, "cleared", active=False, cleared_ms=before.changed_ms + MINUTE_MS)


def returned(before: Alert) -> Alert:
    return after(before, "returned", active=True, cleared_ms=None, annunciate=True)


def judgement(verdict: str = "true", **given: Any) -> Judgement:
    """Of P-1's alert, which lasted from T0 for ten minutes, known a minute later; `given` overrides fields."""
    fields: dict[str, Any] = {
        "feedback_id": "f1",
        "alert_id": "a1",
        "case_id": "c1",
        "machine_id": "P-1",
        "machine_class": "pump",
        "verdict": verdict,
        "by": "kim",
        "onset_ms": T0,
        "end_ms": T0 + 10 * MINUTE_MS,
        "known_ms": T0 + 11 * MINUTE_MS,
    }
    return Judgement(**fields | given)


_advice = st.builds(
    recommendation,
    st.sampled_from(["bearing_wear", "imbalance", "leak"]),
    st.sampled_from(["bearing set", "seal"]),
    urgency=st.sampled_from(URGENCIES),
    act_by_ms=st.none() | st.integers(T0, T0 + 30 * DAY_MS),
    hours=st.sampled_from([0.5, 1.1, 4.0]),
)
_change = st.fixed_dictionaries(
    {
        "active": st.booleans(),
        "acknowledged": st.booleans(),
        "severity": st.sampled_from(["low", "medium", "high"]),
        "recommendation": st.none() | _advice,
        "verdict": st.sampled_from([None, "true", "false", "sensor", "planned"]),
    }
)


@st.composite
def histories(draw: st.DrawFn) -> list[Alert]:
    """Records of some machines' alerts, each alert's in order, those of different alerts anyhow."""
    lives: list[list[Alert]] = []
    for machine in range(draw(st.integers(1, 3))):
        for number in range(draw(st.integers(1, 3))):
            condition = "anomaly" if number == 0 else f"blind:channel_{number}"
            case = f"case-{machine}-{draw(st.integers(0, 1))}"
            one = alert(f"p-{machine}", case, condition=condition, onset_ms=T0 + draw(st.integers(0, 3)) * HOUR_MS)
            life = [msgspec.structs.replace(one, alert_id=f"a-{machine}-{number}")]
            for change in draw(st.lists(_change, max_size=4)):
                cleared_ms = None if change["active"] else life[-1].changed_ms + MINUTE_MS
                life.append(after(life[-1], cleared_ms=cleared_ms, **change))
            lives.append(life)
    return draw(interleaved(lives))


@st.composite
def interleaved(draw: st.DrawFn, lives: list[list[Alert]]) -> list[Alert]:
    """All records, each life's in order."""
    turns = draw(st.permutations([i for i, life in enumerate(lives) for _ in life]))
    waiting = [iter(life) for life in lives]
    return [next(waiting[i]) for i in turns]


@st.composite
def redelivered(draw: st.DrawFn, records: list[Alert]) -> list[Alert]:
    """The same records with parts of them delivered again, as a crash makes it: back to an earlier offset, then on."""
    out: list[Alert] = []
    at = 0
    for _ in range(draw(st.integers(0, 4))):
        end = draw(st.integers(at, len(records)))
        out += records[at:end]
        at = draw(st.integers(0, end))
    return out + records[at:]
