"""Home: the lines in one's account, one of them open, and the way to top it up."""

from typing import Final

from topup.channels.web.filling import filled_in
from topup.channels.web.forms import Form
from topup.channels.web.home.lines import one_of
from topup.channels.web.home.months import month_sheet, parse_month
from topup.channels.web.home.showing import card, line_sheet
from topup.channels.web.plans.showing import glimpse
from topup.channels.web.rendering import Page, WebRequest, page, reader_of
from topup.channels.web.whereabouts import zone_of
from topup.kernel.errors import Invalid
from topup.lines import owners
from topup.lines.owners import OwnedLine
from topup.lines.plans.desk import Plans
from topup.notifications import notices
from topup.orders.desk import Desk
from topup.people.subscribers.accounts import Account, account
from topup.people.subscribers.devices import Subscriber
from topup.platform.database import Database
from topup.platform.keys import KeyRing

_LONGEST_AMOUNT: Final = 12


class HomePages:
    """What one comes home to."""

    def __init__(self, *, desk: Desk, plans: Plans, database: Database, keyring: KeyRing) -> None:
        self._desk = desk
        self._plans = plans
        self._database = database
        self._keyring = keyring

    async def home(self, request: WebRequest, who: Subscriber, form: Form, line_id: str = "") -> Page:  # noqa: ARG002 - a page like the others
        """One's lines, the first of them open, or the one that is asked for."""
        whose, lines, messages = await self._household(who)
        wording = reader_of(request).wording
        chosen = one_of(lines, line_id) if line_id else next(iter(lines), None)
        glances = await self._desk.glances(lines=[line.ref for line in lines if line is not chosen])
        shown = await self._desk.own_line(number=chosen.e164) if chosen else None
        plan = await self._plans.show(number=chosen.e164) if chosen and shown and shown.has_plans else None
        included = plan.included if plan else ()
        return page(
            request,
            "home/home.html",
            line=line_sheet(chosen, shown, wording, here=zone_of(request), included=included)
            if chosen and shown
            else None,
            plan=glimpse(plan, wording) if plan else None,
            others=[card(line, glances.get(line.ref.id), wording) for line in lines if line is not chosen],
            elsewhere=await self._elsewhere(request, whose, lines),
            messages=messages,
        )

    async def top_up(self, request: WebRequest, who: Subscriber, form: Form, line_id: str) -> Page:  # noqa: ARG002 - as above
        """The amounts for a line, with the one that was asked for chosen, or else what was chosen for it last."""
        _, lines, _ = await self._household(who)
        line = one_of(lines, line_id)
        wanted = request.query_params.get("amount", "")
        minor = int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) <= _LONGEST_AMOUNT else None
        return await filled_in(request, self._desk, payer_id=who.id, e164=line.e164, wanted_minor=minor)

    async def month(self, request: WebRequest, who: Subscriber, form: Form, line_id: str) -> Page:  # noqa: ARG002 - as above
        """What a line used in a month, and what came and went of its money."""
        _, lines, _ = await self._household(who)
        line = one_of(lines, line_id)
        first = parse_month(request.query_params.get("month", ""))
        month = await self._desk.own_month(number=line.e164, first=first)
        wording = reader_of(request).wording
        return page(request, "home/month.html", line=card(line, None, wording), month=month_sheet(month, wording))

    async def _household(self, who: Subscriber) -> tuple[Account, list[OwnedLine], int]:
        async with self._database.read() as transaction:
            connection = transaction.connection
            whose = await account(connection, self._keyring, subscriber_id=who.id)
            lines = await owners.lines_of(connection, subscriber_id=who.id, seal=whose.seal)
            return whose, lines, await notices.unread(connection, reader=who.id)

    async def _elsewhere(self, request: WebRequest, whose: Account, lines: list[OwnedLine]) -> tuple[str, str] | None:
        """One's own number where it is no line of ours: the number, and who serves it as far as is known."""
        if not whose.holds_number or any(line.e164 == whose.number.e164 for line in lines):
            return None
        try:
            number = await self._desk.number(text=whose.number.e164)
        except Invalid:
            return None
        return whose.number.grouped(), reader_of(request).wording.name(number.carrier_names)
