"""Public records: what is written is read back, and whatever else comes is refused with a sentence."""

import importlib
import json
import pkgutil
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import contracts
from contracts import command
from contracts.command import Command
from contracts.json_schema import example, schemas
from contracts.public import PUBLIC
from contracts.record import Record
from features.errors import FormatError, HeadraceError
from tests.records import JSON, any_record, decode_of

VALIDATORS = {title: Draft202012Validator(schema) for title, schema in schemas().items()}
READERS = [*{decode_of(public) for public in PUBLIC}]
EXAMPLES = {public: example(public) for public in PUBLIC}


def leaves(kind):
    """The types that records are of, below a common one."""
    return {kind} if not kind.__subclasses__() else set().union(*map(leaves, kind.__subclasses__()))


def test_every_record_type_stands_in_the_table():
    for module in pkgutil.iter_modules(contracts.__path__):
        importlib.import_module(f"contracts.{module.name}")
    ours = {kind for kind in leaves(Record) if kind.__module__.startswith("contracts.")}
    assert ours == {public.record for public in PUBLIC}
    assert {public.record for public in PUBLIC if public.topic == "commands"} == leaves(Command)


def test_titles_are_their_own():
    assert len({public.title for public in PUBLIC}) == len(PUBLIC)


@given(found=any_record())
def test_a_record_is_read_back(found):
    public, record = found
    assert decode_of(public)(record.encode()) == record


@given(found=any_record())
def test_a_record_is_as_its_schema_says(found):
    public, record = found
    VALIDATORS[public.title].validate(json.loads(record.encode()))


def refused_or_read(value, *readers):
    """The records that a value is read as, by some readers or all; anything but a HeadraceError goes up."""
    found = []
    for decode in readers or READERS:
        with suppress(HeadraceError):
            found.append(decode(value))
    return found


@given(value=st.binary(max_size=80))
def test_bytes_are_refused(value):
    assert refused_or_read(value) == []


@given(value=JSON)
def test_other_json_is_refused(value):
    assert refused_or_read(json.dumps(value).encode()) == []


@given(public=st.sampled_from(PUBLIC), position=st.integers(0, 400), byte=st.binary(max_size=3))
def test_a_damaged_record_is_refused_or_read(public, position, byte):
    value = json.dumps(EXAMPLES[public]).encode()
    refused_or_read(value[:position] + byte + value[position + 1 :])


def is_as_said(public, value):
    """It is JSON, and the schema takes it."""

    def refuse(constant):
        raise ValueError(f"expected JSON, got {constant}")

    try:
        return VALIDATORS[public.title].is_valid(json.loads(value, parse_constant=refuse))
    except ValueError:
        return False


@given(data=st.data(), public=st.sampled_from(PUBLIC), other=JSON)
def test_what_is_read_is_as_the_schema_says_and_what_is_not_is_refused(data, public, other):
    """With one field of another content: whoever writes by the schema is understood."""
    name = data.draw(st.sampled_from(sorted(EXAMPLES[public])))
    value = json.dumps(EXAMPLES[public] | {name: other}).encode()
    assert bool(refused_or_read(value, decode_of(public))) == is_as_said(public, value)


@pytest.mark.parametrize("public", PUBLIC, ids=lambda public: public.title)
def test_a_later_field_is_passed_over(public):
    decode = decode_of(public)
    changed = EXAMPLES[public] | {"later": {"of": [1, None]}}
    assert decode(json.dumps(changed).encode()) == decode(json.dumps(EXAMPLES[public]).encode())


@pytest.mark.parametrize("public", PUBLIC, ids=lambda public: public.title)
def test_a_later_format_is_told_by_its_number(public):
    with pytest.raises(FormatError, match="expected format 1, got 2"):
        decode_of(public)(b'{"format":2,"other":"fields"}')


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"null",
        b'{"format":1,"later":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"format":1,"event_id":"\xff"}',
        b'{"format":1,"command":"\xff"}',
        b'{"format":1,"alert_id":"\\ud800"}',
        b'{"format":' + b"1" * 5000 + b"}",
        b'{"format":1e999}',
        b'{"format":1,"command":"explode"}',
        b'{"format":1,"command":["shelve"]}',
    ],
    ids=lambda value: value[:24].decode("latin-1"),
)
def test_what_is_made_to_break_a_reader_is_refused(value):
    assert refused_or_read(value) == []


@pytest.mark.parametrize("for_s", [0, -1, 1e9, float("nan"), float("inf")])
def test_nothing_is_shelved_for_no_time_or_for_ever(for_s):
    shelve = next(fields for public, fields in EXAMPLES.items() if public.name == "shelve")
    with pytest.raises(HeadraceError, match="commands record: expected a command"):
        command.decode(json.dumps(shelve | {"for_s": for_s}).encode())
