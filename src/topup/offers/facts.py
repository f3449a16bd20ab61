"""What the choice of offers goes by: values that somebody else found out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from topup.catalogue.campaigns import Source
from topup.kernel.money import Money

Given = Literal["grants", "gifts", "sent_gifts", "points"]
"""What a campaign may give besides money off; gifts that are handed over, and gifts that are sent."""

MOST_CODES: Final = 5
"""A payer may enter so many codes for one top-up."""


@dataclass(frozen=True, slots=True)
class Uses:
    """What is taken of a campaign's limits, held or used: in all, today, by the payer, and minor units taken off.

    Of the payer's pseudonyms the one that used it most counts; `person_held`: how much of that orders hold that are not
    paid yet. `stopped`: somebody stopped it.
    """

    total: int = 0
    today: int = 0
    person: int = 0
    off_minor: int = 0
    stopped: bool = False
    person_held: int = 0


@dataclass(frozen=True, slots=True)
class Code:
    """A code the payer entered, as `normalised`, and how often it was used, or is `held` by orders not paid yet.

    `made`: one of its campaign's own codes that exists; of a code that is a word for all it says nothing.
    """

    text: str
    uses: int = 0
    made: bool = False
    held: int = 0
    """How much of `uses` that is."""
    is_blocked: bool = False
    is_over: bool = False


@dataclass(frozen=True, slots=True)
class Asking:
    """A price asked for: what (`product` None: plain credit) at which price, where, when and by whom.

    `top_ups_before` None: not known, so neither a first nor a returning customer. `uses` by campaign id; what is not
    there has none. `gifts`: pieces that are there and promised to nobody, by where they come from, or None where nobody
    looked. `spend`: points the payer wants to pay with, of the `points` there are. `without`: what a campaign may give
    that cannot be given there.
    """

    price: Money
    product: str | None
    channel: str
    now: datetime
    top_ups_before: int | None = None
    codes: tuple[Code, ...] = ()
    points: int = 0
    spend: int = 0
    uses: Mapping[str, Uses] = field(default_factory=dict)
    gifts: Mapping[Source, int] | None = None
    without: frozenset[Given] = frozenset()


def without_gifts(channel: str) -> frozenset[Given]:
    """What cannot be given where a top-up begins: gifts are handed over at a counter. Sent they are from everywhere."""
    return frozenset() if channel == "counter" else frozenset({"gifts"})


def normalised(text: str) -> str:
    """A code as people type it, as it is compared: capital letters, without spaces."""
    return "".join(text.split()).upper()
