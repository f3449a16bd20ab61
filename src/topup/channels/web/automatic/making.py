"""Agreeing to a top-up that runs by itself: for which number, when, how much, and by which card."""

from collections.abc import Mapping
from typing import Any, Final

from topup.care.desk import Care
from topup.channels.web.account.entering import said
from topup.channels.web.automatic.pages import AGAIN, AUTOMATIC
from topup.channels.web.helping.tips import automatic_tips
from topup.channels.web.keeping import Keeping, own_place
from topup.channels.web.rendering import Page, WebRequest, go_to, page, reader_of
from topup.channels.web.wording import Said, Wording
from topup.kernel.errors import Conflict, Invalid, NotFound
from topup.kernel.ids import InvalidId
from topup.kernel.money import InvalidMoney, Money
from topup.orders.desk import Desk
from topup.orders.schedules.desk import ScheduleWanted
from topup.orders.schedules.rules import MOST_DAYS_BEFORE, MOST_DAYS_EARLY, Agreement, Trigger
from topup.people.subscribers.devices import Subscriber
from topup.platform.web.forms import Form
from topup.platform.web.typed import money_typed

_PLACE: Final = "automatic"
_USUAL: Final = {
    "trigger": Trigger.MONTHLY.value,
    "day": "1",
    "early": "0",
    "below": "",
    "before": "3",
    "buys": "amount",
    "amount": "5000",
    "target": "",
    "cap": "",
    "interval": "1",
    "card": "",
}
_LONGEST_WHOLE: Final = 4
_ASKED: Final = (Trigger.MONTHLY, Trigger.LOW, Trigger.EXPIRY)
"""A number is kept by itself from the page that tells how long it lives."""
NO_NUMBER: Final = -1
_OF_AMOUNT: Final = frozenset({"schedule_wallet_most", "schedule_beyond_carrier"})
"""Of what is bought, whichever box that stands in."""
_FIELD: Final = {
    "schedule_day": "day",
    "schedule_early": "early",
    "schedule_threshold": "below",
    "schedule_before": "before",
    "schedule_amount": "amount",
    "schedule_target": "target",
    "schedule_beyond_carrier": "amount",
    "schedule_cap": "cap",
    "schedule_interval": "interval",
    "schedule_not_yours": "trigger-monthly",
    "schedule_wallet_currency": "card",
    "schedule_wallet_most": "amount",
    "schedule_wallet_often": "interval",
    "schedule_wallet_used": "card",
}


