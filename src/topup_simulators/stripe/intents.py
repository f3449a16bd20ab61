"""Payment intents: by a kept card whose owner is not there; listed, read and cancelled like those of sessions."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Final

from topup_simulators.payments.book import Book
from topup_simulators.payments.cashier import Cashier, Closed
from topup_simulators.payments.magic import Magic, magic_of
from topup_simulators.payments.payer import Payer
from topup_simulators.payments.terms import Terms
from topup_simulators.store import Store
from topup_simulators.stripe.cards import CARDS, Card, error_of
from topup_simulators.stripe.forms import Fields, Refusal
from topup_simulators.stripe.money import check_amount
from topup_simulators.stripe.render import Object, Render, listed
from topup_simulators.stripe.sessions import notify_address
from topup_simulators.stripe.shelf import Shelf, now_s

_PAYMENT_REQUIRED: Final = 402
_OPEN_FOR: Final = timedelta(days=365)


class Declined(Exception):
    """The card was refused; the intent is there all the same, and so is what it is answered with."""

    def __init__(self, refusal: Refusal, counted: str) -> None:
        super().__init__(counted)
        self.refusal = refusal
        self.counted = counted


class Intents:
    """Answers `/v1/payment_intents`."""

    def __init__(
        self, *, store: Store, book: Book, cashier: Cashier, payer: Payer, shelf: Shelf, render: Render
    ) -> None:
        self._store = store
        self._book = book
        self._cashier = cashier
        self._payer = payer
        self._shelf = shelf
        self._render = render

    def create(self, fields: Fields, expand: set[str]) -> tuple[Object, str]:
        """Charge a kept card. Raises Declined."""
        identifier = f"pi_{secrets.token_hex(12)}"
        number, card = self._register(identifier, fields)
        counted = f"charge {number}"
        now = datetime.now(UTC)
        payment = self._book.payment(number)
        magic = magic_of(payment["amount_minor"]) if payment is not None else None
        decline = card.off_session or ("generic_decline" if magic is Magic.DECLINED else "")
        if decline:
            self._book.note(number, {"decline": decline})
            self._payer.choose(number, "decline", now)
            thing = self.read(identifier, set())
            error = error_of(decline)
            raise Declined(
                Refusal(
                    error["message"],
                    status=_PAYMENT_REQUIRED,
                    kind="card_error",
                    code=error["code"],
                    more={"decline_code": error["decline_code"], "payment_intent": thing},
                ),
                counted,
            )
        self._payer.choose(number, "pay", now)
        return self.read(identifier, expand), counted

    def read(self, identifier: str, expand: set[str]) -> Object:
        """One as it is now."""
        payment, terms = self._shelf.found("intent", identifier)
        return self._render.intent(payment, terms, expand=expand, now=datetime.now(UTC))

    def page(self, fields: Fields, expand: set[str]) -> Object:
        """Several, newest first; those of sessions once the payer has tried to pay."""
        found, more = self._shelf.page("intent", fields)
        fields.done()
        inner = {path.removeprefix("data.") for path in expand}
        now = datetime.now(UTC)
        things = [
            self._render.intent(payment, terms, expand=inner, now=now)
            for payment, terms in found
            if not terms.facts["session"] or payment["status"] in ("paid", "declined") or payment["in_progress"]
        ]
        return listed(things, more=more, url="/v1/payment_intents")

    def cancel(self, identifier: str, fields: Fields) -> tuple[Object, str]:
        """End one that did not succeed. Raises Refusal."""
        fields.text("cancellation_reason", among=("abandoned", "duplicate", "fraudulent", "requested_by_customer"))
        fields.done()
        payment, _ = self._shelf.found("intent", identifier)
        counted = f"cancel {payment['payment_id']}"
        if payment["status"] == "declined":
            self._book.end(payment["payment_id"], "closed")
        elif self._cashier.close(payment["payment_id"], datetime.now(UTC)) is not Closed.DONE:
            raise Refusal(
                "You cannot cancel this PaymentIntent because of its status.", code="payment_intent_unexpected_state"
            )
        return self.read(identifier, set()), counted

    def _register(self, identifier: str, fields: Fields) -> tuple[str, Card]:
        amount, currency = fields.whole("amount", required=True) or 0, fields.text("currency", required=True)
        check_amount(amount, currency, "amount")
        if not fields.flag("confirm") or not fields.flag("off_session"):
            raise Refusal("This simulator charges kept cards only: confirm and off_session.", param="confirm")
        customer, method = fields.text("customer"), fields.text("payment_method", required=True)
        metadata, description = fields.metadata(), fields.text("description", most=1000)
        if set(fields.texts("payment_method_types")) - {"card"}:
            raise Refusal("Only cards are taken here.", param="payment_method_types")
        fields.done()
        kept = self._store.one("SELECT customer, card FROM kept_cards WHERE method = ?", (method,))
        if kept is None:
            raise Refusal(f"No such PaymentMethod: '{method[:60]}'", code="resource_missing", param="payment_method")
        if kept["customer"] != customer:
            raise Refusal("The payment method belongs to another customer, which must be given.", param="customer")
        wanted = metadata.get("payment_id", "")
        number = wanted if wanted and self._book.payment(wanted) is None else identifier
        made = now_s()
        facts = {
            "session": "",
            "intent": identifier,
            "charge": f"ch_{secrets.token_hex(12)}",
            "reference": "",
            "customer": customer,
            "method": method,
            "keep": "",
            "created": str(made),
            "cancel_url": "",
            "card": kept["card"],
            "decline": "",
            **{f"intent.{name}": word for name, word in metadata.items()},
        }
        self._book.register(
            Terms(
                payment_id=number,
                amount_minor=amount,
                currency=currency.upper(),
                description=description,
                return_url="",
                notify_url=notify_address(self._store),
                expires_at=datetime.now(UTC) + _OPEN_FOR,
                facts=facts,
            )
        )
        self._shelf.put(kind="intent", identifier=identifier, payment_id=number, created=made)
        return number, CARDS[kept["card"]]
