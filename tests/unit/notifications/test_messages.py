"""What becomes of a message after a try, and how it reads."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topup.kernel.money import Money
from topup.kernel.outcome import Accepted, Done, NotSent, Outcome, Reason, Refused, Reversed, Throttled, Unknown
from topup.notifications.daytime import Hours, daytime, is_daytime
from topup.notifications.operations import News, UnknownTemplate
from topup.notifications.ports import AddressKind, kind_of
from topup.notifications.states import MAXIMUM_TRIES, MESSAGE, MessageState, pause_after
from topup.notifications.tasks import Taken, judge
from topup.notifications.templates import TEMPLATES, LocalDay, LocalTime, Named, Words, render, render_short, to_json
from topup.platform.i18n import LOCALES, has_text

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
AT = LocalTime(datetime(2026, 5, 1, 16, 30, tzinfo=UTC), "Asia/Shanghai")
PARAMETERS = {
    "plan": Named({"zh_Hans": "本地月套餐", "zh_Hant": "本地月方案", "en": "Home, by the month"}),
    "number": "138 0013 8000",
    "amount": Money(5000, "CNY"),
    "before": Money(5000, "CNY"),
    "after": Money(5000, "CNY"),
    "paid": Money(5000, "CNY"),
    "refunded": Money(5000, "CNY"),
    "at": AT,
    "again": AT,
    "receipt_number": "2026-03-17",
    "order_url": "https://topup.example/orders/ord_1",
    "status": Words("catalogue", "shows_two_way_blocked"),
    "on": LocalDay(datetime(2026, 6, 30, 16, tzinfo=UTC), "Asia/Shanghai"),
    "what": Words("usage", "asset.VOICE"),
    "left": Words("catalogue", "grant_data", {"count": "1023.5", "unit": "MB"}),
    "until": LocalDay(datetime(2026, 12, 30, 16, tzinfo=UTC), "Asia/Shanghai"),
    "why": Words("catalogue", "why_never_ends"),
    "blocked": [Words("usage", "blocked.voice_out"), Words("usage", "blocked.data")],
    "free": [Words("usage", "blocked.voice_in")],
    "agent": "Corner shop",
    "gift": Named({"zh_Hans": "马克杯 × 1", "zh_Hant": "馬克杯 × 1", "en": "Mug × 1"}),
    "tracking": Words("messages", "gift_tracking", {"reference": "SF1234567890123"}),
    "alarm": Money(10_000, "CNY"),
    "count": 7,
    "news": [Words("messages", "used_up.text", {"number": "138 0013 8000", "what": Words("usage", "asset.SMS")})],
    "messages_url": "https://topup.example/account/messages",
    "reference": "H-4827",
    "ticket_url": "https://topup.example/help/tickets/1",
    "code": "481216",
    "minutes": 10,
    "device": Words(
        "account",
        "device_name",
        {"browser": Words("account", "browser_samsung"), "system": Words("account", "system_windows")},
    ),
    "to_do": [Words("lines", "to_do_topup_least", {"least": Money(2000, "CNY")}), Words("lines", "to_do_use")],
}
ZONES = ["Asia/Shanghai", "America/Cayman", "Europe/London", "Pacific/Apia", "Pacific/Chatham", "Australia/Lord_Howe"]
OUTCOMES = st.sampled_from(
    [
        Done("r"),
        Accepted("r"),
        Refused(Reason.USER, "c"),
        Refused(Reason.ABSENT, "c"),
        NotSent("d"),
        Throttled(5),
        Unknown("d"),
        Reversed("r"),
    ]
)


def taken(*, tries: int, unknowns: int) -> Taken:
    return Taken(0, "msg_1", b"", "con_1", "en", "delivered", {}, tries, unknowns)


@given(st.lists(OUTCOMES, min_size=1, max_size=30))
def test_a_message_is_tried_a_bounded_number_of_times_and_resent_once_at_most_when_unknown(
    outcomes: list[Outcome],
) -> None:
    tries = unknowns = 0
    for outcome in outcomes:
        tries += 1
        result = judge(taken(tries=tries, unknowns=unknowns), outcome, NOW)
        assert result.state in MESSAGE.allowed[MessageState.SENDING]
        assert (result.send_at is None) == (result.state is not MessageState.WAITING)
        unknowns = result.unknowns
        if result.send_at is None:
            break
        assert result.send_at > NOW
    assert tries <= MAXIMUM_TRIES
    assert unknowns <= 2
    if unknowns == 2:
        assert result.state is MessageState.UNSURE


def test_tries_are_spread_over_more_than_a_day() -> None:
    pauses = [pause_after(tries) for tries in range(1, MAXIMUM_TRIES)]
    assert pauses == sorted(pauses)
    assert pauses[0] == timedelta(seconds=30)
    assert sum(pauses, timedelta()) > timedelta(days=1) - timedelta(hours=6)


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("template", TEMPLATES)
def test_every_template_reads_in_every_language(template: str, locale: str) -> None:
    stored = to_json({name: PARAMETERS[name] for name in TEMPLATES[template]})
    subject, body = render(template, stored, locale)
    assert "\n" not in subject
    assert "{" not in subject + body
    assert ("https://topup.example/orders/ord_1" in body) == ("order_url" in TEMPLATES[template])
    assert ("481216" in body) == ("code" in TEMPLATES[template])
    assert ("50.00" in subject + body) == (not TEMPLATES[template].isdisjoint({"amount", "refunded"}))


GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The letters that seven bits hold (3GPP TS 23.038, 6.2.1)."""


