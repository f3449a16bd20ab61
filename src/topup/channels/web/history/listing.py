"""The list of what was topped up, newest first, by month."""

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final
from zoneinfo import ZoneInfo

from topup.channels.web.history.asking import (
    HISTORY,
    LONGEST_TEXT,
    ZONE,
    address_of,
    asked_by,
    asked_of,
    month_name,
    months_until,
)
from topup.channels.web.keeping import Keeping
from topup.channels.web.rendering import Page, WebRequest, go_to, page, reader_of
from topup.channels.web.wording import Wording
from topup.kernel.msisdn import parse_msisdn
from topup.lines.owners import OwnedLine
from topup.orders.chronicle import Chapter, Chronicle, Found
from topup.orders.past import STANDINGS
from topup.orders.wording import given_back_words
from topup.people.subscribers.devices import Subscriber
from topup.platform.web.forms import Form

PAGE: Final = 20
_TONES: Final = {"arrived": "", "under_way": "wait", "returned": "quiet", "not_paid": "quiet"}


@dataclass(frozen=True, slots=True)
class Row:
    """An order as the list shows it. `note` says who paid, where that was somebody else; else what was given back of
    it though it arrived.
    """

    path: str
    title: str
    number: str
    what: str
    at: str
    state: str
    tone: str
    paid: str
    method: str
    note: str
    receipt_path: str
    receipt: str


@dataclass(frozen=True, slots=True)
class Month:
    """The rows of a month."""

    name: str
    rows: tuple[Row, ...]


class HistoryPages:
    """What was topped up."""

    def __init__(self, chronicle: Chronicle, keeping: Keeping) -> None:
        self._chronicle = chronicle
        self._keeping = keeping

    async def listed(self, request: WebRequest, who: Subscriber, form: Form) -> Page:  # noqa: ARG002 - a page like the others
        """A page of it."""
        asked = asked_of(request, who, self._keeping)
        zone, wording = who.zone or ZONE, reader_of(request).wording
        found = await self._chronicle.page(who=who.id, question=asked.question(zone), before=asked.before, limit=PAGE)
        more = address_of(asked, who, self._keeping, before=found.more) if found.more else None
        months = months_until(found.now, zone, locale=wording.locale)
        return page(
            request,
            "history/history.html",
            here=HISTORY,
            months=by_month(found, wording, who.zone),
            asked=asked,
            lines=[(line.ref.id, _name(line)) for line in found.lines],
            choices=months if asked.month in {"", *dict(months)} else [(asked.month, asked.month), *months],
            standings=list(STANDINGS),
            methods=[(method, wording.method(method)) for method in found.methods],
            more=more,
            first=asked.before is None,
            longest=LONGEST_TEXT,
            csv=address_of(asked, who, self._keeping, path=f"{HISTORY}/topup.csv"),
            pdf=address_of(asked, who, self._keeping, path=f"{HISTORY}/topup.pdf"),
        )

    async def ask(self, request: WebRequest, who: Subscriber, form: Form) -> Page:  # noqa: ARG002 - as above
        """Narrow it: the answer has an address of its own."""
        return go_to(address_of(asked_by(form), who, self._keeping))


def by_month(found: Found, wording: Wording, zone: str | None) -> list[Month]:
    """The entries as rows, by the months they were ordered in."""
    names = {line.e164: line.name for line in found.lines}
    where = ZoneInfo(zone or ZONE)

    def month_of(chapter: Chapter) -> tuple[int, int]:
        local = chapter.order.created_at.astimezone(where)
        return local.year, local.month

    return [
        Month(
            month_name(datetime(year, month, 1, tzinfo=where), wording.locale),
            tuple(row_of(chapter, names, wording, zone, found.now) for chapter in chapters),
        )
        for (year, month), chapters in groupby(found.chapters, month_of)
    ]


def row_of(chapter: Chapter, names: dict[str, str], wording: Wording, zone: str | None, now: datetime) -> Row:
    """An entry as its row. Of others' orders neither price nor way to pay is said."""
    order = chapter.order
    grouped, name = order.shown_number if chapter.own else order.msisdn.grouped(), names.get(order.msisdn.e164, "")
    own, receipt = chapter.own, order.receipt_number if chapter.own else None
    return Row(
        path=f"/orders/{order.id}" if own else f"/s/{chapter.shared}",
        title=name or grouped,
        number=grouped if name else "",
        what=wording.text("list_separator").join(wording.amount(grant.asset, grant.amount) for grant in order.grants),
        at=wording.clock_in(order.created_at, zone or order.zone, today=now),
        state=wording.order_text(f"state.{order.status}"),
        tone=_TONES[standing_of(order.status)],
        paid=wording.money(order.paid) if own else "",
        method=method_of(chapter, wording),
        note=" · ".join(given_back_words(order, locale=wording.locale)) if own else note_of(chapter, wording),
        receipt_path=f"/orders/{order.id}/receipt" if receipt else "",
        receipt=receipt or "",
    )


def standing_of(status: str) -> str:
    """How people ask for that state."""
    return next(name for name, states in STANDINGS.items() if status in states)


def method_of(chapter: Chapter, wording: Wording) -> str:
    """How it was paid, for who paid it; empty where nobody has."""
    paid = [payment for payment in chapter.order.payments if payment.status not in {"declined", "closed"}]
    return wording.method(paid[-1].method) if chapter.own and paid else ""


def note_of(chapter: Chapter, wording: Wording) -> str:
    """Who paid, where that was somebody else."""
    if chapter.own:
        return ""
    return (
        wording.of("history", "paid_by", payer=chapter.payer)
        if chapter.payer
        else wording.of("history", "paid_by_guest")
    )


def _name(line: OwnedLine) -> str:
    grouped = parse_msisdn(line.e164).grouped()
    return f"{line.name} · {grouped}" if line.name else grouped
