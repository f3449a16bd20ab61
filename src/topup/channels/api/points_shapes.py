"""What the routes of points give."""

from typing import Annotated

from msgspec import Meta, Struct

from topup.channels.api.shapes import E164, Identifier, Time


class PointsEnding(Struct, frozen=True):
    """So many points that may be used until then."""

    points: Annotated[int, Meta(ge=0, examples=[200])]
    usable_until: Annotated[Time | None, Meta(description="null: without end.")]


class PointsAccount(Struct, frozen=True):
    """The points of one subscriber. Who that is is not told."""

    available: Annotated[int, Meta(ge=0, examples=[150], description="What may be used now; what is owed goes off it.")]
    held: Annotated[int, Meta(ge=0, examples=[0], description="Promised to orders that wait to be paid.")]
    owed: Annotated[int, Meta(ge=0, examples=[0], description="Spent, and taken back since: the next ones settle it.")]
    endings: Annotated[list[PointsEnding], Meta(description="All that is there, held ones too, the soonest end first.")]


class LinePoints(Struct, frozen=True):
    """The points with a line's carrier of each subscriber who has the line in their account and ever had some."""

    number: E164
    carrier_id: Identifier
    accounts: list[PointsAccount]
