"""The history to take along: as CSV for spreadsheets, and as a PDF statement of what was paid."""

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from litestar import Response

from topup.channels.web.history.asking import ZONE, asked_of, month_name, span_of
from topup.channels.web.history.listing import method_of, note_of
from topup.channels.web.keeping import Keeping
from topup.channels.web.rendering import HEADERS, Page, WebRequest, reader_of
from topup.channels.web.wording import Wording
from topup.orders.chronicle import Chapter, Chronicle
from topup.orders.statement_pdf import MOST, render_statement
from topup.people.subscribers.devices import Subscriber
from topup.platform.spreadsheets import as_csv
from topup.platform.web import limit
from topup.platform.web.forms import Form

_COLUMNS: Final = (
    "column_at",
    "column_number",
    "column_name",
    "column_what",
    "column_state",
    "column_paid",
    "column_currency",
    "column_method",
    "column_payer",
    "column_receipt",
    "column_order",
)


class HistoryDocuments:
    """Files of a history."""

    def __init__(self, chronicle: Chronicle, keeping: Keeping) -> None:
        self._chronicle = chronicle
        self._keeping = keeping

    async def csv(self, request: WebRequest, who: Subscriber, form: Form) -> Page:  # noqa: ARG002 - a page like the others
        """What the list shows with the same address, whole, oldest first. Raises Conflict `history_too_long`."""
        limit(request, "order")
        asked, zone = asked_of(request, who, self._keeping), who.zone or ZONE
        found = await self._chronicle.everything(who=who.id, question=asked.question(zone))
        wording = reader_of(request).wording
        names = {line.e164: line.name for line in found.lines}
        header = [wording.of("history", column) for column in _COLUMNS]
        rows = [cells_of(chapter, names, wording, who.zone) for chapter in found.chapters]
        return _file(as_csv(header, rows), "text/csv; charset=utf-8", f"topup-{asked.month or 'history'}.csv")

    async def pdf(self, request: WebRequest, who: Subscriber, form: Form) -> Page:  # noqa: ARG002 - as above
        """What was paid and what went back, as a statement. Raises Conflict `history_too_long`."""
        limit(request, "order")
        asked, zone = asked_of(request, who, self._keeping), who.zone or ZONE
        found = await self._chronicle.everything(who=who.id, question=asked.question(zone), only_own=True, most=MOST)
        wording = reader_of(request).wording
        period = month_name(span_of(asked.month, zone)[0], wording.locale) if asked.month else ""
        document = await render_statement(
            [chapter.order for chapter in found.chapters],
            locale=wording.locale,
            zone=zone,
            period=period,
            narrowed=bool(asked.text or asked.line or asked.standing or asked.method),
            now=found.now,
        )
        return _file(document, "application/pdf", f"topup-{asked.month or 'history'}.pdf")


def cells_of(chapter: Chapter, names: dict[str, str], wording: Wording, zone: str | None) -> list[str]:
    """An entry as the cells of a row: times by the clock of the zone, amounts as plain decimals."""
    order, own = chapter.order, chapter.own
    return [
        _clock(order.created_at, zone or order.zone),
        order.shown_number if own else order.msisdn.grouped(),
        names.get(order.msisdn.e164, ""),
        wording.text("list_separator").join(wording.amount(grant.asset, grant.amount) for grant in order.grants),
        wording.order_text(f"state.{order.status}"),
        str(order.paid.to_major()) if own else "",
        order.paid.currency if own else "",
        method_of(chapter, wording),
        note_of(chapter, wording),
        (order.receipt_number or "") if own else "",
        str(order.id) if own else "",
    ]


def _clock(at: datetime, zone: str) -> str:
    return at.astimezone(ZoneInfo(zone)).isoformat(sep=" ", timespec="seconds")


def _file(content: bytes, media_type: str, name: str) -> Page:
    disposition = f'attachment; filename="{name}"'
    return Response(content, media_type=media_type, headers=HEADERS | {"Content-Disposition": disposition})
