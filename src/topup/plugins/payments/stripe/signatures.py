"""The signature of events: HMAC-SHA256 over `t.body`, in the header `Stripe-Signature: t=…,v1=…[,v1=…]`.

https://docs.stripe.com/webhooks/signature. The time is checked on both sides: a genuine event is signed afresh each
time it is sent, so neither an old nor a future one is Stripe's.
"""

import hmac
import re
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Final

from topup.payments.ports import EventRejected

TOLERANCE_S: Final = 300
_LONGEST_HEADER: Final = 4096
_MOMENT: Final = re.compile(r"[1-9][0-9]{0,11}", re.ASCII)


class Signatures:
    """Verifies with every secret that is valid now."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = tuple(secret.encode() for secret in secrets)

    def verify(self, *, header: str, body: bytes, now: datetime) -> None:
        """Raises EventRejected unless one of the signatures holds and the time is within five minutes of `now`."""
        if len(header) > _LONGEST_HEADER or not header.isascii():
            raise EventRejected("no signature that can be read")
        pairs = [part.split("=", 1) for part in header.split(",")]
        moments = [pair[1] for pair in pairs if pair[0] == "t" and len(pair) > 1]
        given = [pair[1].encode() for pair in pairs if pair[0] == "v1" and len(pair) > 1]
        if len(moments) != 1 or _MOMENT.fullmatch(moments[0]) is None or not given:
            raise EventRejected("no signature that can be read")
        signed = f"{moments[0]}.".encode() + body
        wanted = [hmac.new(secret, signed, sha256).hexdigest().encode() for secret in self._secrets]
        # Every pair is compared, whichever holds: how long it takes tells nothing.
        if not any([hmac.compare_digest(ours, theirs) for ours in wanted for theirs in given]):  # noqa: C419 - all
            raise EventRejected("the signature does not hold")
        if abs(now.timestamp() - int(moments[0])) > TOLERANCE_S:
            raise EventRejected("signed too long ago, or in the future")
