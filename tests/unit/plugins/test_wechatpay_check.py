"""What `topup doctor` says of WeChat Pay: each thing that can be wrong is named, and nothing secret."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.support.misbehaving import misbehaving, refused_address
from tests.support.wechatpay import Platform, a_certificate, a_key
from topup.platform.i18n import translate
from topup.platform.plugs import Health
from topup.plugins.payments.wechatpay import PLUG, keys
from topup.plugins.payments.wechatpay.vectors import API_V3_KEY

ABSENT = (404, {"code": "ORDER_NOT_EXIST"})


def dated(apart=timedelta()):
    """The answer's own clock, so far from ours."""
    return lambda headers: {**headers, "date": format_datetime(datetime.now(UTC) + apart, usegmt=True)}


@pytest.fixture
def look(tmp_path, http_client):
    """Findings by subject, of a platform that answers so; `spoil` changes the key files first."""

    async def look(*answers, spoil=None, now=None, **changes):
        platform = Platform()
        async with misbehaving(platform.answering(*answers)) as (url, served):
            settings = platform.settings(tmp_path, url, **changes)
            if spoil is not None:
                spoil(settings)
            found = await PLUG.check(settings, http_client, now or datetime.now(UTC))
        assert len(served) == len(answers)
        assert API_V3_KEY not in repr(found)
        return {finding.subject: finding for finding in found}

    return look


async def test_all_is_well(look):
    found = await look((*ABSENT, dated()))
    assert {subject: finding.health for subject, finding in found.items()} == dict.fromkeys(
        ["private_key", "api_v3_key", "platform_public_key", "certificate", "clock", "reachable"], Health.FINE
    )


async def test_against_the_simulator(wechatpay, http_client):
    found = await PLUG.check(wechatpay.settings, http_client, datetime.now(UTC))
    assert {finding.health for finding in found} == {Health.FINE}


def lasting(lasts, begins=timedelta(days=-400)):
    def spoil(settings):
        key = keys.private_key(settings.private_key_file)
        certificate = a_certificate(key, begins=begins, lasts=lasts)
        settings.certificate_file.write_bytes(certificate.public_bytes(Encoding.PEM))

    return spoil


@pytest.mark.parametrize(
    ("spoil", "health", "reason", "asked"),
    [
        (lasting(timedelta(days=429)), Health.SOON, "wechatpay.certificate_ends_soon", True),
        (lasting(timedelta(days=399)), Health.WRONG, "wechatpay.certificate_not_valid", False),
        (lasting(timedelta(days=9), timedelta(days=1)), Health.WRONG, "wechatpay.certificate_not_valid", False),
    ],
    ids=["soon", "over", "not yet"],
)
async def test_the_dates_of_the_certificate(look, spoil, health, reason, asked):
    found = await look(*([ABSENT] if asked else []), spoil=spoil)
    assert (found["certificate"].health, found["certificate"].reason) == (health, reason)
    assert found["reachable"].health is (Health.FINE if asked else Health.UNKNOWN)


FILES = {
    "private_key_file": ("private_key", "wechatpay.private_key_wrong"),
    "api_v3_key_file": ("api_v3_key", "wechatpay.api_v3_key_wrong"),
    "platform_public_key_file": ("platform_public_key", "wechatpay.platform_public_key_wrong"),
    "certificate_file": ("certificate", "wechatpay.certificate_wrong"),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("gone", [False, True])
async def test_a_file_that_cannot_be_read_or_holds_something_else(look, name, gone):
    def spoil(settings):
        file = getattr(settings, name)
        file.unlink() if gone else file.write_text("something else")

    subject, reason = FILES[name]
    found = await look(spoil=spoil)
    assert found[subject].health is Health.WRONG
    assert found[subject].reason == ("wechatpay.file_unreadable" if gone else reason)
    assert found["reachable"].health is Health.UNKNOWN


async def test_key_and_certificate_of_two_merchants(look):
    def spoil(settings):
        settings.certificate_file.write_bytes(a_certificate(a_key(5)).public_bytes(Encoding.PEM))

    found = await look(spoil=spoil)
    assert (found["certificate"].health, found["certificate"].reason) == (Health.WRONG, "wechatpay.not_a_pair")


@pytest.mark.parametrize(
    ("apart", "health"),
    [(30, Health.FINE), (-30, Health.FINE), (90, Health.SOON), (-90, Health.SOON), (400, Health.WRONG)],
)
async def test_the_clock(look, apart, health):
    found = await look((*ABSENT, dated(timedelta(seconds=apart))))
    assert found["clock"].health is health


def unsigned(_headers):
    return {}


def signed_by_another(headers):
    return Platform(a_key(5)).headers(b'{"code":"ORDER_NOT_EXIST"}') | {"wechatpay-serial": headers["wechatpay-serial"]}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((401, {"code": "SIGN_ERROR"}, unsigned), "wechatpay.refused"),
        ((403, {"code": "NO_AUTH"}), "wechatpay.refused"),
        ((404, {"code": "ORDER_NOT_EXIST"}, unsigned), "wechatpay.signature_wrong"),
        ((404, {"code": "ORDER_NOT_EXIST"}, signed_by_another), "wechatpay.signature_wrong"),
        ((500, {"code": "SYSTEM_ERROR"}), "wechatpay.signature_wrong"),
    ],
    ids=["not our signature", "no right", "unsigned", "another's signature", "broken"],
)
async def test_an_answer_that_shows_that_something_does_not_fit(look, answer, reason):
    found = await look(answer)
    assert (found["reachable"].health, found["reachable"].reason) == (Health.WRONG, reason)


async def test_nobody_there(tmp_path, http_client):
    with refused_address() as url:
        found = await PLUG.check(Platform().settings(tmp_path, url), http_client, datetime.now(UTC))
    assert (found[-1].health, found[-1].reason) == (Health.WRONG, "wechatpay.unreachable")


async def test_certificate_mode_tells_of_the_certificates_it_fetched(wechatpay, http_client):
    known = wechatpay.settings.model_dump()
    wanted = {"platform_public_key_id": None, "platform_public_key_file": None, "certificate_mode": True}
    await wechatpay.control("signing", {"certificate": True})
    try:
        found = await PLUG.check(PLUG.settings(**known | wanted), http_client, datetime.now(UTC))
    finally:
        await wechatpay.control("signing", {"certificate": False})
    assert [finding.health for finding in found if finding.subject == "platform_certificate"] == [Health.FINE]
    assert {finding.health for finding in found} == {Health.FINE}


PARAMETERS = ("file", "reason", "serial", "begins", "ends", "key", "seconds", "code", "status")
REASONS = [
    "certificate_ends_soon",
    "certificate_not_valid",
    "file_unreadable",
    "not_a_pair",
    "clock_apart",
    "refused",
    "signature_wrong",
    "unreachable",
    "keys_first",
    "private_key_wrong",
    "api_v3_key_wrong",
    "platform_public_key_wrong",
    "certificate_wrong",
    "platform_certificate_wrong",
]


@pytest.mark.parametrize("locale", ["zh_Hans", "zh_Hant", "en"])
def test_each_finding_says_what_is_wrong_and_what_to_do(locale):
    for reason in REASONS:
        for message in (f"wechatpay.{reason}", f"wechatpay.{reason}.do"):
            assert translate(locale, "doctor", message, **dict.fromkeys(PARAMETERS, "x"))
    assert translate(locale, "orders", "method.wechatpay")
