"""What `topup doctor` is told of Alipay: each thing that can be wrong is named, and no key is."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from tests.support.misbehaving import misbehaving, refused_address, saying, with_body
from topup.platform.i18n import LOCALES, catalogue
from topup.platform.plugs import Health
from topup.plugins.payments.alipay import PLUG, checking, keys
from topup.plugins.payments.alipay.vectors import example

NOW = datetime.now(UTC)


@pytest.fixture
def settings(tmp_path):
    return example(tmp_path, "http://127.0.0.1:1")


async def look(settings, http_client):
    found = {finding.subject: finding for finding in await PLUG.check(settings, http_client, NOW)}
    assert not [one for one in found.values() if "PRIVATE" in str(one.parameters)]
    return found


async def test_a_key_file_that_is_missing_or_none_is_named_first(settings, http_client):
    settings.private_key_file.write_text("no key")
    found = await look(settings, http_client)
    assert (found["private_key"].health, found["private_key"].reason) == (Health.WRONG, "alipay.private_key_wrong")
    assert found["reachable"].reason == "alipay.keys_first"
    settings.private_key_file.unlink()
    found = await look(settings, http_client)
    assert found["private_key"].reason == "alipay.file_unreadable"
    assert found["private_key"].parameters["file"] == str(settings.private_key_file)


async def test_our_own_public_key_in_the_place_of_alipays_is_found(settings, http_client):
    """The portal shows both, and the wrong one is put there more often than anything else goes wrong."""
    own = keys.private_key(settings).public_key()
    pem = own.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    settings.alipay_public_key_file.write_bytes(pem)
    found = await look(settings, http_client)
    assert (found["alipay_public_key"].health, found["alipay_public_key"].reason) == (Health.WRONG, "alipay.own_key")


async def test_an_address_that_refuses(settings, http_client):
    with refused_address() as url:
        found = await look(settings.model_copy(update={"base_url": url}), http_client)
    assert found["private_key"].health is found["alipay_public_key"].health is Health.FINE
    assert (found["reachable"].health, found["reachable"].reason) == (Health.WRONG, "alipay.unreachable")


async def test_an_answer_that_is_not_alipays_and_a_clock_that_is_apart(settings, http_client):
    dated = f"date: {format_datetime(datetime.now(UTC) - timedelta(minutes=3), usegmt=True)}\r\n".encode()
    node = b'{"alipay_trade_query_response":{"code":"40002","sub_code":"isv.invalid-app-id"}}'
    async with misbehaving(saying(with_body(node, headers=dated))) as (url, _):
        found = await look(settings.model_copy(update={"base_url": url}), http_client)
    assert (found["reachable"].health, found["reachable"].reason) == (Health.WRONG, "alipay.answer_distrusted")
    assert "isv.invalid-app-id" in found["reachable"].parameters["reason"]
    assert (found["clock"].health, found["clock"].reason) == (Health.SOON, "alipay.clock_apart")
    assert 170 <= found["clock"].parameters["seconds"] <= 190


async def test_everything_is_fine_with_the_simulator(alipay, http_client):
    found = await look(alipay.settings, http_client)
    assert {subject: finding.health for subject, finding in found.items()} == dict.fromkeys(
        ("private_key", "alipay_public_key", "clock", "reachable", "withholding"), Health.FINE
    )


async def test_with_certificates_their_dates_and_their_key_are_looked_at(alipay, tmp_path, http_client):
    settings = type(alipay.settings)(
        **{**alipay.ready["plugin"], "alipay_public_key_file": None, **alipay.ready["certificates"]}
    )
    found = await look(settings, http_client)
    assert {finding.health for finding in found.values()} == {Health.FINE}
    assert found.keys() >= {"certificates", "app_certificate", "alipay_certificate", "reachable"}
    late = await PLUG.check(settings, http_client, NOW + timedelta(days=3640))
    assert {one.subject for one in late if one.health is Health.SOON} == {"app_certificate", "alipay_certificate"}
    over = await PLUG.check(settings, http_client, NOW + timedelta(days=3700))
    assert {one.reason for one in over if one.health is Health.WRONG} == {"alipay.certificate_not_valid"}
    other = tmp_path / "other.pem"
    key = rsa.generate_private_key(65537, 2048)
    other.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    found = await look(settings.model_copy(update={"private_key_file": other}), http_client)
    assert found["app_certificate"].reason == "alipay.not_a_pair"


def test_every_finding_has_its_words_in_three_languages():
    reasons = set(re.findall(r'"(alipay\.[a-z_]+)"', Path(checking.__file__).read_text())) - {"alipay.check"}
    reasons |= {f"alipay.{subject}_wrong" for subject in ("private_key", "alipay_public_key", "certificates")}
    assert len(reasons) > 10
    for locale in LOCALES:
        words = catalogue(locale, "doctor")
        assert not [reason for reason in reasons if not words.get(reason) or not words.get(f"{reason}.do")]
