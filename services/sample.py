"""An alert of no machine: to try templates and webhooks with."""

from __future__ import annotations

from contracts.alert import Alert, Candidate, Evidence, Place, Recommendation

SAMPLE = Alert(
    alert_id="sample",
    case_id="sample",
    revision=1,
    change="raised",
    annunciate=True,
    machine_id="sample-machine",
    machine_class="sample",
    place=Place(enterprise="enterprise", site="site", area="area", line="line"),
    condition="anomaly",
    active=True,
    acknowledged=False,
    severity="low",
    onset_ms=0,
    raised_ms=0,
    changed_ms=0,
    score=None,
    peak=None,
    symptoms=(),
    diagnosis=(Candidate(mode="sample", title="a trial of the webhook", probability=1.0),),
    recommendation=Recommendation(
        mode="sample",
        summary="There is nothing to do.",
        checks=(),
        actions=(),
        urgency="planned",
        act_by_ms=None,
        because="",
    ),
    course=(),
    evidence=Evidence(
        events=0,
        windows=0,
        first_event=None,
        peak_event=None,
        last_event=None,
        bundle=None,
        threshold=None,
        feature_set="",
        topic="",
        partition=0,
        first_offset=0,
        last_offset=0,
    ),
)
