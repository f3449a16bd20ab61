"""What the routes of lines' plans take and give."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from topup.channels.api.shapes import E164, Identifier, Money, Names, Time, Zone


class PlanNamed(Struct, frozen=True):
    """A plan of the line's carrier."""

    id: str
    names: Names
    cycle: Literal["monthly", "quarterly", "yearly", "days", "once"]
    days: Annotated[int | None, Meta(description="Of a cycle of `days` or `once`.")]
    price: Annotated[Money, Meta(description="Of a whole cycle.")]
    keeps_number: bool


class PlanIncluded(Struct, frozen=True):
    """Something a cycle includes: bytes of DATA, seconds of VOICE, messages of SMS."""

    asset: str
    amount: int
    left: Annotated[int, Meta(description="Of it, what can be used yet.")]


class PlanCycle(Struct, frozen=True):
    """A cycle as it would be."""

    plan: str
    began_at: Time
    ends_at: Time
    price: Money
    is_whole: Annotated[bool, Meta(description="Else its share by days.")]


class LinePlan(Struct, frozen=True):
    """The plan of a line."""

    number: E164
    line_id: str
    plan: Annotated[PlanNamed | None, Meta(description="null: the line has none.")]
    standing: Annotated[
        Literal["active", "grace", "waiting_for_credit", "lapsed", "ended"] | None,
        Meta(description="null: it never had one."),
    ]
    since: Time | None
    began_at: Annotated[Time | None, Meta(description="Of the cycle that was paid last.")]
    ends_at: Time | None
    paid: Money | None
    included: list[PlanIncluded]
    follows: Annotated[PlanCycle | None, Meta(description="What comes after the cycle at hand; null: nothing does.")]
    ending: bool
    missing: Annotated[Money | None, Meta(description="What the line must have for the plan to go on.")]
    lapses_at: Annotated[Time | None, Meta(description="When it is over unless that is there.")]
    zone: Zone


class PlanChoice(Struct, frozen=True):
    """A plan that the line could have, and what that costs."""

    plan: PlanNamed
    is_held: bool
    at_once: Annotated[PlanCycle, Meta(description="If it began now.")]
    gives_back: Annotated[Money, Meta(description="Of the plan it would replace.")]
    to_pay: Annotated[Money | None, Meta(description="For it now; null: it gives back more than it costs.")]
    next_cycle: Annotated[PlanCycle | None, Meta(description="After the cycle at hand; null: none is.")]


class PlanChoices(Struct, frozen=True):
    """The plans that the line could have, the cheapest first."""

    plans: list[PlanChoice]


class NewPlan(Struct, frozen=True, forbid_unknown_fields=True):
    """That a line have a plan."""

    plan: Annotated[Identifier, Meta(description="Its id.")]
    when: Annotated[
        Literal["now", "next_cycle", "when_paid"],
        Meta(description="Now, after the cycle at hand, or as soon as the line has money for it."),
    ]
    at_most: Annotated[
        Money | None, Meta(description="What its owner was told that it costs; where it is more, nothing happens.")
    ] = None


class PlanUsed(Struct, frozen=True):
    """How much of something included would have been used in all the months."""

    asset: str
    amount: int
    used: int


class PlanCost(Struct, frozen=True):
    """What a plan would have cost a month."""

    plan: Annotated[PlanNamed | None, Meta(description="null: no plan at all.")]
    monthly: Money
    fixed: Annotated[Money, Meta(description="Of it, the plan's price.")]
    beyond: Annotated[Money, Meta(description="Of it, what went beyond what is included.")]
    included: list[PlanUsed]
    reasons: list[Literal["fits", "goes_beyond", "half_unused", "nothing_included", "cannot_be_rated"]]


class PlanCosts(Struct, frozen=True):
    """What no plan and each plan on sale would have cost, the cheapest first; empty where nothing was used."""

    since: Annotated[str, Meta(description="The first day of the months that are looked at.")]
    until: Annotated[str, Meta(description="The day after their last.")]
    costs: list[PlanCost]
