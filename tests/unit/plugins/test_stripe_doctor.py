"""What `topup doctor` says of Stripe."""

import inspect
import re
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.misbehaving import misbehaving
from tests.support.stripe import a_list, error, in_turn, says
from topup.platform.i18n import has_text
from topup.platform.plugs import Health
from topup.plugins.payments.stripe import doctor
from topup.plugins.payments.stripe.doctor import check


def found(findings):
    return {finding.subject: (finding.health, finding.reason) for finding in findings}


def stamped(thing, now):
    return says(thing, headers=f"date: {now:%a, %d %b %Y %H:%M:%S GMT}\r\n".encode())


ENDPOINT = {
    "id": "we_1",
    "object": "webhook_endpoint",
    "url": "https://shop.example/webhooks/stripe",
    "status": "enabled",
    "enabled_events": ["*"],
}
BALANCE = {"object": "balance", "livemode": False}
ACCOUNT = {"id": "acct_1", "object": "account", "charges_enabled": True}


async def examined(stripe_settings, http_client, *scripts, now, **changes):
    async with misbehaving(in_turn(*scripts)) as (url, _):
        return found(await check(stripe_settings(url, **changes), http_client, now))


async def test_the_doctor_finds_nothing(stripe_settings, http_client):
    now = datetime.now(UTC)
    scripts = (stamped(BALANCE, now), says(ACCOUNT), says(a_list(ENDPOINT)))
    findings = await examined(stripe_settings, http_client, *scripts, now=now, account_id="acct_1")
    assert {health for health, _ in findings.values()} == {Health.FINE}
    assert findings.keys() == {"secret_key", "webhook_secrets", "reachable", "clock", "account", "webhook_endpoint"}


@pytest.mark.parametrize(
    ("seconds", "health"), [(0, Health.FINE), (-60, Health.SOON), (100, Health.SOON), (200, Health.WRONG)]
)
async def test_the_doctor_compares_the_clocks(stripe_settings, http_client, seconds, health):
    now = datetime.now(UTC)
    scripts = (stamped(BALANCE, now + timedelta(seconds=seconds)), says(ACCOUNT), says(a_list(ENDPOINT)))
    assert (await examined(stripe_settings, http_client, *scripts, now=now))["clock"][0] is health


@pytest.mark.parametrize(
    ("account", "endpoints", "subject", "finding"),
    [
        ({**ACCOUNT, "id": "acct_2"}, [ENDPOINT], "account", (Health.WRONG, "stripe.other_account")),
        ({**ACCOUNT, "charges_enabled": False}, [ENDPOINT], "account", (Health.WRONG, "stripe.charges_disabled")),
        (ACCOUNT, [], "webhook_endpoint", (Health.WRONG, "stripe.no_endpoint")),
        (ACCOUNT, [{**ENDPOINT, "status": "disabled"}], "webhook_endpoint", (Health.WRONG, "stripe.no_endpoint")),
        (
            ACCOUNT,
            [{**ENDPOINT, "enabled_events": ["charge.succeeded"]}],
            "webhook_endpoint",
            (Health.WRONG, "stripe.events_missing"),
        ),
        (error("x"), [ENDPOINT], "account", (Health.UNKNOWN, "stripe.account_unseen")),
    ],
)
async def test_the_doctor_says_what_is_wrong_at_stripe(  # noqa: PLR0917 - a row of the table
    stripe_settings, http_client, account, endpoints, subject, finding
):
    now = datetime.now(UTC)
    scripts = (stamped(BALANCE, now), says(account), says(a_list(*endpoints)))
    assert (await examined(stripe_settings, http_client, *scripts, now=now, account_id="acct_1"))[subject] == finding


async def test_the_doctor_says_what_is_wrong_with_the_keys(stripe_settings, http_client, tmp_path):
    now = datetime.now(UTC)
    refused = says(error("x"), status=b"401 Unauthorized")
    assert (await examined(stripe_settings, http_client, refused, now=now))["secret_key"] == (
        Health.WRONG,
        "stripe.key_refused",
    )
    other_mode = stamped({**BALANCE, "livemode": True}, now)
    assert (await examined(stripe_settings, http_client, other_mode, now=now))["secret_key"] == (
        Health.WRONG,
        "stripe.other_mode",
    )
    (tmp_path / "key").write_text("pk_test_1")
    (tmp_path / "secrets").write_text("nonsense")
    findings = found(await check(stripe_settings("http://127.0.0.1:1"), http_client, now))
    assert findings == {
        "secret_key": (Health.WRONG, "stripe.key_unreadable"),
        "webhook_secrets": (Health.WRONG, "stripe.secrets_unreadable"),
    }


async def test_the_doctor_says_that_nobody_answers(stripe_settings, http_client):
    findings = found(await check(stripe_settings("http://127.0.0.1:1"), http_client, datetime.now(UTC)))
    assert findings["reachable"] == (Health.WRONG, "stripe.unreachable")


def test_every_finding_has_words_and_a_remedy():
    reasons = set(re.findall(r'"(stripe\.[a-z_]+)"', inspect.getsource(doctor)))
    assert len(reasons) >= 12
    assert [
        reason for reason in reasons if not has_text("doctor", reason) or not has_text("doctor", f"{reason}.do")
    ] == []
