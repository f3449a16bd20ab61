"""Checkout Sessions: made, listed, read, expired."""

import secrets
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from topup_simulators.payments.book import Book
from topup_simulators.payments.cashier import Cashier, Closed, Trouble
from topup_simulators.payments.terms import Terms
from topup_simulators.store import Store
from topup_simulators.stripe.cards import DEFAULT
from topup_simulators.stripe.forms import Fields, Refusal
from topup_simulators.stripe.money import check_amount
from topup_simulators.stripe.render import Object, Render, listed
from topup_simulators.stripe.shelf import Shelf, now_s

_LOCALES: Final = (
    "auto",
    "da",
    "de",
    "en",
    "en-GB",
    "es",
    "fr",
    "it",
    "ja",
    "ko",
    "ms",
    "th",
    "vi",
    "zh",
    "zh-HK",
    "zh-TW",
)
_SHORTEST_S: Final = 30 * 60
_LONGEST_S: Final = 24 * 3600


class Sessions:
    """Answers `/v1/checkout/sessions`."""

    def __init__(self, *, store: Store, book: Book, cashier: Cashier, shelf: Shelf, render: Render) -> None:
        self._store = store
        self._book = book
        self._cashier = cashier
        self._shelf = shelf
        self._render = render

    def create(self, fields: Fields) -> tuple[Object, str, Trouble | None]:
        """Make one; gives it, what is counted, and what is to happen to the answer."""
        wanted = _read(fields)
        fields.done()
        identifier = f"cs_test_{secrets.token_hex(24)}"
        made = now_s()
        self._check_end(wanted["expires_at"], made)
        notify_url = self._remember_home(wanted["success_url"])
        customer = f"cus_{secrets.token_hex(7)}" if wanted["keep"] else ""
        method, reference = f"pm_{secrets.token_hex(12)}", wanted["reference"]
        number = reference if reference and self._book.payment(reference) is None else identifier
        words = {f"metadata.{name}": word for name, word in wanted["metadata"].items()}
        words |= {f"intent.{name}": word for name, word in wanted["intent_metadata"].items()}
        facts = {
            "session": identifier,
            "intent": f"pi_{secrets.token_hex(12)}",
            "charge": f"ch_{secrets.token_hex(12)}",
            "reference": reference,
            "customer": customer,
            "method": method,
            "keep": "1" if wanted["keep"] else "",
            "created": str(made),
            "cancel_url": wanted["cancel_url"],
            "card": DEFAULT,
            "decline": "",
            **words,
        }
        self._book.register(
            Terms(
                payment_id=number,
                amount_minor=wanted["amount"],
                currency=wanted["currency"].upper(),
                description=wanted["description"],
                return_url=wanted["success_url"],
                notify_url=notify_url,
                expires_at=datetime.fromtimestamp(wanted["expires_at"] or made + _LONGEST_S, UTC),
                locale=wanted["locale"],
                facts=facts,
            )
        )
        self._shelf.put(kind="session", identifier=identifier, payment_id=number, created=made)
        self._shelf.put(kind="intent", identifier=facts["intent"], payment_id=number, created=made)
        if customer:
            self._store.write("INSERT INTO kept_cards VALUES (?, ?, ?)", (method, customer, DEFAULT))
        return self.read(identifier, set()), f"start {number}", self._cashier.begun(number)

    def read(self, identifier: str, expand: set[str]) -> Object:
        """One as it is now."""
        payment, terms = self._shelf.found("session", identifier)
        return self._render.session(payment, terms, expand=expand, now=datetime.now(UTC))

    def page(self, fields: Fields, expand: set[str]) -> Object:
        """Several, newest first."""
        found, more = self._shelf.page("session", fields)
        fields.done()
        inner = {path.removeprefix("data.") for path in expand}
        now = datetime.now(UTC)
        things = [self._render.session(payment, terms, expand=inner, now=now) for payment, terms in found]
        return listed(things, more=more, url="/v1/checkout/sessions")

    def expire(self, identifier: str, fields: Fields) -> tuple[Object, str]:
        """End an open one. Raises Refusal for one that is over, or being paid."""
        fields.done()
        payment, _ = self._shelf.found("session", identifier)
        now = datetime.now(UTC)
        standing = self._book.standing(payment, now)
        if standing != "waiting" or self._cashier.close(payment["payment_id"], now) is not Closed.DONE:
            status = {"waiting": "open", "closed": "expired"}.get(standing, "complete")
            raise Refusal(
                'Only Checkout Sessions with a status in ["open"] can be expired. '
                f"This Checkout Session has a status of `{status}`."
            )
        return self.read(identifier, set()), f"expire {payment['payment_id']}"

    def _check_end(self, expires_at: int | None, made: int) -> None:
        if expires_at is not None and not made + _SHORTEST_S <= expires_at <= made + _LONGEST_S:
            raise Refusal(
                "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation.",
                param="expires_at",
            )

    def _remember_home(self, success_url: str) -> str:
        """Where events go: to the endpoint that was made last; else where a shop of ours, there, would listen."""
        parts = urlsplit(success_url)
        self._store.write(
            "INSERT INTO home (only, origin) VALUES (1, ?) ON CONFLICT DO UPDATE SET origin = excluded.origin",
            (f"{parts.scheme}://{parts.netloc}",),
        )
        return notify_address(self._store)


