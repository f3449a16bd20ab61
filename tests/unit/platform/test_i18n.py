"""Texts, languages, and figures as each language writes them."""

from datetime import UTC, date, datetime
from zoneinfo import available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topup.kernel.money import Money
from topup.platform.i18n import (
    DEFAULT_LOCALE,
    LOCALES,
    MissingText,
    catalogue,
    format_date,
    format_datetime,
    format_moment,
    format_money,
    format_number,
    has_text,
    in_words,
    language_tag,
    locale_of_tag,
    negotiate,
    translate,
    zone_place,
)


@pytest.mark.parametrize(
    ("header", "locale"),
    [
        (None, "zh_Hans"),
        ("", "zh_Hans"),
        ("de", "zh_Hans"),
        ("en-GB,en;q=0.9", "en"),
        ("zh-TW", "zh_Hant"),
        ("zh-Hant-CN", "zh_Hant"),
        ("zh-Hans-HK", "zh_Hans"),
        ("zh-HK;q=0.4, en;q=0.5", "en"),
        ("yue", "zh_Hant"),
        ("fr, zh-MO;q=0.8, en;q=0.7", "zh_Hant"),
        ("en;q=0, zh-TW;q=0.1", "zh_Hant"),
        ("en;q=nan, zh-TW;q=0.1", "zh_Hant"),
        ("en;q=7", "zh_Hans"),
        ("*", "zh_Hans"),
        ("en," * 500, "zh_Hans"),
    ],
)
def test_the_browsers_preference_is_followed(header, locale):
    assert negotiate(accept_language=header) == locale


def test_the_address_goes_before_the_cookie_and_the_cookie_before_the_browser():
    assert negotiate(query="en", cookie="zh_Hant", accept_language="zh-CN") == "en"
    assert negotiate(query="xx", cookie="zh_Hant", accept_language="en") == "zh_Hant"


@given(st.text(max_size=300), st.text(max_size=30), st.text(max_size=30))
def test_whatever_is_sent_gives_a_language_we_speak(header, query, cookie):
    assert negotiate(query=query, cookie=cookie, accept_language=header) in LOCALES


@pytest.mark.parametrize("locale", LOCALES)
def test_tags_lead_back_to_their_locale(locale):
    assert locale_of_tag(language_tag(locale)) == locale


@pytest.mark.parametrize(
    ("money", "zh_hans", "zh_hant", "en"),
    [
        (Money(4850, "CNY"), "¥48.50", "CN¥48.50", "CN¥48.50"),
        (Money(-1, "CNY"), "-¥0.01", "-CN¥0.01", "-CN¥0.01"),
        (Money(500, "JPY"), "JP¥500", "¥500", "¥500"),
        (Money(1_234_567, "KWD"), "KWD 1,234.567", "KWD 1,234.567", "KWD 1,234.567"),
        (Money(123_456, "IQD"), "IQD 123.456", "IQD 123.456", "IQD 123.456"),
    ],
)
def test_money_has_the_decimals_of_its_currency(money, zh_hans, zh_hant, en):
    said = [format_money(money, locale).replace("\xa0", " ") for locale in LOCALES]
    assert [text.replace(" ", "") for text in said] == [text.replace(" ", "") for text in (zh_hans, zh_hant, en)]


def test_times_are_told_in_the_lines_own_zone():
    late = datetime(2026, 11, 20, 16, 30, tzinfo=UTC)
    assert format_datetime(late, "zh_Hans", zone="Asia/Shanghai") == "2026年11月21日 00:30:00"
    assert format_date(late, "en", zone="Asia/Shanghai") == "Nov 21, 2026"
    assert format_date(date(2026, 1, 2), "en", zone="Asia/Shanghai") == "Jan 2, 2026"
    assert format_number(1_234_567, "en") == "1,234,567"


def test_a_text_is_filled_and_lists_are_spoken():
    said = translate("en", "problems", "amount_not_offered.do", nearest=["30.00", "50.00"], currency="CNY")
    assert said == "The nearest amounts are 30.00 and 50.00."
    assert "30.00和50.00" in translate(
        "zh_Hans", "problems", "amount_not_offered.do", nearest=["30.00", "50.00"], currency="CNY"
    )


def test_a_parameter_is_never_read_as_a_text():
    assert "{currency}" in translate("en", "problems", "currency_wrong.do", currency="{currency}")


@pytest.mark.parametrize(
    ("locale", "domain", "message_id"),
    [
        ("en", "problems", "no_such_code"),
        ("en", "no_such_domain", "a"),
        ("xx", "problems", "quote_expired"),
        ("../en", "problems", "quote_expired"),
        ("en", "problems", "too_many_requests.do"),
    ],
)
def test_a_missing_text_or_parameter_is_a_defect(locale, domain, message_id):
    with pytest.raises(MissingText):
        translate(locale, domain, message_id)


def test_every_problem_has_a_sentence_and_an_advice_in_every_language():
    for locale in LOCALES:
        texts = catalogue(locale, "problems")
        codes = [code for code in texts if "." not in code]
        assert len(codes) > 40
        assert all(texts[code] and texts[f"{code}.do"] for code in codes)
    assert has_text("problems", "quote_expired")
    assert not has_text("problems", "no_such_code")
    assert not has_text("no_such_domain", "a")
    assert DEFAULT_LOCALE == "zh_Hans"


def test_amounts_in_a_sentence_are_written_as_people_write_them():
    said = in_words({"maximum": "500.00", "nearest": ["50.00", "100.00"], "currency": "CNY", "other": "7.00"}, "en")
    assert said == {"maximum": "CN¥500.00", "nearest": ["CN¥50.00", "CN¥100.00"], "currency": "CNY", "other": "7.00"}
    assert in_words({"minimum": "10.00", "currency": "CNY"}, "zh_Hans")["minimum"] == "¥10.00"
    assert in_words({"needed": "12", "currency": "POINTS"}, "en")["needed"] == "12 POINTS"
    assert in_words({"needed": "12"}, "en") == {"needed": "12"}
    room = {"room": "40.00 CNY", "limit": "10 GB", "other": "7.00 CNY"}
    assert in_words(room, "en") == room | {"room": "CN¥40.00"}
    assert in_words({"room": "30 SMS"}, "en") == {"room": "30 SMS"}


NOON_IN_SHANGHAI = datetime(2026, 11, 21, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("locale", "zone", "said"),
    [
        ("zh_Hans", "Asia/Shanghai", "2026年11月21日 12:00:00（上海时间）"),
        ("zh_Hant", "Asia/Singapore", "2026年11月21日 中午12:00:00（新加坡時間）"),
        ("en", "Asia/Shanghai", "Nov 21, 2026, 12:00:00\u202fPM (Shanghai time)"),
        ("en", "UTC", "Nov 21, 2026, 4:00:00\u202fAM UTC"),
        ("zh_Hans", "Etc/UTC", "2026年11月21日 04:00:00（UTC）"),
    ],
)
def test_a_moment_that_stands_alone_says_by_whose_clocks(locale, zone, said):
    assert format_moment(NOON_IN_SHANGHAI, locale, zone=zone) == said


def test_every_zone_there_is_has_a_name_in_every_language():
    for zone in available_timezones():
        assert all(zone_place(zone, locale) for locale in LOCALES), zone
