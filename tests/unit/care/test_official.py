"""Is this official? Yes only of what is ours, no of what poses as us; nothing is ever fetched."""

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.places import EXAMPLE
from topup.care.official import Verdict, judge
from topup.platform.i18n import LOCALES, catalogue
from topup.shops.files import read_directory
from topup.shops.places import Directory, Ours

READING = read_directory(EXAMPLE)
DIRECTORY = Directory(places=READING.places, ours=READING.ours or Ours())
HERE = "https://pay.topup.example"


def judged(text):
    return judge(text, directory=DIRECTORY, public_url=HERE)


@pytest.mark.parametrize(
    "text",
    [
        "https://pay.topup.example/orders/ord_1",
        "http://topup.example",
        "HTTPS://WWW.TOPUP.EXAMPLE/x?y=z",
        "https://pay.topup.example:443/",
        "topup.example/help",
        "请打开 https://topup.example/x 查看",
        "https://topup.example./",
    ],
)
def test_our_own_address_is_ours(text):
    assert (judged(text).verdict, judged(text).why) == (Verdict.YES, "link_ours")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("https://topup.example.win/x", "link_disguised"),
        ("https://topup.example@evil.example/", "link_disguised"),
        ("https://me@topup.example/", "link_disguised"),
        ("https://evil.example/topup.example", "link_disguised"),
        ("//evil.example", "link_not_ours"),
        ("evil.example", "link_not_ours"),
        ("https://t0pup.example", "link_not_ours"),
        ("https://tоpup.example", "link_not_ours"),  # a Cyrillic letter
        ("https://pay.topup.example:8443/", "link_disguised"),
        ("https://topup.example 和 https://evil.example", "link_not_ours"),
        ("https://[::1", "link_broken"),
        ("ｈｔｔｐｓ：／／evil.example", "link_not_ours"),
    ],
)
def test_what_leads_elsewhere_is_not_ours(text, why):
    assert (judged(text).verdict, judged(text).why) == (Verdict.NO, why)


def test_one_bad_link_spoils_a_message():
    assert judged("https://topup.example https://evil.example").verdict is Verdict.NO
    assert judged("https://evil.example https://topup.example").verdict is Verdict.NO


def test_a_receipts_link_is_to_be_verified():
    found = judged("https://pay.topup.example/verify/abc-DEF_1")
    assert (found.verdict, found.why, found.token) == (Verdict.UNKNOWN, "receipt", "abc-DEF_1")
    assert judged("https://evil.example/verify/abc").token == ""


@pytest.mark.parametrize(
    ("text", "verdict", "why"),
    [
        ("GZ-0101", Verdict.YES, "place_code"),
        ("天河营业厅", Verdict.YES, "place_name"),
        ("10199", Verdict.YES, "phone_ours"),
        ("+86 20 0000 0199", Verdict.YES, "phone_ours"),
        ("TOPUP", Verdict.YES, "sender_ours"),
        ("13800138000", Verdict.NO, "phone_not_ours"),
        ("95555", Verdict.NO, "phone_not_ours"),
        ("2026-03-000017", Verdict.UNKNOWN, "receipt_number"),
        ("输入验证码领取话费", Verdict.NO, "asks_for_secrets"),
        ("please send me your password now", Verdict.NO, "asks_for_secrets"),
        ("weixin://wxpay/bizpayurl?pr=1", Verdict.UNKNOWN, "link_other"),
        ("hello", Verdict.UNKNOWN, "not_understood"),
        ("  ", Verdict.UNKNOWN, "nothing"),
    ],
)
def test_what_is_told_of_other_things(text, verdict, why):
    assert (judged(text).verdict, judged(text).why) == (verdict, why)


@given(st.text(max_size=1200))
def test_any_text_is_judged(text):
    found = judged(text)
    for locale in LOCALES:
        assert {f"official.{found.why}", f"official.{found.why}.do", f"verdict.{found.verdict}"} <= set(
            catalogue(locale, "care")
        )


@given(
    st.from_regex(r"[a-z0-9.-]{1,30}\.[a-z]{2,5}", fullmatch=True),
    st.sampled_from(["", "/topup.example", "?topup.example"]),
)
def test_no_strangers_address_is_ever_called_ours(host, rest):
    """The host alone decides, whatever stands around it."""
    known = {"topup.example", "www.topup.example", "pay.topup.example"}
    if host.rstrip(".") in known:
        return
    assert judged(f"https://{host}{rest}").verdict is not Verdict.YES


def test_nothing_is_asked_of_the_network(monkeypatch):
    def called(*_, **__):
        raise AssertionError("somebody asked the network")

    monkeypatch.setattr(socket, "getaddrinfo", called)
    monkeypatch.setattr(socket.socket, "connect", called)
    assert judged("https://evil.example/x").verdict is Verdict.NO
