"""The pay page: for a phone, without JavaScript, and plainly a simulator's."""

import sqlite3
from datetime import UTC, datetime
from decimal import Decimal
from importlib.resources import files
from typing import Final
from urllib.parse import parse_qs

from jinja2 import Environment, StrictUndefined

from topup_simulators.gateway.book import Book, OtherContent
from topup_simulators.gateway.magic import magic_of
from topup_simulators.gateway.payer import OUTCOMES, AlreadyFinal, BadOutcome, Payer
from topup_simulators.gateway.seal import Form, Merchant, Rejected, read_form
from topup_simulators.gateway.texts import language_of, texts
from topup_simulators.store import Store
from topup_simulators.web import Answer, Request

# ISO 4217: the currencies of the demonstration whose minor unit is not a hundredth.
_DECIMALS: Final = {"JPY": 0, "KRW": 0, "VND": 0, "KWD": 3, "BHD": 3, "OMR": 3, "TND": 3}
_SIGNS: Final = {"CNY": "¥", "USD": "$", "EUR": "€", "GBP": "£", "SGD": "S$", "HKD": "HK$"}
_POLICY: Final = (
    ("content-security-policy", "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'"),
    ("referrer-policy", "no-referrer"),
    ("cache-control", "no-store"),
)


class Pages:
    """Answers the payer's browser."""

    def __init__(self, *, store: Store, book: Book, payer: Payer, merchant: Merchant) -> None:
        self._store = store
        self._book = book
        self._payer = payer
        self._merchant = merchant
        home = files(__package__)
        self._style = (home / "pay.css").read_bytes()
        environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
        self._page = environment.from_string((home / "pay.html").read_text("utf-8"))

    def handle(self, request: Request) -> Answer:
        """The pay page, what was chosen on it, or its style."""
        if (request.method, request.path) == ("GET", "/pay.css"):
            return Answer(200, self._style, "text/css; charset=utf-8", (("cache-control", "max-age=300"),))
        if (request.method, request.path) == ("GET", "/pay"):
            return self._open(request.query)
        if (request.method, request.path) == ("POST", "/pay"):
            sent = parse_qs(request.body.decode("utf-8", "replace"), max_num_fields=8)
            return self._choose(sent.get("form", [""])[0], sent.get("outcome", [""])[0])
        return Answer(404, b"not found", "text/plain")

    def _open(self, text: str) -> Answer:
        now = datetime.now(UTC)
        try:
            form = read_form(text, merchant=self._merchant, now=now)
            with self._store.transaction():
                self._store.count("form", form.payment_id, effected=True)
                self._book.register(form)
                payment = self._book.payment(form.payment_id)
        except Rejected as rejected:
            return self._refused(rejected.code, text)
        except OtherContent:
            return self._refused("OTHER_CONTENT", text)
        if payment is None or payment["in_progress"] or self._book.standing(payment, now) != "waiting":
            return self._over(form, payment, now)
        return self._show(form, state="open", form=text, outcomes=OUTCOMES)

    def _choose(self, text: str, outcome: str) -> Answer:
        now = datetime.now(UTC)
        try:
            form = read_form(text, merchant=self._merchant, now=now)
            with self._store.transaction():
                self._book.register(form)
                self._payer.choose(form.payment_id, outcome, now)
        except Rejected as rejected:
            return self._refused(rejected.code, text)
        except OtherContent:
            return self._refused("OTHER_CONTENT", text)
        except BadOutcome:
            return self._refused("BAD_OUTCOME", text)
        except AlreadyFinal:
            return self._over(form, self._book.payment(form.payment_id), now)
        return Answer(303, b"", "text/plain", (("location", form.return_url), *_POLICY))

    def _over(self, form: Form, payment: sqlite3.Row | None, now: datetime) -> Answer:
        standing = "closed" if payment is None else self._book.standing(payment, now)
        return self._show(form, state="over", standing=standing)

    def _show(self, about: Form, **values: object) -> Answer:
        language = language_of(about.locale)
        return self._render(
            200,
            language,
            {
                "amount": _spell_amount(about.amount_minor, about.currency),
                "about": about,
                "payee": self._merchant.merchant_id,
                "magic": magic_of(about.amount_minor),
                **values,
            },
        )

    def _refused(self, code: str, text: str) -> Answer:
        # The form is not to be trusted, and its language is only a courtesy.
        language = language_of(parse_qs(text, max_num_fields=64).get("locale", [""])[0])
        return self._render(403, language, {"state": "refused", "code": code})

    def _render(self, status: int, language: str, values: dict[str, object]) -> Answer:
        page = self._page.render(language=language.replace("_", "-"), text=texts(language), **values)
        return Answer(status, page.encode(), "text/html; charset=utf-8", _POLICY)


def _spell_amount(amount_minor: int, currency: str) -> str:
    decimals = _DECIMALS.get(currency, 2)
    number = f"{Decimal(amount_minor).scaleb(-decimals):,.{decimals}f}"
    return f"{_SIGNS.get(currency, currency + ' ')}{number}"