class MakingPages:
    """The form, and what comes of it."""

    def __init__(self, *, desk: Desk, care: Care, keeping: Keeping) -> None:
        self._desk = desk
        self._care = care
        self._keeping = keeping

    async def new(self, request: WebRequest, who: Subscriber, form: Form) -> Page:  # noqa: ARG002 - a page like the others
        """To the form for a number that was picked or typed: no address has it readable."""
        return go_to(
            f"{AUTOMATIC}/new/{self._keeping.seal({'number': form.one('number')}, place=own_place(_PLACE, who))}"
        )

    async def asked(self, request: WebRequest, who: Subscriber, form: Form, token: str) -> Page:  # noqa: ARG002 - as above
        """The form, with everything that was typed kept, and what of it is wrong."""
        kept = self._keeping.open(token, place=own_place(_PLACE, who))
        return await self._show(request, who, kept["fields"]["number"], kept)

    async def make(self, request: WebRequest, who: Subscriber, form: Form) -> Page:
        """Agree to it."""
        number = form.one("number")
        try:
            currency = (await self._desk.number(text=number)).currency
            wanted = ScheduleWanted(
                who.id, number, read(form, currency), form.one("card"), reader_of(request).wording.locale
            )
            await self._desk.schedules.make(wanted, schedule_id=form.one("id"))
        except InvalidId:
            raise NotFound("instrument_unknown") from None
        except (Invalid, Conflict) as problem:
            fields = {name: form.one(name) for name in ("number", "id", *_USUAL)}
            token = self._keeping.seal(fields, place=own_place(_PLACE, who), problem=problem)
            return go_to(f"{AUTOMATIC}/new/{token}")
        return go_to(f"{AUTOMATIC}?note=made")

    async def _show(self, request: WebRequest, who: Subscriber, number: str, kept: dict[str, Any]) -> Page:
        try:
            products = await self._desk.products(text=number)
        except Invalid as problem:
            # What is no number of ours is told where it was typed.
            sealed = self._keeping.seal({"number": number}, place=own_place(AGAIN, who), problem=problem)
            return go_to(f"{AUTOMATIC}/again/{sealed}")
        offered = await self._desk.schedules.offered(number=number)
        cards = await self._desk.instruments.of(subscriber_id=who.id)
        own = await self._desk.has_line(subscriber_id=who.id, number=number)
        wording, currency = reader_of(request).wording, products.number.currency
        amounts = [(str(minor), wording.money(Money(minor, currency))) for minor in offered.amounts]
        mistake = said(request, kept)
        return page(
            request,
            "automatic/new.html",
            here=AUTOMATIC,
            number=products.number.msisdn.grouped(),
            e164=products.number.msisdn.e164,
            carrier=wording.name(products.number.carrier_names),
            symbol=wording.symbol(currency),
            amounts=amounts,
            cards=[
                (card.id, card.label) for card in cards if card.terms is None or card.terms.most.currency == currency
            ],
            others=bool(cards),
            own=own,
            waited=await automatic_tips(self._care, request),
            triggers=[one.value for one in _ASKED] if own else [Trigger.MONTHLY.value],
            most_early=MOST_DAYS_EARLY,
            most_before=MOST_DAYS_BEFORE,
            id=kept["fields"].get("id") or await self._desk.schedules.new_id(number=number),
            fields=_USUAL | kept["fields"],
            mistake=mistake,
            field=_field(kept) if mistake else "",
            wrong=_wrong(request, kept),
        )


def read(form: Form, currency: str) -> Agreement:
    """What was typed; what is no number is NO_NUMBER, which `check` refuses beside all else that cannot be."""
    try:
        trigger = Trigger(form.one("trigger"))
    except ValueError:
        trigger = Trigger.MONTHLY
    up_to = form.one("buys") == "target"
    return Agreement(
        trigger,
        day=_whole(form, "day") if trigger is Trigger.MONTHLY else 1,
        days_early=_whole(form, "early") if trigger is Trigger.MONTHLY else 0,
        threshold_minor=_money(form, "below", currency) if trigger is Trigger.LOW else 0,
        days_before=_whole(form, "before") if trigger is Trigger.EXPIRY else 0,
        amount_minor=None if up_to else _whole(form, "amount", longest=12),
        target_minor=_money(form, "target", currency) if up_to else None,
        cap_minor=_money(form, "cap", currency),
        interval_days=_whole(form, "interval"),
    )


def _whole(form: Form, name: str, *, longest: int = _LONGEST_WHOLE) -> int:
    text = form.one(name).strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= longest else NO_NUMBER


def _money(form: Form, name: str, currency: str) -> int:
    try:
        return money_typed(form.one(name), currency).amount_minor
    except InvalidMoney:
        return NO_NUMBER


def _codes(kept: Mapping[str, Any]) -> list[str]:
    """All that is wrong with what was typed, as far as it was found in one look."""
    others = kept.get("parameters", {}).get("others", [])
    return [kept["code"], *others] if "code" in kept else []


def _field(kept: Mapping[str, Any], code: str = "") -> str:
    """The id of the box in which a mistake is, the first one without `code`."""
    code = code or kept["code"]
    if code in _OF_AMOUNT and kept["fields"].get("buys") == "target":
        return "target"
    return _FIELD.get(code, "cap")


def _wrong(request: WebRequest, kept: Mapping[str, Any]) -> dict[str, Said]:
    """What is wrong with each box, in words."""
    wording: Wording = reader_of(request).wording
    parameters = kept.get("parameters", {})
    return {_field(kept, code): wording.problem(Invalid(code, **parameters)) for code in reversed(_codes(kept))}
