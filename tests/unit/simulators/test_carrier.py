"""What the carrier does with each ending of a number, what our plugin makes of it, and what was credited."""

import asyncio
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime

import pytest

from tests.support.billing import bill_around
from tests.support.simulators import a_delivery, start_carrier, until
from topup.fulfilment.ports import Billed, CarrierEventRejected, FloatUnavailable, Standing
from topup.kernel.money import Money
from topup.kernel.outcome import Accepted, Done, Reason, Refused, Reversed, Throttled, Unknown
from topup.plugins.carriers.external_demo import ExternalDemo
from topup_simulators.carrier.endings import Ending, ending_of

USER, OURS, ABSENT = Reason.USER, Reason.CONFIGURATION, Reason.ABSENT
NOT_FOUND = Refused(ABSENT, "NOT_FOUND")

# Ending: what submitting gives, what asking gives in the end, how often the number is credited.
TABLE = {
    Ending.NOT_FOUND: (Refused(USER, "NUMBER_NOT_FOUND"), Refused(USER, "NUMBER_NOT_FOUND"), 0),
    Ending.SUSPENDED: (Refused(USER, "NUMBER_SUSPENDED"), Refused(USER, "NUMBER_SUSPENDED"), 0),
    Ending.FLOAT_OUT: (Refused(OURS, "INSUFFICIENT_FLOAT"), Refused(OURS, "INSUFFICIENT_FLOAT"), 0),
    Ending.PRODUCT: (Refused(OURS, "PRODUCT_UNKNOWN"), Refused(OURS, "PRODUCT_UNKNOWN"), 0),
    Ending.CALLED_BACK: (Accepted, Done, 1),
    Ending.ASK_ME: (Accepted, Done, 1),
    Ending.SILENT_DONE: (Unknown, Done, 1),
    Ending.SILENT_UNDONE: (Unknown, NOT_FOUND, 0),
    Ending.BROKEN_DONE: (Unknown, Done, 1),
    Ending.HANGS_UP_DONE: (Unknown, Done, 1),
    Ending.HANGS_UP_UNDONE: (Unknown, NOT_FOUND, 0),
    Ending.REVERSED: (Done, Reversed, 1),
    Ending.UNLISTED_DONE: (Unknown, Done, 1),
    Ending.GARBAGE: (Unknown, Done, 1),
    Ending.THROTTLED: (Throttled(1), NOT_FOUND, 0),
    Ending.DUPLICATE: (Done, Done, 1),
    Ending.REFUSED_LATER: (Accepted, Refused(USER, "NUMBER_SUSPENDED"), 0),
    Ending.NEVER_FINAL: (Accepted, Accepted, 0),
    Ending.BADLY_SIGNED: (Unknown, Done, 1),
    Ending.UNLISTED_UNDONE: (Unknown, NOT_FOUND, 0),
}


def fits(outcome, wanted):
    return isinstance(outcome, wanted) if isinstance(wanted, type) else outcome == wanted


def test_the_table_of_this_test_has_every_ending():
    assert TABLE.keys() == set(Ending)
    assert [ending_of(f"+65812345{n:02}") for n in range(80)] == [None] * 80


async def credited(carrier, delivery):
    rows = (await carrier.control("deliveries"))["deliveries"]
    return {row["external_id"]: row["delivered"] for row in rows}[delivery.fulfilment_id]


@pytest.mark.parametrize("ending", TABLE, ids=lambda ending: ending.name.lower())
async def test_each_ending(carrier, external_demo, impatient_demo, ending):
    submitted, asked, delivered = TABLE[ending]
    delivery = a_delivery(ending)
    silent = ending in (Ending.SILENT_DONE, Ending.SILENT_UNDONE)
    assert fits(await (impatient_demo if silent else external_demo).submit(delivery), submitted)
    await until(lambda: external_demo.query(delivery.fulfilment_id), lambda outcome: fits(outcome, asked))
    assert await credited(carrier, delivery) == delivered


async def test_an_ordinary_number_is_credited_once_however_often_it_is_submitted(carrier, external_demo):
    delivery = a_delivery(42)
    outcomes = await asyncio.gather(*(external_demo.submit(delivery) for _ in range(10)))
    assert len(set(outcomes)) == 1
    assert isinstance(outcomes[0], Done)
    assert await credited(carrier, delivery) == 1


async def test_the_third_submission_of_a_throttled_one_is_done(external_demo):
    delivery = a_delivery(Ending.THROTTLED)
    outcomes = [await external_demo.submit(delivery) for _ in range(3)]
    assert outcomes[:2] == [Throttled(1), Throttled(1)]
    assert isinstance(outcomes[2], Done)


