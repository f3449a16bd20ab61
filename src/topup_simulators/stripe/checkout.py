"""The hosted page: a test card is chosen, its bank may ask first (3-D Secure), and another may be tried after that.

Everything else a payer does (late, silently, a page that is over) is what the shared pages do.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from importlib.resources import files
from typing import Final
from urllib.parse import parse_qs

from jinja2 import Environment, StrictUndefined

from topup_simulators.payments.book import Book
from topup_simulators.payments.magic import magic_of
from topup_simulators.payments.pages import Pages, read_by
from topup_simulators.payments.payer import AlreadyFinal, Payer
from topup_simulators.payments.terms import Rejected, Terms
from topup_simulators.payments.texts import texts
from topup_simulators.store import Store
from topup_simulators.stripe.cards import CARDS, DEFAULT, Card
from topup_simulators.stripe.render import Render
from topup_simulators.stripe.texts import OWN
from topup_simulators.stripe.voice import StripeVoice
from topup_simulators.web import Answer, Request

OUTCOMES: Final = ("pay", "decline", "late", "silent")
"""What the controls may have a payer do; a session is never paid twice."""
_POLICY: Final = (
    ("content-security-policy", "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'"),
    ("referrer-policy", "no-referrer"),
    ("cache-control", "no-store"),
)
_STYLE: Final = b"""
.cards { border: 0; display: grid; gap: 4px; padding: 0; }
.cards label { align-items: center; background: var(--sheet); border: 1px solid var(--line); border-radius: 12px;
  display: flex; flex-wrap: wrap; gap: 8px; min-height: 44px; padding: 8px 12px; }
.cards label > span { flex: 1; }
.cards .code { display: block; }
.cards legend { height: 1px; overflow: hidden; position: absolute; width: 1px; }
"""


class Checkout:
    """Answers the payer's browser."""

    def __init__(
        self,
        *,
        store: Store,
        book: Book,
        payer: Payer,
        pages: Pages,
        render: Render,
        voice: StripeVoice,
        spell: Callable[[int, str, str], str],
    ) -> None:
        self._store = store
        self._book = book
        self._payer = payer
        self._pages = pages
        self._render = render
        self._voice = voice
        self._spell = spell
        environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
        self._page = environment.from_string((files(__package__) / "checkout.html").read_text("utf-8"))

    def handle(self, request: Request) -> Answer:
        """The page of a session, what was chosen on it, the bank's page, or the style of all."""
        if (request.method, request.path) == ("GET", "/pay.css"):
            shared = self._pages.handle(request)
            return Answer(shared.status, shared.body + _STYLE, shared.content_type, shared.headers)
        if request.path != "/pay":
            return Answer(404, b"not found", "text/plain")
        if request.method != "POST":
            return self._open(request) or self._pages.handle(request)
        sent = {
            name: values[0]
            for name, values in parse_qs(request.body.decode("utf-8", "replace"), max_num_fields=8).items()
        }
        card = CARDS.get(sent.get("card", ""))
        if card is None:
            return self._pages.handle(request)  # an outcome, or something that is none
        return self._charge(request, sent.get("form", ""), card, sent.get("bank", ""))

    def _open(self, request: Request) -> Answer | None:
        """The cards, while the session is open; None where the shared page says what there is to say."""
        terms = self._terms(request.query)
        return None if terms is None else self._show(terms, request.query, request)

    def _terms(self, text: str) -> Terms | None:
        """The payment of a session that may be paid now."""
        try:
            terms = entered(self._book, self._store, text)
        except Rejected:
            return None
        payment = self._book.payment(terms.payment_id)
        if payment is None or payment["in_progress"]:
            return None
        return terms if self._book.standing(payment, datetime.now(UTC)) == "waiting" else None

    def _charge(self, request: Request, text: str, card: Card, bank: str) -> Answer:
        terms = self._terms(text)
        if terms is None:
            # It is over: the shared page says so, as if it had been opened.
            return self._pages.handle(Request("GET", request.target, "/pay", text, request.headers, b""))
        if card.challenged and not bank:
            return self._show(terms, text, request, state="bank", card=card)
        if card.challenged and bank != "yes":
            self._fail(terms, "authentication_required")
            return self._show(terms, text, request, problem="bank_failed", card=card)
        if card.on_session:
            self._fail(terms, card.on_session)
            return self._show(terms, text, request, problem="refused_card", card=card)
        with self._store.transaction():
            self._book.note(terms.payment_id, {"card": card.number})
            self._store.write(
                "UPDATE kept_cards SET card = ? WHERE method = ?", (card.number, terms.facts.get("method", ""))
            )
            try:
                self._payer.choose(terms.payment_id, "pay", datetime.now(UTC))
            except AlreadyFinal:
                return self._pages.handle(Request("GET", request.target, "/pay", text, request.headers, b""))
        return Answer(303, b"", "text/plain", (("location", terms.return_url), *_POLICY))

    def _fail(self, terms: Terms, decline: str) -> None:
        """A card was refused: the session stays open, and an event says so of its intent."""
        with self._store.transaction():
            self._book.note(terms.payment_id, {"decline": decline})
            payment, noted = self._book.payment(terms.payment_id), self._book.terms(terms.payment_id)
            if payment is not None and noted is not None:
                intent = self._render.intent(payment, noted, expand=set(), now=datetime.now(UTC))
                self._voice.tell("payment_intent.payment_failed", intent, payment)

    def _show(self, terms: Terms, text: str, request: Request, *, card: Card = CARDS[DEFAULT], **values: str) -> Answer:
        """The page, with the card that was tried last chosen."""
        language = read_by(terms.locale, request)
        content = {
            "state": "open",
            "problem": "",
            "card": card,
            "form": text,
            "about": terms,
            "amount": self._spell(terms.amount_minor, terms.currency, language),
            "magic": magic_of(terms.amount_minor),
            "cards": list(CARDS.values()),
            "outcomes": [outcome for outcome in OUTCOMES if outcome != "pay"],
            **values,
        }
        page = self._page.render(language=language.replace("_", "-"), text=texts(language, OWN), **content)
        return Answer(200, page.encode(), "text/html; charset=utf-8", _POLICY)


def entered(book: Book, store: Store, text: str) -> Terms:
    """The payment of the page that is entered with `session=cs_…`. Raises Rejected."""
    identifier = parse_qs(text, max_num_fields=8).get("session", [""])[0]
    row = store.one("SELECT payment_id FROM objects WHERE id = ? AND kind = 'session'", (identifier,))
    terms = book.terms(row["payment_id"]) if row is not None else None
    if terms is None:
        raise Rejected("NO_SUCH_SESSION")
    return terms
