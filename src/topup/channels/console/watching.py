"""The live board: how sales go, what waits, and whose money is frozen. Every number leads to what it counts."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from topup.channels.console.charts import Bars, bars
from topup.channels.console.keeping import Watch, warnings
from topup.channels.console.rendering import Look, asked, wording_of
from topup.channels.console.wording import Wording
from topup.orders.board import DIMENSIONS, Board, Dimension, Series, board
from topup.people.permissions import Permission
from topup.people.sessions import SignedIn
from topup.platform.database import Database
from topup.platform.web.forms import Form
from topup.platform.web.pages import Page, WebRequest

FRESH_S: Final = 3.0
"""A board that was read so long ago is shown to everybody who looks meanwhile."""


@dataclass(frozen=True, slots=True)
class Row:
    """One channel, method or carrier of the hour, in words."""

    id: str
    name: str
    ordered: int
    paid: int
    delivered: int
    failed: int
    success: str
    money: tuple[str, ...]
    bars: Bars


@dataclass(frozen=True, slots=True)
class Stuck:
    """Orders that wait in a state."""

    state: str
    name: str
    count: int
    median: str
    p99: str


@dataclass(frozen=True, slots=True)
class Way:
    """How a way to pay does."""

    id: str
    name: str
    begun: int
    paid: int
    declined: int
    unanswered: int
    rejected: int


@dataclass(frozen=True, slots=True)
class Left:
    """A float at a carrier."""

    carrier: str
    amount: str
    alarm: str
    when: str
    low: bool


class BoardPages:
    """The board, whole and its live part alone."""

    def __init__(self, *, look: Look, database: Database, watch: Watch) -> None:
        self._look = look
        self._database = database
        self._watch = watch
        self._seen: dict[Dimension, tuple[float, Board]] = {}
        self._reading = asyncio.Lock()

    async def live(self, request: WebRequest, who: SignedIn, form: Form) -> Page:  # noqa: ARG002 - a page like the others
        """The whole page."""
        return await self._page(request, who, "board.html")

    async def part(self, request: WebRequest, who: SignedIn, form: Form) -> Page:  # noqa: ARG002 - a page like the others
        """What changes, alone: the page asks for it again and again."""
        return await self._page(request, who, "board_part.html")

    async def _page(self, request: WebRequest, who: SignedIn, template: str) -> Page:
        wanted = asked(request, "by")
        by: Dimension = next((one for one in DIMENSIONS if one == wanted), "channel")
        found = await self._board(by)
        wording = wording_of(request, self._look.zone)
        top = max((max(one.minutes["ordered"], default=0) for one in found.series), default=0)
        return self._look.page(
            request,
            template,
            who=who,
            place="live",
            by=by,
            dimensions=DIMENSIONS,
            at=wording.moment(found.at),
            whole=_row(found.everything, by, wording, top=max(found.everything.minutes["ordered"], default=0)),
            rows=[_row(one, by, wording, top=top) for one in found.series],
            stuck=[
                Stuck(one.state, wording.value(one.state), one.count, wording.span(one.median), wording.span(one.p99))
                for one in found.waiting
            ],
            to_decide=sum(found.to_decide.values()),
            frozen=_moneys(found.frozen, wording),
            going_back=_moneys(found.going_back, wording),
            ways=[
                Way(
                    one.method,
                    wording.method(one.method),
                    one.begun,
                    one.paid,
                    one.declined,
                    one.unanswered,
                    one.rejected,
                )
                for one in found.gateways
            ],
            floats=_floats(found, wording),
            keys=warnings(self._watch.lately(found.at)),
            may={
                "keys": who.may(Permission.READ_SETTINGS),
                "work": who.may(Permission.READ_WORK),
                "orders": who.may(Permission.SEARCH_RECORDS),
            },
        )

    async def _board(self, by: Dimension) -> Board:
        async with self._reading:
            at, seen = self._seen.get(by, (0.0, None))
            if seen is None or time.monotonic() - at > FRESH_S:
                async with self._database.read() as transaction:
                    seen = await board(transaction.connection, transaction.now, by=by)
                self._seen[by] = (time.monotonic(), seen)
            return seen


def _row(one: Series, by: Dimension, wording: Wording, *, top: int) -> Row:
    return Row(
        id=one.name,
        name=_name(one.name, by, wording),
        ordered=one.total("ordered"),
        paid=one.total("paid"),
        delivered=one.total("delivered"),
        failed=one.total("failed"),
        success=wording.percent(one.success) if one.success is not None else "–",
        money=_moneys(one.paid_minor, wording),
        bars=bars(one.minutes["ordered"], one.minutes["delivered"], one.minutes["failed"], top=top),
    )


def _name(name: str, by: Dimension, wording: Wording) -> str:
    if not name:
        return wording.text("board_unpaid")
    if by == "carrier":
        return name
    return wording.channel(name) if by == "channel" else wording.method(name)


def _moneys(amounts: Mapping[str, int], wording: Wording) -> tuple[str, ...]:
    return tuple(wording.money(amount, currency) for currency, amount in sorted(amounts.items()))


def _floats(found: Board, wording: Wording) -> list[Left]:
    return [
        Left(
            carrier=one.carrier,
            amount=wording.money(one.amount_minor, one.currency)
            if one.amount_minor is not None and one.currency
            else "",
            alarm=wording.money(one.alarm_minor, one.currency) if one.alarm_minor is not None and one.currency else "",
            when=wording.age(one.at, found.at) if one.at else "",
            low=one.low,
        )
        for one in found.floats
    ]


def _money(amount_minor: int | None, currency: str | None, wording: Wording) -> str:
    return wording.money(amount_minor, currency) if amount_minor is not None and currency else ""
