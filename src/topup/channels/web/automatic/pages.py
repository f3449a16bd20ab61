"""One's automatic top-ups: the list of them, what stops them, and the cards they are paid with."""

from collections.abc import Mapping
from typing import Any, Final

from topup.care.desk import Care
from topup.channels.web.account.entering import said
from topup.channels.web.automatic.showing import Shown, shown, terms_shown
from topup.channels.web.helping.tips import automatic_tips
from topup.channels.web.keeping import Keeping, own_place
from topup.channels.web.rendering import Page, WebRequest, go_to, page, reader_of, scene_of
from topup.channels.web.saved.picking import Picking
from topup.channels.web.wording import Wording
from topup.kernel.errors import Conflict, Invalid, NotFound
from topup.kernel.ids import InvalidId
from topup.kernel.money import InvalidMoney, Money
from topup.orders.desk import Desk
from topup.orders.schedules.records import MOST
from topup.payments.instruments.ports import Terms
from topup.people.subscribers.devices import Subscriber
from topup.platform.database import Database
from topup.platform.web.forms import Form
from topup.platform.web.typed import money_typed

AUTOMATIC: Final = "/account/automatic"
AGAIN: Final = "automatic-again"
"""The list, with a form on it that held a mistake."""
_LONGEST_DAYS: Final = 3


