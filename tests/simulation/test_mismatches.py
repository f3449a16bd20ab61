"""Amount, currency, merchant and gateway of a payment must match (G17): every combination of mismatches, over the real
wire of the simulated gateway, each event truly signed with the gateway's key."""

import base64
import json
from itertools import product

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from topup.kernel.money import Money
from topup.plugins.payments.sandbox import Sandbox, SandboxSettings, ensure_merchant_keys
from topup.plugins.payments.sandbox.keys import key_id

MERCHANT = "demo"
ASKED = 5000
AMOUNTS = [ASKED, ASKED - 1, ASKED + 1, ASKED * 100, 1]
CURRENCIES = ["CNY", "HKD", "cny"]
MERCHANTS = [MERCHANT, "somebody-else", ""]
SENDERS = ["sandbox", "stripe"]
RIGHT = (ASKED, "CNY", MERCHANT, "sandbox")


@pytest.fixture
def signing(here, data_dir, http_client):
    """The gateway's key, for two gateways of ours that both trust it: what they differ in is only their name."""
    key = Ed25519PrivateKey.generate()
    public = data_dir / "gateway.pub.pem"
    public.write_bytes(
        key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    ours = data_dir / "merchant.pem"
    ensure_merchant_keys(private_key_file=ours, public_key_file=data_dir / "merchant.pub.pem")
    settings = SandboxSettings(
        base_url="http://127.0.0.1:9", merchant_id=MERCHANT, private_key_file=ours, gateway_public_key_file=public
    )
    for name in SENDERS:
        here.world.gateways[name] = Sandbox(settings, http_client)
    here.desk._parts.gateways.update(here.world.gateways)
    return key


def signed(key, content: dict) -> tuple[dict[str, str], bytes]:
    body = json.dumps(content).encode()
    kid = key_id(key.public_key())
    signature = base64.b64encode(key.sign(f"event\n{kid}\n".encode() + body)).decode()
    return {"x-sandbox-kid": kid, "x-sandbox-signature": signature}, body


@pytest.mark.timeout(120)
async def test_only_the_payment_that_was_asked_for_pays(here, signing, figures):
    accepted, combinations = [], list(product(AMOUNTS, CURRENCIES, MERCHANTS, SENDERS))
    orders = {}
    for number, (amount, currency, merchant, sender) in enumerate(combinations):
        order = await here.order(f"138005{number:05}", Money(ASKED, "CNY"))
        payment = await here.pay(order, "sandbox")
        content = {
            "event_id": f"evt-{number}",
            "type": "payment.paid",
            "merchant": merchant,
            "payment_id": payment.id,
            "reference": f"G{number}",
            "amount_minor": amount,
            "currency": currency,
            "paid_at": here.world.clock().isoformat(),
        }
        headers, body = signed(signing, content)
        await here.desk.receive_event(method=sender, headers=headers, body=body)
        orders[order.id] = (amount, currency, merchant, sender)
    await here.desk.post_room.settled()
    books = here.books()
    accepted = [orders[order["id"]] for order in books.orders.values() if order["state"] == "delivered"]
    assert accepted == [RIGHT]
    assert books.wrong() == []
    # Money that really came to us goes back; the rest is nobody's word about our money.
    came = [one for one in combinations if one[1] != "cny" and one[2:] == (MERCHANT, "sandbox")]
    assert len(books.captures) == len(came)
    assert len(books.refunds) == len(came) - 1
    figures.never("G17", accepted=len(accepted) - 1, of=len(combinations) - 1)
