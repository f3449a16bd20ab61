"""The simulated gateway of development and tests, spoken to as a real page-pay gateway would be.

The payer is redirected with a signed form, so starting a payment needs no call. Questions and refunds are JSON, signed
both ways; an answer whose signature does not hold is `Unknown`. Events are signed over their raw bytes and are resent
for a long time, so there is no freshness window: `event_id` tells a repetition. docs/guides/simulators.md has the wire.
"""

from pathlib import Path

from topup.platform.plugs import Plug
from topup.plugins.payments.sandbox.gateway import Sandbox
from topup.plugins.payments.sandbox.keys import ensure_merchant_keys
from topup.plugins.payments.sandbox.vectors import GATEWAY_KEY, MERCHANT, VECTORS
from topup.plugins.payments.sandbox.wire import SandboxSettings

__all__ = ["PLUG", "Sandbox", "SandboxSettings", "ensure_merchant_keys"]


def _example(directory: Path, base_url: str) -> SandboxSettings:
    ours, theirs = directory / "merchant.key.pem", directory / "vectors.pub.pem"
    ensure_merchant_keys(private_key_file=ours, public_key_file=directory / "merchant.pub.pem")
    theirs.write_text(GATEWAY_KEY)
    return SandboxSettings(
        base_url=base_url, merchant_id=MERCHANT, private_key_file=ours, gateway_public_key_file=theirs, timeout_s=2.0
    )


PLUG = Plug(
    name=Sandbox.name,
    settings=SandboxSettings,
    capabilities=Sandbox.capabilities,
    make=Sandbox,
    vectors=VECTORS,
    simulator=True,
    example=_example,
)
