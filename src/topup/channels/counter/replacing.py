"""Another SIM card for the line in front of the clerk: its document, why, a blank card; then what is said and printed.

What was typed stays after a mistake, but for codes. Where the line is another network's, or no card is at hand, it is
taken down as a ticket that a colleague carries out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from topup.care.desk import Written
from topup.care.replacing import PURPOSE, Replacement, Replacing
from topup.care.states import Topic
from topup.channels.counter.booth import Booth, status_of
from topup.channels.counter.rendering import unsealed
from topup.channels.counter.wording import PriceRow, Wording
from topup.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Problem, Throttled, Unauthenticated
from topup.kernel.ids import is_id, lane_of
from topup.kernel.msisdn import parse_msisdn
from topup.lines.barring import ref_of
from topup.lines.cards.queries import CardUse, card_of_line, one_use, uses_of_line
from topup.lines.cards.states import REPLACING, Given
from topup.lines.queries import LineRef, number_of
from topup.lines.registered import is_owners
from topup.lines.wording import card_words, given_words
from topup.orders.views import NumberView
from topup.people import id_checks
from topup.people.id_checks import Shown
from topup.people.permissions import Permission
from topup.people.sessions import SignedIn
from topup.platform.installation import installation
from topup.platform.request_keys import check_key
from topup.platform.web.forms import Form
from topup.platform.web.pages import Page, WebRequest, go_to

_WRONG = (Invalid, Conflict, NotFound, Forbidden, Unauthenticated, Throttled)
_TYPED: Final = ("form", "document", "document_number", "why", "iccid", "text", "login")
"""What a page gives back after a mistake; never a code."""


@dataclass(frozen=True, slots=True)
class HandedOver:
    """A card that was handed over, in rows, and when."""

    rows: list[PriceRow]
    at: datetime


@dataclass(frozen=True, slots=True)
class _Place:
    """The number in front of the clerk, and its line where it is one of ours."""

    number: NumberView
    line: LineRef | None


@dataclass(frozen=True, slots=True)
class _Wish:
    """What the clerk was shown and told."""

    place: _Place
    seen: Shown
    reason: Given


class ReplacingPages:
    """From the lost card to the new one."""

    def __init__(self, booth: Booth) -> None:
        self._booth = booth

    async def show(
        self, request: WebRequest, who: SignedIn, form: Form, token: str, *, problem: Problem | None = None
    ) -> Page:
        """The form, and whether a second person must agree."""
        place = await self._place(token)
        words = self._booth.words(request)
        risk = await (await self._replacing()).risk(place.line) if place.line else None
        typed = {name: form.one(name) for name in _TYPED}
        return self._booth.look.page(
            request,
            "sim.html",
            who=who,
            place="sell",
            back=f"/counter/lines/{token}/sim",
            status=status_of(problem) if problem else 200,
            token=token,
            number=place.number.msisdn.grouped(),
            carrier=words.name(place.number.carrier_names),
            ours=place.line is not None,
            card=await self._card(place.line, words.locale),
            risk=words.text(f"sim_risk.{risk}") if risk else "",
            documents=[(name, words.text(f"document.{name}")) for name in id_checks.DOCUMENTS],
            whys=[(why.value, given_words(why, locale=words.locale)) for why in REPLACING],
            typed=typed,
            key=typed["form"],
            mistake=words.problem(problem) if problem else None,
        )

    async def hand_over(self, request: WebRequest, who: SignedIn, form: Form, token: str) -> Page:
        """The card, or a ticket for it."""
        try:
            place = await self._place(token)
            seen = id_checks.shown(document=form.one("document"), number=form.one("document_number"))
            wish = _Wish(place, seen, _reason(form))
            if place.line is None or not form.one("iccid"):
                return await self._take_down(request, who, form, wish)
            use = await self._replace(request, who, form, wish, place.line)
        except _WRONG as problem:
            return await self.show(request, who, form, token, problem=problem)
        return go_to(f"/counter/sims/{use.id}")

    async def done(self, request: WebRequest, who: SignedIn, form: Form, use_id: str) -> Page:  # noqa: ARG002 - a page like the others
        """What to say and what to hand over."""
        words = self._booth.words(request)
        handed = await handed_over(self._booth, who, use_id, words)
        return self._booth.look.page(
            request,
            "sim_done.html",
            who=who,
            place="sell",
            back=f"/counter/sims/{use_id}",
            facts=handed.rows,
            use=use_id,
            prints=bool(self._booth.printing.tills),
        )

    async def _replace(self, request: WebRequest, who: SignedIn, form: Form, wish: _Wish, line: LineRef) -> CardUse:
        session = await self._booth.own_till(who)
        replacing = await self._replacing()
        allowed_by = None
        if await replacing.risk(line) is not None and form.one("login"):
            allowed_by = await self._booth.another(request, form, by=who.id, may=Permission.APPROVE_CARDS)
        return await replacing.replace(
            Replacement(
                line=line,
                iccid=form.one("iccid"),
                reason=wish.reason,
                seen=wish.seen,
                shop=session.shop,
                by=who.id,
                key=f"form:{check_key(form.one('form'))}",
                allowed_by=allowed_by,
            )
        )

    async def _take_down(self, request: WebRequest, who: SignedIn, form: Form, wish: _Wish) -> Page:
        words, place, seen, reason = self._booth.words(request), wish.place, wish.seen, wish.reason
        said = ": ".join(part for part in (given_words(reason, locale=words.locale), form.one("text")) if part)
        evidence: Mapping[str, str] = {
            "line": place.line.id if place.line else "",
            "number": place.number.msisdn.masked(),
            "carrier": place.number.carrier_id,
            "why": reason.value,
            "document": seen.document,
            "last_four": id_checks.last_four(seen),
            "taken_by": who.id,
        }
        key = check_key(form.one("form"))
        if place.line is not None and not await self._may_be_owners(place.line, seen, who):
            raise Conflict("document_not_owners")
        written = Written(key=key, topic=Topic.SIM_REPLACEMENT, text=said, locale=words.locale)
        known = {k: v for k, v in evidence.items() if v}
        ticket = await self._booth.care.write(written, evidence=known, taken_by=who.id)
        async with self._booth.database.transaction() as transaction:
            await id_checks.write(
                transaction.connection,
                seen,
                subject=place.line.id if place.line else ticket.id,
                purpose=PURPOSE,
                by=who.id,
                now=transaction.now,
                keys=self._booth.keyring,
            )
        return self._booth.look.page(
            request, "taken.html", who=who, place="sell", back="/counter", reference=ticket.reference,
            number=place.number.msisdn.grouped(), carrier=words.name(place.number.carrier_names),
        )  # fmt: skip

    async def _may_be_owners(self, line: LineRef, seen: Shown, who: SignedIn) -> bool:
        """False only where it is known to be somebody else's. Raises Throttled documents_too_many."""
        right = await is_owners(self._booth.database, line=line, seen=seen, by=who.id, keys=self._booth.keyring)
        return right is not False

    async def _place(self, token: str) -> _Place:
        number = unsealed(self._booth.keyring, token)
        view = await self._booth.desk.number(text=number)
        try:
            line = await self._booth.desk.line(number=number)
        except NotFound:
            return _Place(view, None)
        return _Place(view, ref_of(line.line_id))

    async def _card(self, line: LineRef | None, locale: str) -> str:
        if line is None:
            return ""
        async with self._booth.database.read() as transaction:
            card = await card_of_line(transaction.connection, line)
        return card_words(card, locale=locale) if card else ""

    async def _replacing(self) -> Replacing:
        async with self._booth.database.read() as transaction:
            installed = await installation(transaction.connection)
        if installed is None:
            raise NotFound("route_unknown")
        return Replacing(database=self._booth.database, keys=self._booth.keyring, lanes=installed.lanes)


