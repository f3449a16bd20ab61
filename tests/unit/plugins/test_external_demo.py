"""A carrier that knows a delivery's number already: whatever it says of it, we may never send it again."""

import hashlib
import hmac
import json
import time

import pytest

from tests.support.misbehaving import misbehaving, read_request
from tests.support.simulators import a_delivery
from topup.kernel.outcome import Accepted, Done, Reason, Refused, Reversed, Unknown
from topup.plugins.carriers.external_demo import PLUG


def signed(settings, replies):
    """A script that gives these contents one after another, each well signed as the reply to its call."""
    secret = bytes.fromhex(json.loads(settings.secret_file.read_bytes())["secret"])
    waiting = iter(replies)

    async def script(reader, writer):
        request = await read_request(reader)
        lines = request.decode().split("\r\n")
        nonce = next(line.split(": ")[1] for line in lines if line.lower().startswith("x-api-nonce:"))
        body = json.dumps(next(waiting)).encode()
        at_ms = str(time.time_ns() // 1_000_000)
        text = "\n".join(("REPLY", "200", nonce, at_ms, hashlib.sha256(body).hexdigest()))
        mac = hmac.new(secret, text.encode(), "sha256").hexdigest()
        head = f"HTTP/1.1 200 OK\r\nx-api-time: {at_ms}\r\nx-api-mac: {mac}\r\ncontent-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()

    return script


@pytest.fixture
def submit(tmp_path, http_client):
    async def submit(delivery, *replies):
        settings = PLUG.example(tmp_path, "https://carrier.example")
        full = [{"external_id": delivery.fulfilment_id, **reply} for reply in replies]
        async with misbehaving(signed(settings, full)) as (url, served):
            plugin = PLUG.make(settings.model_copy(update={"base_url": url}), http_client)
            outcome = await plugin.submit(delivery)
        assert len(served) == len(replies)
        return outcome

    return submit


@pytest.mark.parametrize(
    ("told", "adopted"),
    [
        ({"code": "COMPLETED", "reference": "EC1"}, Done("EC1")),
        ({"code": "SUBMITTED", "reference": "EC1"}, Accepted("EC1")),
        ({"code": "REVERSED", "reference": "EC1"}, Reversed("EC1")),
        ({"code": "NUMBER_SUSPENDED"}, Refused(Reason.USER, "NUMBER_SUSPENDED")),
    ],
)
async def test_what_the_carrier_says_of_a_duplicate_is_adopted(submit, told, adopted):
    assert await submit(a_delivery(), {"code": "DUPLICATE"}, told) == adopted


@pytest.mark.parametrize("told", ["NOT_FOUND", "THROTTLED", "DUPLICATE", "BAD_MAC", "NEW_CODE", ""])
async def test_a_duplicate_of_which_nothing_is_told_is_unknown(submit, told):
    assert isinstance(await submit(a_delivery(), {"code": "DUPLICATE"}, {"code": told}), Unknown)


@pytest.mark.parametrize("code", ["BAD_MAC", "STALE_CALL", "NONCE_USED", "BAD_CALL"])
async def test_a_call_turned_away_is_ours_to_mend(submit, code):
    assert await submit(a_delivery(), {"code": code}) == Refused(Reason.CONFIGURATION, code)


@pytest.mark.parametrize(
    "reply", [{"code": "COMPLETED"}, {"code": "REVERSED"}, {"code": "COMPLETED", "external_id": "x"}]
)
async def test_a_success_without_a_reference_or_of_another_delivery_is_unknown(submit, reply):
    assert isinstance(await submit(a_delivery(), reply), Unknown)