@pytest.mark.parametrize(
    ("ending", "told"),
    [
        (Ending.CALLED_BACK, Done),
        (Ending.REVERSED, Reversed),
        (Ending.REFUSED_LATER, Refused(USER, "NUMBER_SUSPENDED")),
    ],
)
async def test_callbacks_are_signed_afresh_at_each_sending_until_heard(external_demo, listener, ending, told):
    listener.answers = [(500, b""), (200, b"")]
    delivery = a_delivery(ending, notify_url=listener.url)
    await external_demo.submit(delivery)
    heard = await listener.hear(2)
    events = [external_demo.parse_event(headers, body, datetime.now(UTC)) for headers, body in heard]
    assert events[0] == events[1]
    assert events[0].facts[0].fulfilment_id == delivery.fulfilment_id
    assert fits(events[0].facts[0].outcome, told)
    assert heard[0][0]["x-api-time"] != heard[1][0]["x-api-time"]
    with pytest.raises(CarrierEventRejected):
        external_demo.parse_event(heard[0][0], heard[0][1].replace(b"cb_", b"cc_"), datetime.now(UTC))


async def test_the_float_pays_for_deliveries_and_refuses_when_it_is_out(tmp_path, http_client):
    carrier = start_carrier(tmp_path, "--float-minor", "2500")
    plugin = ExternalDemo(carrier.settings, http_client)
    outcomes = [await plugin.submit(a_delivery()) for _ in range(3)]
    assert [type(outcome) for outcome in outcomes] == [Done, Done, Refused]
    assert outcomes[2] == Refused(OURS, "INSUFFICIENT_FLOAT")
    assert await plugin.float_balance() == Money(500, "SGD")
    await carrier.control("float", {"amount_minor": 0})
    assert await plugin.float_balance() == Money(0, "SGD")
    carrier.stop()
    with pytest.raises(FloatUnavailable):
        await plugin.float_balance()


async def test_a_reversal_gives_the_float_back(tmp_path, http_client):
    carrier = start_carrier(tmp_path, "--float-minor", "1000")
    plugin = ExternalDemo(carrier.settings, http_client)
    delivery = a_delivery(Ending.REVERSED)
    await plugin.submit(delivery)
    assert await plugin.float_balance() == Money(0, "SGD")
    await until(lambda: plugin.query(delivery.fulfilment_id), lambda outcome: isinstance(outcome, Reversed))
    assert await plugin.float_balance() == Money(1000, "SGD")
    carrier.stop()


async def test_another_currency_than_the_floats_is_refused(external_demo):
    delivery = a_delivery(amount=Money(1000, "USD"))
    assert await external_demo.submit(delivery) == Refused(OURS, "PRODUCT_UNKNOWN")


async def test_lookup_says_yes_no_or_nothing(external_demo):
    assert await external_demo.lookup("+6581234501") == Standing(can_be_topped_up=True)
    assert await external_demo.lookup("+6581234580") == Standing(can_be_topped_up=None)
    assert await external_demo.lookup("12") == Standing(can_be_topped_up=False)


async def test_the_bill_has_every_delivery_over_many_pages(external_demo):
    deliveries = [a_delivery() for _ in range(120)]
    await asyncio.gather(*map(external_demo.submit, deliveries))
    bill = {line.our_id: line for line in await bill_around(external_demo)}
    assert {delivery.fulfilment_id for delivery in deliveries} <= bill.keys()
    line = bill[deliveries[0].fulfilment_id]
    assert (line.amount, line.billed) == (Money(1000, "SGD"), Billed.DELIVERED)


async def test_a_call_is_believed_only_as_it_was_signed(carrier, http_client):
    """Written out by hand, so that the wire itself is under test."""
    known = json.loads(carrier.settings.secret_file.read_bytes())

    async def call(*, now_ms=None, nonce=None, kind="CALL", path="/float", sent_path=None, key=known["key"]):
        at = str(now_ms or time.time_ns() // 1_000_000)
        nonce = nonce or str(time.time_ns())
        text = "\n".join((kind, "GET", path, at, nonce, hashlib.sha256(b"").hexdigest()))
        mac = hmac.new(bytes.fromhex(known["secret"]), text.encode(), "sha256").hexdigest()
        headers = {"x-api-key": key, "x-api-time": at, "x-api-nonce": nonce, "x-api-mac": mac}
        response = await http_client.send(
            method="GET", url=carrier.url + (sent_path or path), route="test", headers=headers
        )
        return json.loads(response.body)["code"]

    now_ms = time.time_ns() // 1_000_000
    assert await call() == "OK"
    assert await call(path="/bill/2026-11-20?after=") == "OK"
    assert await call(kind="REPLY") == "BAD_MAC"
    assert await call(key="somebody") == "BAD_MAC"
    assert await call(sent_path="/topups/x") == "BAD_MAC"
    assert await call(path="/bill/2026-11-20?after=", sent_path="/bill/2026-11-20?after=x") == "BAD_MAC"
    assert await call(now_ms=now_ms - 301_000) == "STALE_CALL"
    assert await call(now_ms=now_ms + 310_000) == "STALE_CALL"
    assert await call(nonce="once") == "OK"
    assert await call(nonce="once") == "NONCE_USED"
    for path in ("/bill/yesterday", "/nothing", "/float/x", "/topups"):
        assert await call(path=path) == "BAD_CALL", path