class AutomaticPages:
    """What somebody agreed to."""

    def __init__(self, *, desk: Desk, care: Care, database: Database, picking: Picking, keeping: Keeping) -> None:
        self._desk = desk
        self._care = care
        self._database = database
        self._picking = picking
        self._keeping = keeping

    async def listed(self, request: WebRequest, who: Subscriber, form: Form) -> Page:  # noqa: ARG002 - a page like the others
        """All of them, the cards, and the way to one more."""
        return await self._list(request, who, {"fields": {}})

    async def again(self, request: WebRequest, who: Subscriber, form: Form, token: str) -> Page:  # noqa: ARG002 - as above
        """The same, with what was typed into a form of it and what is wrong with that."""
        return await self._list(request, who, self._keeping.open(token, place=own_place(AGAIN, who)))

    async def _list(self, request: WebRequest, who: Subscriber, kept: Mapping[str, Any]) -> Page:
        views = await self._desk.schedules.of(subscriber_id=who.id)
        cards = await self._desk.instruments.of(subscriber_id=who.id)
        picks = await self._picking.picks(who)
        async with self._database.read() as transaction:
            now = transaction.now
        wording = reader_of(request).wording
        used = {view.schedule.instrument_id for view in views}
        return page(
            request,
            "automatic/list.html",
            here=AUTOMATIC,
            schedules=[shown(view, wording, now) for view in views],
            cards=[(card.id, card.label, card.id in used, terms_shown(card.terms, wording)) for card in cards],
            pays_in={card.id: card.terms.most.currency for card in cards if card.terms},
            wallets=await self._wallets(wording),
            unsigned=await self._unsigned(request, who),
            agreement_id=self._desk.agreements.new_id(subscriber_id=who.id),
            numbers=[(pick.name, pick.number) for pick in picks],
            full=len(views) >= MOST,
            note=note if (note := request.query_params.get("note", "")) in _NOTES else "",
            waited=await automatic_tips(self._care, request),
            fields=kept["fields"],
            mistake=(mistake := said(request, kept)),
            field=_field(kept) if mistake else "",
        )

    async def agree(self, request: WebRequest, who: Subscriber, form: Form) -> Page:  # noqa: ARG002 - as above
        """Ask for an agreement with a wallet; its owner goes to the wallet from the list, where it is shown."""
        agreements, method = self._desk.agreements, form.one("method")
        currency = next((one.currency for one in await agreements.wallets() if one.method == method), "")
        try:
            terms = Terms(_most(form, currency), _days(form))
            await agreements.agree(subscriber_id=who.id, method=method, terms=terms, agreement_id=form.one("id"))
        except InvalidId:
            raise NotFound("instrument_unknown") from None
        except (Invalid, Conflict) as problem:
            fields = {name: form.one(name) for name in ("method", "most", "days", "id")}
            sealed = self._keeping.seal(fields, place=own_place(AGAIN, who), problem=problem)
            return go_to(f"{AUTOMATIC}/again/{sealed}")
        return go_to(f"{AUTOMATIC}?note=agree")

    async def call_off(self, request: WebRequest, who: Subscriber, form: Form, instrument_id: str) -> Page:  # noqa: ARG002 - as above
        """An agreement that is not signed is not wanted any more."""
        try:
            await self._desk.agreements.call_off(subscriber_id=who.id, agreement_id=instrument_id)
        except InvalidId:
            raise NotFound("instrument_unknown") from None
        return go_to(f"{AUTOMATIC}?note=called_off")

    async def _wallets(self, wording: Wording) -> list[tuple[str, str, str, tuple[int, ...], str]]:
        """The wallets that agree: method, name, the sign of its currency, once in how many days, and at most how much
        each time.
        """
        return [
            (one.method, wording.method(one.method), wording.symbol(one.currency), one.days, wording.money(one.most))
            for one in await self._desk.agreements.wallets()
        ]

    async def _unsigned(self, request: WebRequest, who: Subscriber) -> list[tuple[str, str, str, str]]:
        """What is still to be signed: id, the wallet's name, what is agreed to, and where."""
        wording = reader_of(request).wording
        found = await self._desk.agreements.unsigned(
            subscriber_id=who.id, return_path=f"{AUTOMATIC}?note=signed", scene=scene_of(request)
        )
        return [(one.id, wording.method(one.method), terms_shown(one.terms, wording), one.url) for one in found]

    async def stop(self, request: WebRequest, who: Subscriber, form: Form) -> Page:  # noqa: ARG002 - as above
        """Stop all of them at once."""
        await self._desk.schedules.stop_all(subscriber_id=who.id)
        return go_to(f"{AUTOMATIC}?note=stopped")

    async def pause(self, request: WebRequest, who: Subscriber, form: Form, schedule_id: str) -> Page:  # noqa: ARG002 - as above
        """Pause one."""
        await self._desk.schedules.pause(subscriber_id=who.id, schedule_id=schedule_id)
        return go_to(AUTOMATIC)

    async def resume(self, request: WebRequest, who: Subscriber, form: Form, schedule_id: str) -> Page:  # noqa: ARG002 - as above
        """Take one up again."""
        await self._desk.schedules.resume(subscriber_id=who.id, schedule_id=schedule_id)
        return go_to(AUTOMATIC)

    async def use(self, request: WebRequest, who: Subscriber, form: Form, schedule_id: str) -> Page:  # noqa: ARG002 - as above
        """Pay by another card."""
        try:
            await self._desk.schedules.use(
                subscriber_id=who.id, schedule_id=schedule_id, instrument_id=form.one("card")
            )
        except InvalidId:
            raise NotFound("instrument_unknown") from None
        return go_to(AUTOMATIC)

    async def remove(self, request: WebRequest, who: Subscriber, form: Form, schedule_id: str) -> Page:  # noqa: ARG002 - as above
        """End one."""
        await self._desk.schedules.remove(subscriber_id=who.id, schedule_id=schedule_id)
        return go_to(f"{AUTOMATIC}?note=removed")

    async def ask_about_card(self, request: WebRequest, who: Subscriber, form: Form, instrument_id: str) -> Page:  # noqa: ARG002 - as above
        """Names what a card is used by, and asks whether that is to stop."""
        kept = await self._desk.instruments.of(subscriber_id=who.id)
        card = next((one for one in kept if one.id == instrument_id), None)
        if card is None:
            raise NotFound("instrument_unknown")
        wording = reader_of(request).wording
        uses = [(one.number, one.what) for one in await self._uses(who, instrument_id, wording)]
        return page(request, "automatic/remove_card.html", here=AUTOMATIC, id=card.id, label=card.label, uses=uses)

    async def remove_card(self, request: WebRequest, who: Subscriber, form: Form, instrument_id: str) -> Page:
        """Use a card no more; one that something pays with is asked about first."""
        if not form.one("sure") and await self._uses(who, instrument_id, reader_of(request).wording):
            return go_to(f"{AUTOMATIC}/cards/{instrument_id}/remove")
        try:
            await self._desk.instruments.remove(subscriber_id=who.id, instrument_id=instrument_id)
        except InvalidId:
            raise NotFound("instrument_unknown") from None
        return go_to(f"{AUTOMATIC}?note=card")

    async def _uses(self, who: Subscriber, instrument_id: str, wording: Wording) -> list[Shown]:
        """What pays with it and is on."""
        views = await self._desk.schedules.of(subscriber_id=who.id)
        async with self._database.read() as transaction:
            now = transaction.now
        found = [view for view in views if view.schedule.instrument_id == instrument_id]
        return [one for one in (shown(view, wording, now) for view in found) if one.active]


_NOTES: Final = frozenset({"made", "cap", "stopped", "removed", "card", "agree", "signed", "called_off"})
"""What a page may say has just been done: nothing else that an address says is shown."""


def _field(kept: Mapping[str, Any]) -> str:
    """Where the mistake is: the id of the box, on a page that may have a form for each wallet and each schedule."""
    if schedule := kept["fields"].get("schedule"):
        return f"cap-{schedule}"
    method = kept["fields"].get("method")
    return f"{'days' if kept['code'] == 'agreement_days' else 'most'}-{method}" if method else "number"


def _most(form: Form, currency: str) -> Money:
    try:
        return money_typed(form.one("most"), currency) if currency else Money(0, "CNY")
    except InvalidMoney:
        raise Invalid("agreement_most") from None


def _days(form: Form) -> int:
    typed = form.one("days")
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) <= _LONGEST_DAYS else 0
