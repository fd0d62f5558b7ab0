"""What notifications say, and templates that would not work."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import HeadraceError
from services.sample import SAMPLE
from services.wording import LONGEST, Wording, fields, key_of
from tests.alerts_made import after, alert, histories, recommendation


def ours() -> Wording:
    return Wording("", SAMPLE)


def test_an_alert_says_what_where_and_what_to_do() -> None:
    told = json.loads(ours().body([alert()]))
    assert told["text"] == "medium: p-001: bearing wear (water, l). Look for bearing_wear."
    assert (told["kind"], told["count"], told["key"]) == ("alert", "1", "alert-case-p-001-anomaly-1")
    assert told["act_by"] == "2025-10-14T08:53:20+00:00"


def test_a_digest_counts_and_names_machines() -> None:
    told = json.loads(ours().body([alert(f"p-{i}", severity="high" if i == 3 else "low") for i in range(12)]))
    assert told["text"] == "12 more alerts in area water"
    assert (told["kind"], told["count"], told["severity"]) == ("digest", "12", "high")
    assert told["machines"].endswith("p-9 and 2 more")
    assert told["machine_id"] == told["alert_id"] == ""


def test_a_key_belongs_to_the_notification() -> None:
    first = alert()
    assert key_of([first]) == key_of([after(first, score=1.0)]).replace("-2", "-1")
    assert key_of([first, alert("p-2")]) == key_of([alert("p-2"), first])
    assert key_of([first, alert("p-2")]) != key_of([first, alert("p-3")])


@given(st.text(), st.text(), st.lists(st.just(0), max_size=2))
def test_whatever_an_alert_says_the_body_is_json(title: str, summary: str, more: list[int]) -> None:
    one = alert(title, recommendation=recommendation(summary=summary), condition=f"blind:{title}")
    told = json.loads(ours().body([one] * (1 + len(more))))
    assert set(told) == {*json.loads(ours().body([SAMPLE]))}
    if not more:
        assert told["machine_id"] == (title if len(title) <= LONGEST else title[: LONGEST - 1] + "…")


@given(histories())
def test_fields_are_the_same_for_every_notification(records: list[object]) -> None:
    assert fields(records).keys() == fields([SAMPLE]).keys()  # type: ignore[arg-type]


def test_a_huge_text_is_cut() -> None:
    huge = msgspec.structs.replace(alert(), recommendation=recommendation(summary="x" * 10**6))
    assert len(ours().body([huge])) < 10_000


def template(tmp_path: Path, text: str) -> str:
    (tmp_path / "body.json").write_text(text, encoding="utf-8")
    return str(tmp_path / "body.json")


def test_a_template_of_ones_own(tmp_path: Path) -> None:
    wording = Wording(template(tmp_path, '{"msg": "$$ ${severity} $text", "n": $count}'), SAMPLE)
    assert json.loads(wording.body([alert()] * 2)) == {"msg": "$ medium 2 more alerts in area water", "n": 2}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"a": "$machine"}', "expected fields out of act_by, .*, got machine$"),
        ('{"a": "$"}', "got a \\$ without a name"),
        ('{"a": "$text"', "expected JSON when it is filled in for an alert"),
        ('{"a": $text}', "expected JSON when it is filled in for an alert"),
        ('{"a": $probability}', "expected JSON when it is filled in for a digest"),
    ],
)
def test_a_template_that_would_not_work_is_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(HeadraceError, match=told):
        Wording(template(tmp_path, text), SAMPLE)


def test_a_template_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HeadraceError, match="expected a readable template"):
        Wording(str(tmp_path / "none"), SAMPLE)
