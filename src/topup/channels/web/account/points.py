"""One's points: what there is with each carrier, until when, and what came and went."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Final

from topup.catalogue.queries import Snapshot
from topup.channels.web.rendering import Page, WebRequest, page, reader_of
from topup.channels.web.wording import Wording
from topup.offers.points.queries import Balance, Movement, balances, movements
from topup.orders.wording import end_of, through_or_until
from topup.people.subscribers.devices import Subscriber
from topup.platform.database import Database
from topup.platform.i18n import format_number
from topup.platform.web.forms import Form

_PAGE: Final = 50
_LONGEST_PLACE: Final = 18
"""Digits of a place in a ledger's chain."""


@dataclass(frozen=True, slots=True)
class Purse:
    """The points with one carrier, in words."""

    carrier: str
    there: str
    held: str
    owed: str
    ends: list[str]


@dataclass(frozen=True, slots=True)
class Entry:
    """Points that came or went."""

    why: str
    carrier: str
    when: str
    points: str
    order_id: str


class PointsPages:
    """One's points."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def listed(self, request: WebRequest, who: Subscriber, form: Form) -> Page:  # noqa: ARG002 - a page like the others
        """What there is, and a page of what came and went."""
        before = _place(request.query_params.get("before", ""))
        async with self._database.read() as transaction:
            connection, now = transaction.connection, transaction.now
            there = await balances(connection, who.id, now)
            moved = await movements(connection, who.id, before=before, limit=_PAGE)
            snapshot = await Snapshot.load(connection)
        told = together(moved, is_cut=len(moved) == _PAGE)
        wording, zone = reader_of(request).wording, who.zone or "Asia/Shanghai"
        return page(
            request,
            "account/points.html",
            purses=[_purse(one, snapshot, wording, zone) for one in there],
            entries=[_entry(one, snapshot, wording, zone, now) for one in told],
            earlier=told[-1].sequence if len(moved) == _PAGE else 0,
        )


def together(moved: Sequence[Movement], *, is_cut: bool) -> list[Movement]:
    """What happened at once for one reason, as one: points that end on different days are moved apart. The place of
    each is that of its last part. With `is_cut` there may be more after these, and what may go on there is left to it.
    """
    parts = [
        list(those) for _, those in groupby(moved, lambda one: (one.carrier_id, one.purpose, one.reference, one.at))
    ]
    if is_cut and len(parts) > 1:
        parts.pop()
    return [replace(those[-1], points=sum(one.points for one in those)) for those in parts]


def _place(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _LONGEST_PLACE else None


def _carrier(carrier_id: str, snapshot: Snapshot, wording: Wording) -> str:
    carrier = snapshot.carrier(carrier_id)
    return wording.name(carrier.document.names) if carrier else carrier_id


def _purse(one: Balance, snapshot: Snapshot, wording: Wording, zone: str) -> Purse:
    def said(message: str, points: int, **parameters: str) -> str:
        return wording.of("account", message, points=wording.points(points), **parameters)

    return Purse(
        carrier=_carrier(one.carrier_id, snapshot, wording),
        there=wording.points(one.available),
        held=said("points_held", one.held) if one.held else "",
        owed=said("points_owed", one.owed) if one.owed else "",
        ends=[
            said(
                f"points_{through_or_until(ending.usable_until, zone=zone)}",
                ending.points,
                date=end_of(ending.usable_until, zone=zone, locale=wording.locale),
            )
            if ending.usable_until
            else said("points_always", ending.points)
            for ending in one.endings
        ],
    )


def _entry(one: Movement, snapshot: Snapshot, wording: Wording, zone: str, now: datetime) -> Entry:
    sign = "+" if one.points > 0 else "\u2212"
    return Entry(
        why=wording.of("account", f"points_why_{one.purpose}"),
        carrier=_carrier(one.carrier_id, snapshot, wording),
        when=wording.clock(one.at, zone, today=now),
        points=f"{sign}{format_number(abs(one.points), wording.locale)}",
        order_id=one.reference if one.reference.startswith("ord_") else "",
    )