def _reason(form: Form) -> Given:
    """Raises Invalid request_malformed."""
    why = form.one("why")
    if why not in set(REPLACING):
        raise Invalid("request_malformed")
    return Given(why)


async def handed_over(booth: Booth, who: SignedIn, use_id: str, words: Wording) -> HandedOver:
    """A card that was handed over, for who did it or leads them. Raises NotFound card_use_unknown."""
    if not is_id("card_use", use_id):
        raise NotFound("card_use_unknown")
    async with booth.database.read() as transaction:
        connection = transaction.connection
        line, use = await one_use(connection, lane_of(use_id), use_id)
        uses = await uses_of_line(connection, line)
        number = await number_of(connection, line)
        directory = await booth.directories.current(connection)
    if use.given_by != who.id and not who.may(Permission.CHECK_TILLS):
        raise NotFound("card_use_unknown")
    before = next((one for one in uses if one.since < use.since), None)
    shop = directory.place(use.place)
    masked = parse_msisdn(number).masked() if number else ""
    rows = [
        ("sim_number", masked),
        ("sim_new", use.card.iccid.masked()),
        ("sim_old", before.card.iccid.masked() if before else ""),
        ("sim_why", given_words(use.reason, locale=words.locale)),
        ("sim_at", words.moment(use.since)),
        ("sim_shop", words.name(shop.names) if shop else use.place),
    ]
    return HandedOver([PriceRow(words.text(name), value) for name, value in rows if value], use.since)
