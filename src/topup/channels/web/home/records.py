"""Each call, message and stretch of data of a month: looked through, narrowed, and taken along as a file.

Whom somebody called is shown to who has shown lately who they are. What was typed stands sealed in the address.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, cast, get_args
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from litestar import Response

from topup.catalogue.rates import ASSET_OF, Service
from topup.channels.web.forms import Form
from topup.channels.web.home.lines import one_of
from topup.channels.web.home.months import month_choices, month_value, named_month, parse_month, used_words
from topup.channels.web.home.showing import card
from topup.channels.web.keeping import Keeping, own_place
from topup.channels.web.rendering import HEADERS, Page, WebRequest, go_to, page, reader_of
from topup.channels.web.wording import Wording
from topup.charging.usage.itemised import MOST, Mark, Wanted, all_items, items
from topup.charging.usage.rows import UsageRow
from topup.charging.usage.wording import reason_words
from topup.kernel.money import Money
from topup.kernel.msisdn import InvalidNumber, parse_msisdn
from topup.lines import owners
from topup.lines.owners import OwnedLine
from topup.orders.own_months import month_after
from topup.people.subscribers.accounts import account
from topup.people.subscribers.devices import Subscriber
from topup.platform.database import Connection, Database
from topup.platform.i18n import countries_named, country_name
from topup.platform.keys import KeyRing
from topup.platform.spreadsheets import as_csv
from topup.platform.web import limit

_PLACE: Final = "usage"
LONGEST_TEXT: Final = 40
_SERVICES: Final[tuple[Service, ...]] = get_args(Service)
_UNITS: Final = {"DATA": "B", "VOICE": "s"}
_COLUMNS: Final = (
    "column_at",
    "column_service",
    "column_called",
    "column_country",
    "column_quantity",
    "column_unit",
    "column_cost",
    "column_currency",
    "column_why",
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address says."""

    month: str
    service: str
    text: str
    before: Mark | None

    def first(self, this: date) -> date:
        """The first day of the month; of none that is named, `this`."""
        return parse_month(self.month) or this

    def address(self, path: str, who: Subscriber, keeping: Keeping, *, before: Mark | None = None) -> str:
        """The address that asks the same, from a place on."""
        said = {"month": self.month, "service": self.service}
        if self.text:
            said["q"] = keeping.seal({"text": self.text}, place=own_place(_PLACE, who))
        if before is not None:
            said["before"] = keeping.seal({"id": before.id}, place=own_place(_PLACE, who), at=before.at.isoformat())
        return f"{path}?{urlencode({name: value for name, value in said.items() if value})}"


@dataclass(frozen=True, slots=True)
class Row:
    """A usage as the list shows it."""

    what: str
    how_much: str
    at: str
    where: str
    cost: str
    why: str