def notify_address(store: Store) -> str:
    """Where events of what is made now go."""
    made = store.one("SELECT url FROM endpoints ORDER BY created DESC LIMIT 1")
    if made is not None:
        return str(made["url"])
    home = store.one("SELECT origin FROM home")
    return "" if home is None else f"{home['origin']}/webhooks/stripe"


def _read(fields: Fields) -> dict[str, Any]:
    """What is wanted, checked as Stripe would."""
    fields.text("mode", required=True, among=("payment",))
    wanted: dict[str, Any] = {
        "reference": fields.text("client_reference_id", most=200),
        "metadata": fields.metadata(),
        "success_url": fields.address("success_url", required=True),
        "cancel_url": fields.address("cancel_url"),
        "locale": fields.text("locale", among=_LOCALES).replace("auto", ""),
        "expires_at": fields.whole("expires_at"),
        **_line(fields.inners("line_items")),
    }
    fields.text("customer_email", most=512)
    fields.text("submit_type", among=("auto", "book", "donate", "pay"))
    always = fields.text("customer_creation", among=("always", "if_required")) == "always"
    if set(fields.texts("payment_method_types")) - {"card"}:
        raise Refusal("Only cards are taken here.", param="payment_method_types")
    pricing = fields.inner("adaptive_pricing")
    pricing.flag("enabled")
    pricing.done()
    intent = fields.inner("payment_intent_data")
    wanted["description"] = intent.text("description", most=1000) or wanted["name"]
    wanted["intent_metadata"] = intent.metadata()
    kept = intent.text("setup_future_usage", among=("off_session", "on_session"))
    wanted["keep"] = kept == "off_session" and always
    intent.done()
    return wanted


def _line(lines: list[Fields]) -> dict[str, Any]:
    """Currency, amount and name of what is sold: one line here, which is what our merchant sells at a time."""
    if len(lines) != 1:
        raise Refusal("This simulator sells one line item at a time.", code="parameter_missing", param="line_items")
    line = lines[0]
    quantity = line.whole("quantity", required=True) or 0
    price = line.inner("price_data")
    product = price.inner("product_data")
    name = product.text("name", most=5000, required=True)
    currency = price.text("currency", required=True)
    unit = price.whole("unit_amount", required=True) or 0
    if quantity < 1 or unit < 0:
        raise Refusal("Invalid positive integer", code="parameter_invalid_integer", param="line_items[0]")
    check_amount(unit * quantity, currency, "line_items[0][price_data][unit_amount]")
    for part in (product, price, line):
        part.done()
    return {"name": name, "currency": currency, "amount": unit * quantity}
