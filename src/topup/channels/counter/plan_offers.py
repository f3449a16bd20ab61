"""A plan as it is offered to whoever stands at a till: sealed, so that it can stand in an address and on the display,
and taken once.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final, cast

import msgspec

from topup.kernel.money import Money
from topup.lines.plans.desk import When
from topup.platform.keys import CannotOpen, KeyRing

LASTS_S: Final = 1800
"""How long what was said holds: whoever comes later is told anew."""
_BOUND_TO: Final = "counter:plan"
_LONGEST: Final = 1_000


class PlanOffer(msgspec.Struct, frozen=True, omit_defaults=True):
    """That the line of a number have a plan, when, and what that was said to cost on the whole, in minor units.

    `key` is this offer's own; `until` is when it holds no more, in seconds since 1970.
    """

    key: str
    e164: str
    plan: str
    when: str
    told_minor: int
    currency: str
    until: int

    @property
    def told(self) -> Money:
        """What it was said to cost on the whole."""
        return Money(self.told_minor, self.currency)

    @property
    def begins(self) -> When:
        """When it is to begin."""
        return cast("When", self.when)

    def sealed(self, keyring: KeyRing) -> str:
        """The offer as it may stand anywhere: nobody reads or changes it there."""
        return urlsafe_b64encode(keyring.seal(msgspec.json.encode(self), _BOUND_TO)).decode().rstrip("=")


def offer_of(keyring: KeyRing, text: str) -> PlanOffer | None:
    """The offer of a sealed text; None for what is none of ours."""
    if len(text) > _LONGEST or not text.isascii():
        return None
    try:
        raw = urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))
        return msgspec.json.decode(keyring.unseal(raw, _BOUND_TO), type=PlanOffer)
    except (ValueError, CannotOpen, msgspec.DecodeError):
        return None