class RecordPages:
    """What a line used, one by one."""

    def __init__(self, *, database: Database, keyring: KeyRing, keeping: Keeping) -> None:
        self._database = database
        self._keyring = keyring
        self._keeping = keeping

    async def listed(self, request: WebRequest, who: Subscriber, form: Form, line_id: str) -> Page:  # noqa: ARG002 - a page like the others
        """A page of a month."""
        wording = reader_of(request).wording
        async with self._database.read() as transaction:
            connection = transaction.connection
            line = one_of(await self._lines(connection, who), line_id)
            this = transaction.now.astimezone(ZoneInfo(line.zone)).date().replace(day=1)
            asked = self._asked(request, who)
            wanted = wanted_of(asked, asked.first(this), line.zone, wording.locale)
            found = await items(connection, line=line.ref, wanted=wanted, before=asked.before)
        first = asked.first(this)
        path = f"/home/lines/{line_id}/usage/records"
        return page(
            request,
            "home/records.html",
            line=card(line, None, wording),
            asked=asked,
            month=named_month(first, wording),
            value=month_value(first),
            months=month_choices(this, first, wording),
            services=_SERVICES,
            rows=[row_of(row, line.zone, wording) for row in found.rows],
            more=asked.address(path, who, self._keeping, before=found.more) if found.more else None,
            csv=asked.address(f"{path}/usage.csv", who, self._keeping),
            most=MOST,
            longest=LONGEST_TEXT,
            zone=line.zone,
        )

    async def ask(self, request: WebRequest, who: Subscriber, form: Form, line_id: str) -> Page:  # noqa: ARG002 - as above
        """Narrow it: the answer has an address of its own. Raises NotFound `line_unknown`."""
        async with self._database.read() as transaction:
            one_of(await self._lines(transaction.connection, who), line_id)
        text = form.one("text").strip()[:LONGEST_TEXT]
        asked = Asked(_month(form.one("month")), _service(form.one("service")), text, None)
        return go_to(asked.address(f"/home/lines/{line_id}/usage/records", who, self._keeping))

    async def csv(self, request: WebRequest, who: Subscriber, form: Form, line_id: str) -> Page:  # noqa: ARG002 - as above
        """What the list shows with the same address, whole, oldest first. Raises Conflict `history_too_long`."""
        limit(request, "order")
        wording = reader_of(request).wording
        async with self._database.read() as transaction:
            connection = transaction.connection
            line = one_of(await self._lines(connection, who), line_id)
            this = transaction.now.astimezone(ZoneInfo(line.zone)).date().replace(day=1)
            asked = self._asked(request, who)
            first = asked.first(this)
            wanted = wanted_of(asked, first, line.zone, wording.locale)
            rows = await all_items(connection, line=line.ref, wanted=wanted)
        header = [wording.of("home", column) for column in _COLUMNS]
        content = as_csv(header, [cells_of(row, line.zone, wording) for row in rows])
        disposition = f'attachment; filename="usage-{month_value(first)}.csv"'
        headers = HEADERS | {"Content-Disposition": disposition}
        return Response(content, media_type="text/csv; charset=utf-8", headers=headers)

    async def _lines(self, connection: Connection, who: Subscriber) -> list[OwnedLine]:
        whose = await account(connection, self._keyring, subscriber_id=who.id)
        return await owners.lines_of(connection, subscriber_id=who.id, seal=whose.seal)

    def _asked(self, request: WebRequest, who: Subscriber) -> Asked:
        """What the address asks; what it does not understand is not asked. Raises NotFound `route_unknown` for what was
        sealed for somebody else.
        """
        given, place = request.query_params, own_place(_PLACE, who)
        sealed, mark = given.get("q", ""), given.get("before", "")
        kept = self._keeping.open(mark, place=place) if mark else None
        return Asked(
            _month(given.get("month", "")),
            _service(given.get("service", "")),
            self._keeping.open(sealed, place=place)["fields"]["text"] if sealed else "",
            Mark(datetime.fromisoformat(kept["at"]), kept["fields"]["id"]) if kept and "at" in kept else None,
        )


def wanted_of(asked: Asked, first: date, zone: str, locale: str) -> Wanted:
    """What is looked for: digits are of a number, words name a country as the reader's language does."""
    where = ZoneInfo(zone)
    since, until = (datetime(day.year, day.month, day.day, tzinfo=where) for day in (first, month_after(first)))
    digits = "".join(character for character in asked.text if character.isdecimal() and character.isascii())
    return Wanted(
        since=since,
        until=until,
        service=cast("Service", asked.service) if asked.service else None,
        digits=digits or None,
        countries=countries_named(asked.text, locale) if asked.text else None,
    )


def row_of(row: UsageRow, zone: str, wording: Wording) -> Row:
    """A usage in the reader's words."""
    called = _number(row.called) if row.called else ""
    abroad = country_name(row.country, wording.locale) if is_abroad(row) else ""
    return Row(
        what=" ".join(filter(None, (wording.of("home", f"service_{row.service}"), called))),
        how_much=used_words(row.service, row.quantity, wording),
        at=wording.moment(row.at, zone),
        where=abroad,
        cost=wording.money(Money(row.cost_minor, row.currency)),
        why=" · ".join(_why(row, wording.locale)),
    )


def cells_of(row: UsageRow, zone: str, wording: Wording) -> list[str]:
    """A usage as the cells of a row: times by the clock of the line, quantities and amounts as plain numbers."""
    return [
        row.at.astimezone(ZoneInfo(zone)).isoformat(sep=" ", timespec="seconds"),
        wording.of("home", f"service_{row.service}"),
        _number(row.called) if row.called else "",
        country_name(row.country, wording.locale),
        str(row.quantity),
        _UNITS.get(ASSET_OF.get(row.service, ""), ""),
        str(Money(row.cost_minor, row.currency).to_major()),
        row.currency,
        wording.text("list_separator").join(_why(row, wording.locale)),
    ]


def is_abroad(row: UsageRow) -> bool:
    """Whether it was used outside the country of the line's number."""
    try:
        return parse_msisdn(row.msisdn).country != row.country
    except InvalidNumber:
        return True


def _why(row: UsageRow, locale: str) -> Sequence[str]:
    """The reasons, each once."""
    reasons = dict.fromkeys([*(part.reason for part in row.parts), *(part.reason for part in row.free)])
    return [reason_words(reason, locale=locale) for reason in reasons]


def _number(called: str) -> str:
    try:
        return parse_msisdn(called).grouped()
    except InvalidNumber:
        return called


def _month(text: str) -> str:
    return text if parse_month(text) else ""


def _service(text: str) -> str:
    return text if text in _SERVICES else ""