def fits_one_sms(text: str) -> bool:
    """Whether a text goes in one part: 160 letters of seven bits, else 70 of sixteen."""
    return len(text) <= 160 if GSM.issuperset(text) else len(text.encode("utf-16-be")) <= 140


SHORT = [template for template in TEMPLATES if has_text("messages", f"{template}.text")]


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("template", SHORT)
def test_what_goes_by_sms_fits_one(template: str, locale: str) -> None:
    stored = to_json({name: PARAMETERS[name] for name in TEMPLATES[template]})
    subject, text = render_short(template, stored, locale)
    assert subject == ""
    assert fits_one_sms(text), (len(text), text)


def test_what_has_no_short_text_goes_by_sms_as_it_goes_by_mail() -> None:
    stored = to_json({name: PARAMETERS[name] for name in TEMPLATES["refunded"]})
    assert render_short("refunded", stored, "en") == render("refunded", stored, "en")


def test_times_are_told_in_the_zone_of_the_line() -> None:
    stored = to_json({name: PARAMETERS[name] for name in TEMPLATES["delivered"]})
    assert "2, 2026, 12:30" in render("delivered", stored, "en")[1]


def test_what_a_line_is_told_names_the_day_of_its_zone_and_each_thing_to_do_in_the_readers_words() -> None:
    stored = to_json({name: PARAMETERS[name] for name in TEMPLATES["line_changes"]})
    subject, body = render("line_changes", stored, "en")
    assert subject == "138 0013 8000 becomes “two-way blocked” on Jul 1, 2026"
    assert "\nTop up at least CN¥20.00.\nUse the line" in body
    assert "至少充值 ¥20.00。\n使用一次" in render("line_changes", stored, "zh_Hans")[1]


@pytest.mark.parametrize(
    ("at", "told_at"),
    [
        ("2026-05-01T09:00+08:00", "2026-05-01T09:00+08:00"),
        ("2026-05-01T20:59:59+08:00", "2026-05-01T20:59:59+08:00"),
        ("2026-05-01T21:00+08:00", "2026-05-02T09:00+08:00"),
        ("2026-05-01T00:00+08:00", "2026-05-01T09:00+08:00"),
        ("2026-05-01T08:59:59+08:00", "2026-05-01T09:00+08:00"),
    ],
)
def test_nobody_is_woken_at_night(at: str, told_at: str) -> None:
    moment = datetime.fromisoformat(at).astimezone(UTC)
    assert daytime(moment, "Asia/Shanghai") == datetime.fromisoformat(told_at)
    assert is_daytime(moment, "Asia/Shanghai") == (at == told_at)


@given(st.integers(0, 20 * 365 * 24 * 3600), st.sampled_from(ZONES))
def test_daytime_comes_within_a_night_also_when_clocks_change(second: int, zone: str) -> None:
    at = NOW + timedelta(seconds=second)
    found = daytime(at, zone)
    assert is_daytime(found, zone)
    assert at <= found <= at + timedelta(hours=13)
    assert is_daytime(at, zone) == (found == at)


HOURS = st.builds(Hours, st.just(22), st.integers(2, 21)) | st.builds(
    lambda begins, length: Hours(begins, (begins + length) % 24), st.integers(0, 23), st.integers(4, 23)
)


@given(st.integers(0, 20 * 365 * 24 * 3600), st.sampled_from(ZONES), HOURS)
def test_hours_of_ones_own_come_within_a_day(second: int, zone: str, hours: Hours) -> None:
    at = NOW + timedelta(seconds=second)
    found = daytime(at, zone, hours)
    assert is_daytime(found, zone, hours)
    # A day more where a zone leaves one out (Apia, 2011), an hour more where clocks go back.
    assert at <= found <= at + timedelta(hours=25)
    assert is_daytime(at, zone, hours) == (found == at)


@pytest.mark.parametrize(("begins", "ends"), [(-1, 9), (9, 24)])
def test_hours_that_are_none_are_refused(begins: int, ends: int) -> None:
    with pytest.raises(ValueError, match="hour"):
        Hours(begins, ends)


@pytest.mark.parametrize(
    ("hours", "day"),
    [(Hours(9, 21), range(9, 21)), (Hours(18, 2), [*range(18, 24), 0, 1]), (Hours(5, 5), range(24))],
)
def test_hours_hold_by_the_clock(hours: Hours, day: Sequence[int]) -> None:
    assert [hour for hour in range(24) if hours.hold(time(hour, 59))] == sorted(day)


def test_an_address_says_what_kind_it_is_of() -> None:
    assert (kind_of("tel:+8613800138000"), kind_of("a@b.example")) == (AddressKind.SMS, AddressKind.MAIL)


def test_news_with_an_unknown_template_or_other_parameters_is_refused_at_once() -> None:
    for template, parameters in (("invented", {}), ("delivered", {"number": "1"})):
        with pytest.raises(UnknownTemplate):
            News(0, "k", b"", "con_1", "en", template, parameters)
