"""Cards by Stripe: hosted Checkout pages with 3-D Secure, and kept cards for automatic top-ups.

Requests are forms over TLS with a secret key, answers are JSON; events are signed with HMAC-SHA256. Written by us over
`platform.http`, so that what left the machine is known: Stripe's own library would retry by itself.
docs/guides/payments/stripe.md says how to go live.
"""

from pathlib import Path

from topup.platform.plugs import Plug
from topup.plugins.payments.stripe.doctor import check
from topup.plugins.payments.stripe.gateway import Stripe
from topup.plugins.payments.stripe.settings import StripeSettings
from topup.plugins.payments.stripe.vectors import SECRET, VECTORS

__all__ = ["PLUG", "Stripe", "StripeSettings"]


def _example(directory: Path, base_url: str) -> StripeSettings:
    key, secrets = directory / "stripe.key", directory / "stripe.whsec"
    key.write_text("sk_test_0123456789abcdefghijklmn\n")
    secrets.write_text(f"{SECRET}\n")
    return StripeSettings(
        livemode=False, base_url=base_url, secret_key_file=key, webhook_secrets_file=secrets, timeout_s=2.0
    )


PLUG = Plug(
    name=Stripe.name,
    settings=StripeSettings,
    capabilities=Stripe.capabilities,
    make=Stripe,
    vectors=VECTORS,
    example=_example,
    check=check,
)
