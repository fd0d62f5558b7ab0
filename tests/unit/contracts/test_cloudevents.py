"""CloudEvents headers: complete, unique, the same in every replay."""

import json
import re
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.alert import Alert
from contracts.cloudevents import data_schema, headers, rfc3339
from contracts.event import AnomalyEvent
from contracts.json_schema import example, schemas
from contracts.public import PUBLIC
from contracts.record import Record
from features.errors import HeadraceError
from tests.records import any_record

REQUIRED = {"ce_specversion", "ce_id", "ce_source", "ce_type", "ce_subject", "ce_dataschema", "ce_partitionkey"}
URI = re.compile(r"urn:headrace:[a-z0-9_.:-]+")
EXAMPLES = {public.record: msgspec.convert(example(public), public.record) for public in PUBLIC}


def attributes(record, plant="mill"):
    found = headers(record, plant)
    assert len({name for name, _ in found}) == len(found)
    return {name: value.decode() for name, value in found}


def test_an_event_says_all_attributes():
    assert attributes(EXAMPLES[AnomalyEvent]) == {
        "ce_specversion": "1.0",
        "ce_type": "headrace.anomaly-event.v1",
        "ce_source": "urn:headrace:mill:events",
        "ce_id": "5d0b1c9a2f0e4d53a1b2c3d4e5f60718",
        "ce_subject": "p-003",
        "ce_time": "2025-10-09T08:55:00.000Z",
        "ce_dataschema": "urn:headrace:schema:anomaly-event.v1",
        "ce_partitionkey": "p-003",
        "content-type": "application/json",
    }


def test_each_change_of_an_alert_is_an_event_of_its_own():
    raised = EXAMPLES[Alert]
    told = attributes(raised), attributes(msgspec.structs.replace(raised, revision=2))
    assert [each["ce_id"] for each in told] == [f"{raised.alert_id}.1", f"{raised.alert_id}.2"]
    assert {each["ce_partitionkey"] for each in told} == {raised.alert_id}
    assert {each["ce_subject"] for each in told} == {raised.machine_id}


@given(found=any_record(), plant=st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True))
def test_every_record_has_the_attributes(found, plant):
    public, record = found
    said = attributes(record, plant)
    assert said.keys() - {"ce_time"} == REQUIRED | {"content-type"}
    assert said["ce_partitionkey"] == getattr(record, public.key)
    assert URI.fullmatch(said["ce_source"])
    assert plant in said["ce_source"]
    assert said == attributes(record, plant)


def test_the_schema_that_is_named_is_there():
    assert {data_schema(public) for public in PUBLIC} == {schema["$id"] for schema in schemas().values()}


def test_source_and_id_tell_a_verdict_from_its_command():
    """Both bear the command's id."""
    said = [attributes(record) for record in EXAMPLES.values()]
    assert len({(each["ce_source"], each["ce_id"]) for each in said}) == len(PUBLIC)


FIRST, LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


@given(time=st.datetimes(FIRST.replace(tzinfo=None), LAST.replace(tzinfo=None)), ms=st.integers(0, 999))
def test_times_are_those_of_rfc_3339(time, ms):
    time = time.replace(microsecond=ms * 1000, tzinfo=UTC)
    since_1970 = time - datetime(1970, 1, 1, tzinfo=UTC)
    time_ms = (since_1970.days * 86_400 + since_1970.seconds) * 1000 + ms
    written = rfc3339(time_ms).decode()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", written)
    assert datetime.fromisoformat(written) == time
    event = msgspec.structs.replace(EXAMPLES[AnomalyEvent], window_end_ms=time_ms)
    assert attributes(event)["ce_time"] == written


@pytest.mark.parametrize("time_ms", [253_402_300_800_000, -62_135_596_800_001, 2**63 - 1])
def test_a_time_that_cannot_be_said_is_left_out(time_ms):
    assert "ce_time" not in attributes(msgspec.structs.replace(EXAMPLES[AnomalyEvent], window_end_ms=time_ms))


def test_no_public_record_is_refused():
    with pytest.raises(HeadraceError, match="expected a public record, got Record"):
        headers(Record(), "mill")


def test_the_value_stays_plain_json():
    event = EXAMPLES[AnomalyEvent]
    before = event.encode()
    headers(event, "mill")
    assert event.encode() == before
    assert not {name for name in json.loads(before) if name.startswith("ce_")}
