"""A record of usage is read exactly, or refused with a code that has words; nothing else ever comes of one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.usage import a_record
from topup.charging.usage.reading import MOST, read_record
from topup.kernel.errors import Invalid
from topup.platform.i18n import LOCALES, has_text, translate

AT = datetime(2026, 5, 4, 12, tzinfo=UTC)
GOOD = {
    "identifier": "cdr-1",
    "number": "+8613800138000",
    "service": "voice",
    "quantity": "61",
    "at": "2026-05-04T20:00:00+08:00",
    "country": "",
    "called": "",
    "source": "file",
}
WORDS = st.one_of(st.text(max_size=30), st.sampled_from([*GOOD.values(), "10086", "+852", "HK", "1e3", "-1", "00861"]))


def read(**changes):
    return read_record(**{**GOOD, **changes})


def test_words_become_a_record():
    record = read(country="HK", called="10086")
    assert (record.id, record.msisdn, record.service, record.quantity) == ("cdr-1", "+8613800138000", "voice", 61)
    assert (record.at, record.country, record.called) == (AT, "HK", "10086")
    assert (read().country, read().called) == (None, None)


@pytest.mark.parametrize("number", ["138 0013 8000", "+86 138-0013-8000", "008613800138000", "１３８００１３８０００"])
def test_a_number_may_be_written_as_people_do(number):
    assert read(number=number).msisdn == "+8613800138000"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"identifier": ""}, "usage_id_unreadable"),
        ({"identifier": "a b"}, "usage_id_unreadable"),
        ({"identifier": "a\n"}, "usage_id_unreadable"),
        ({"identifier": "ses_01m7xprzmv03t2s6sdhxcrg8x8"}, "usage_id_unreadable"),
        ({"identifier": "x" * 101}, "usage_id_unreadable"),
        ({"service": "VOICE"}, "usage_service_unknown"),
        ({"quantity": "1.0"}, "usage_quantity_unreadable"),
        ({"quantity": "-1"}, "usage_quantity_unreadable"),
        ({"quantity": "٣"}, "usage_quantity_unreadable"),
        ({"quantity": str(MOST + 1)}, "usage_quantity_unreadable"),
        ({"at": "2026-05-04T20:00:00"}, "usage_time_unreadable"),
        ({"at": "2026-13-04T20:00:00Z"}, "usage_time_unreadable"),
        ({"at": "0001-01-01T00:00:00+23:00"}, "usage_time_too_old"),
        ({"at": "0001-01-01T00:00:00Z"}, "usage_time_too_old"),
        ({"at": "1999-12-31T23:59:59Z"}, "usage_time_too_old"),
        ({"at": "9999-12-31T23:59:59Z"}, "usage_in_future"),
        ({"at": "9999-12-31T23:59:59-23:59"}, "usage_in_future"),
        ({"country": "hk"}, "usage_country_unknown"),
        ({"country": "XX"}, "usage_country_unknown"),
        ({"called": "13900139000"}, "usage_called_unreadable"),
        ({"called": "0085291234567"}, "usage_called_unreadable"),
        ({"number": "12"}, "number_impossible"),
    ],
)
def test_what_is_wrong_is_named(change, code):
    with pytest.raises(Invalid) as refused:
        read(**change)
    assert refused.value.code == code


@given(st.fixed_dictionaries({name: WORDS for name in GOOD if name != "source"}))
def test_whatever_is_written_is_read_or_refused_with_words(words):
    refused = None
    try:
        record = read(**words)
    except Invalid as problem:
        refused = problem
    if refused is None:
        assert record.at.tzinfo is not None
        assert 0 <= record.quantity <= MOST
    else:
        assert all(has_text("problems", f"{refused.code}{end}") for end in ("", ".do"))
        assert all(translate(name, "problems", f"{refused.code}.do", **refused.parameters) for name in LOCALES)


def test_records_that_say_the_same_are_known_by_it_whichever_way_they_came():
    record = a_record("+8613800138000", "voice", 61, identifier="a", at=AT)
    shifted = replace(record, at=AT.astimezone(timezone(timedelta(hours=8))), source="file", id="b")
    assert shifted.fingerprint == record.fingerprint
    others = [
        replace(record, quantity=62),
        replace(record, service="data"),
        replace(record, msisdn="+8613800138001"),
        replace(record, at=AT + timedelta(microseconds=1)),
        replace(record, country="CN"),
        replace(record, called="CN"),
    ]
    assert len({other.fingerprint for other in (record, *others)}) == len(others) + 1
