"""The pay page: for a phone, without JavaScript, and plainly a simulator's."""

import sqlite3
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from importlib.resources import files
from typing import Final
from urllib.parse import parse_qs

from jinja2 import Environment, StrictUndefined

from topup_simulators.payments.book import Book
from topup_simulators.payments.magic import magic_of
from topup_simulators.payments.payer import AlreadyFinal, BadOutcome, Payer
from topup_simulators.payments.terms import Enter, OtherContent, Rejected, Terms
from topup_simulators.payments.texts import NOTHING, Rows, language_of, preferred, texts
from topup_simulators.store import Store
from topup_simulators.web import Answer, Request

# ISO 4217: the currencies of the demonstration whose minor unit is not a hundredth.
_DECIMALS: Final = {"JPY": 0, "KRW": 0, "VND": 0, "KWD": 3, "BHD": 3, "OMR": 3, "TND": 3}
_SIGNS: Final = {"CNY": "CN¥", "EUR": "€", "GBP": "£", "HKD": "HK$"}
"""As merchants write them too, so that nobody wonders whether it is the same sum (Unicode CLDR)."""
_SIGNS_AT_HOME: Final = {"zh_Hans": {"CNY": "¥", "USD": "US$"}, "zh_Hant": {"USD": "US$"}, "en": {"USD": "$"}}
_BY_DAY: Final = "@media (prefers-color-scheme: light)"
"""At night the shared colour stays: a provider's is too dark to be read on dark ground."""
_CHINA: Final = timezone(timedelta(hours=8))
"""The zone in which the pages tell times, and name it: the wallets', and the demonstration's carriers'."""
POLICY: Final = (
    ("content-security-policy", "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'"),
    ("referrer-policy", "no-referrer"),
    ("cache-control", "no-store"),
)


class Pages:
    """Answers the payer's browser: a page is entered with a query that `enter` understands.

    `payee` is whom the page says is paid, `own` what this provider says differently (in three languages), `accent` its
    colour as a CSS colour.
    """

    def __init__(
        self, *, store: Store, book: Book, payer: Payer, enter: Enter, payee: str, own: Rows = NOTHING, accent: str = ""
    ) -> None:
        self._store = store
        self._book = book
        self._payer = payer
        self._enter = enter
        self._payee = payee
        self._own = own
        home = files(__package__)
        painted = f"{_BY_DAY} {{ :root {{ --accent: {accent}; --on-accent: #ffffff; }} }}\n" if accent else ""
        self._style = (home / "pay.css").read_bytes() + painted.encode()
        environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
        self._page = environment.from_string((home / "pay.html").read_text("utf-8"))

    def handle(self, request: Request) -> Answer:
        """The pay page, what was chosen on it, or its style."""
        if (request.method, request.path) == ("GET", "/pay.css"):
            return Answer(200, self._style, "text/css; charset=utf-8", (("cache-control", "max-age=300"),))
        if (request.method, request.path) == ("GET", "/pay"):
            return self.open(request.query, request)
        if (request.method, request.path) == ("POST", "/pay"):
            sent = parse_qs(request.body.decode("utf-8", "replace"), max_num_fields=8)
            return self._choose(sent.get("form", [""])[0], sent.get("outcome", [""])[0], request)
        return Answer(404, b"not found", "text/plain")

    def open(self, text: str, request: Request) -> Answer:
        """The pay page entered with this query, wherever the provider has it; `request` says what the payer reads."""
        now = datetime.now(UTC)
        try:
            form = self._enter(text, now)
            with self._store.transaction():
                self._store.count("form", form.payment_id, effected=True)
                self._book.register(form)
                payment = self._book.payment(form.payment_id)
        except Rejected as rejected:
            return self.refused(rejected.code, text, request)
        except OtherContent:
            return self.refused("OTHER_CONTENT", text, request)
        if payment is None or payment["in_progress"] or self._book.standing(payment, now) != "waiting":
            return self._over(form, payment, now, request)
        return self._open(form, text, request)

    def refused(self, code: str, text: str, request: Request) -> Answer:
        """A page that says that this query cannot be entered with, and by what code."""
        # The form is not to be trusted, and its language is only a courtesy.
        language = read_by(parse_qs(text, max_num_fields=64).get("locale", [""])[0], request)
        return self._render(403, language, {"state": "refused", "code": code})

    def _open(self, form: Terms, text: str, request: Request, *, declined: bool = False) -> Answer:
        return self._show(
            form, request, state="open", form=text, outcomes=self._payer.outcomes, declined_unheard=declined
        )

    def _choose(self, text: str, outcome: str, request: Request) -> Answer:
        now = datetime.now(UTC)
        try:
            form = self._enter(text, now)
            with self._store.transaction():
                self._book.register(form)
                heard = self._payer.choose(form.payment_id, outcome, now)
        except Rejected as rejected:
            return self.refused(rejected.code, text, request)
        except OtherContent:
            return self.refused("OTHER_CONTENT", text, request)
        except BadOutcome:
            return self.refused("BAD_OUTCOME", text, request)
        except AlreadyFinal:
            return self._over(form, self._book.payment(form.payment_id), now, request)
        if not heard:
            return self._open(form, text, request, declined=True)
        return Answer(303, b"", "text/plain", (("location", form.return_url or f"/pay?{text}"), *POLICY))

    def _over(self, form: Terms, payment: sqlite3.Row | None, now: datetime, request: Request) -> Answer:
        standing = "closed" if payment is None else self._book.standing(payment, now)
        return self._show(form, request, state="over", standing=standing)

    def _show(self, about: Terms, request: Request, **values: object) -> Answer:
        language = read_by(about.locale, request)
        return self._render(
            200,
            language,
            {
                "amount": spell_amount(about.amount_minor, about.currency, language),
                "about": about,
                "until": about.expires_at.astimezone(_CHINA).strftime("%Y-%m-%d %H:%M"),
                # Who scanned a code came from no page that they could be led back to.
                "back_to": about.return_url if about.return_url.startswith("http") else "",
                "payee": self._payee,
                "magic": magic_of(about.amount_minor),
                **values,
            },
        )

    def _render(self, status: int, language: str, values: dict[str, object]) -> Answer:
        page = self._page.render(language=language.replace("_", "-"), text=texts(language, self._own), **values)
        return Answer(status, page.encode(), "text/html; charset=utf-8", POLICY)


def read_by(locale: str, request: Request) -> str:
    """The language of a page: what the shop asked for where it can, else what the payer's browser prefers."""
    return language_of(locale) if locale else preferred(request.headers.get("accept-language", ""))


def spell_amount(amount_minor: int, currency: str, language: str) -> str:
    """An amount as people write it, with the currency's sign."""
    decimals = _DECIMALS.get(currency, 2)
    number = f"{Decimal(amount_minor).scaleb(-decimals):,.{decimals}f}"
    signs = _SIGNS | _SIGNS_AT_HOME.get(language, {})
    return f"{signs.get(currency, currency)}{number}"
