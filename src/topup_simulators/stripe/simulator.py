"""Stripe's process: its wire around the shared parts, its keys and its merchant's, and its controls."""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec

from topup_simulators.payments.book import Book
from topup_simulators.payments.keys import made_once, private_directory
from topup_simulators.payments.pages import spell_amount
from topup_simulators.payments.terms import Terms
from topup_simulators.payments.till import Till
from topup_simulators.post import is_on_this_machine
from topup_simulators.stripe.api import Api
from topup_simulators.stripe.cards import CARDS, DEFAULT
from topup_simulators.stripe.checkout import OUTCOMES, Checkout, entered
from topup_simulators.stripe.endpoints import Endpoints
from topup_simulators.stripe.intents import Intents
from topup_simulators.stripe.kept import KeptCards
from topup_simulators.stripe.movements import Movements
from topup_simulators.stripe.refunds import Refunds
from topup_simulators.stripe.render import Render
from topup_simulators.stripe.schema import SCHEMA
from topup_simulators.stripe.sessions import Sessions
from topup_simulators.stripe.shelf import Shelf
from topup_simulators.stripe.texts import OWN
from topup_simulators.stripe.voice import StripeVoice
from topup_simulators.web import Answer, Misbehaviour, Request

_PAYMENTS: Final = "/control/payments/"


class _Disputed(msgspec.Struct):
    payment_id: str
    status: str = "needs_response"
    due_in_days: int | None = None


class _Moved(msgspec.Struct):
    type: str
    amount: int
    times: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1


class _Choice(msgspec.Struct):
    notify_url: str = ""


class _Kept(msgspec.Struct):
    card: str = DEFAULT


class Stripe:
    """Stripe with one merchant, whose keys are made at the first start."""

    kind = "stripe"

    def __init__(self, *, state_directory: Path, time_factor: float, resend_factor: float) -> None:
        directory = private_directory(state_directory)
        self._key_file, self._secret_file = directory / "merchant.key", directory / "merchant.whsec"
        key, secret = _word(self._key_file, "sk_test_", 24), _word(self._secret_file, "whsec_", 16)
        self._account = _word(directory / "account", "acct_", 8)
        self._url = ""
        self._till = till = self._make_till(directory, secret, time_factor, resend_factor)
        self.store = till.store
        self.agenda = till.agenda
        self._make_parts(till, key, secret)

    def _make_till(self, directory: Path, secret: str, time_factor: float, resend_factor: float) -> Till:
        def voice(book: Book) -> StripeVoice:
            self._voice = StripeVoice(book=book, secret=secret)
            return self._voice

        def enter(book: Book, text: str, _now: datetime) -> Terms:
            return entered(book, self.store, text)

        return Till(
            file=directory / "stripe.sqlite",
            voice=voice,
            enter=enter,
            time_factor=time_factor,
            resend_factor=resend_factor,
            payee=self._account,
            prefix="re_",
            schema=SCHEMA,
            outcomes=OUTCOMES,
            own=OWN,
            accent="#4b45c6",
        )

    def _make_parts(self, till: Till, key: str, secret: str) -> None:
        store, book = till.store, till.book
        shelf = Shelf(store=store, book=book)
        self._voice.render = render = Render(store=store, book=book, home=lambda: self._url)
        self._voice.agenda = till.agenda
        self._movements = Movements(store=store, book=book, shelf=shelf, render=render, voice=self._voice)
        sessions = Sessions(store=store, book=book, cashier=till.cashier, shelf=shelf, render=render)
        self._api = Api(
            store=store,
            key=key,
            account=self._account,
            sessions=sessions,
            intents=Intents(store=store, book=book, cashier=till.cashier, payer=till.payer, shelf=shelf, render=render),
            refunds=Refunds(store=store, book=book, cashier=till.cashier, shelf=shelf, render=render),
            movements=self._movements,
            endpoints=Endpoints(store=store, secret=secret),
            cashier=till.cashier,
            shelf=shelf,
            kept=KeptCards(store=store),
        )
        self._checkout = Checkout(
            store=store,
            book=book,
            payer=till.payer,
            pages=till.pages,
            render=render,
            voice=self._voice,
            spell=spell_amount,
        )

    def announce(self, url: str) -> Mapping[str, Any]:
        """The settings of topup's plugin, whole; the keys are in files of the state directory, mode 0600."""
        self._url = url
        return {
            "plugin": {
                "livemode": False,
                "base_url": url,
                "secret_key_file": str(self._key_file.resolve()),
                "webhook_secrets_file": str(self._secret_file.resolve()),
                "account_id": self._account,
            }
        }

    async def handle(self, request: Request) -> Answer | Misbehaviour:
        """Answer one request."""
        if request.path.startswith("/v1/"):
            return self._api.handle(request)
        if request.path.startswith("/control/"):
            return self._controlled(request) or self._till.control.handle(request)
        return self._checkout.handle(request)

    def _controlled(self, request: Request) -> Answer | None:
        """Stripe's own controls, not signed as none are; None for the shared ones."""
        if request.method != "POST":
            return None
        try:
            with self.store.transaction():
                content = self._act(request)
        except msgspec.MsgspecError:
            return _answer(400, {"code": "BAD_REQUEST"})
        except LookupError:
            return _answer(404, {"code": "NOT_FOUND"})
        return None if content is None else _answer(200, {"code": "OK", **content})

    def _act(self, request: Request) -> dict[str, Any] | None:
        if request.path == "/control/disputes":
            disputed = msgspec.json.decode(request.body, type=_Disputed)
            return {"dispute": self._movements.dispute(disputed.payment_id, disputed.status, disputed.due_in_days)}
        if request.path == "/control/movements":
            moved = msgspec.json.decode(request.body, type=_Moved)
            return {"ids": [self._movements.move(moved.type, moved.amount) for _ in range(moved.times)]}
        if request.path == "/control/kept_cards":
            return self._keep(msgspec.json.decode(request.body, type=_Kept).card)
        if request.path == "/control/forget_keys":
            return {"forgotten": self._api.forget_keys()}
        if request.path.startswith(_PAYMENTS):
            choice = msgspec.json.decode(request.body, type=_Choice)
            self._send_events(request.path.removeprefix(_PAYMENTS), choice.notify_url)
        return None

    def _send_events(self, payment_id: str, url: str) -> None:
        """Have the events of one payment sent to an address of its own, unless the merchant made an endpoint: Stripe
        has one address for all, and tests and demonstrations one for each.
        """
        terms = self._till.book.terms(payment_id)
        if not is_on_this_machine(url) or terms is None or self.store.one("SELECT 1 FROM endpoints") is not None:
            return
        self.store.write(
            "UPDATE payments SET notify_url = ?, content = ? WHERE payment_id = ?",
            (url, replace(terms, notify_url=url).content(), payment_id),
        )

    def _keep(self, number: str) -> dict[str, Any]:
        """A card that somebody left with us before."""
        customer, method = f"cus_{secrets.token_hex(7)}", f"pm_{secrets.token_hex(12)}"
        self.store.write("INSERT INTO kept_cards VALUES (?, ?, ?)", (method, customer, CARDS[number].number))
        return {"token": f"{customer}:{method}"}


def _word(path: Path, beginning: str, size: int) -> str:
    """A key, a secret or a name, made at the first start."""

    def make() -> bytes:
        return f"{beginning}{secrets.token_hex(size)}\n".encode()

    return made_once(path, make).decode().strip()


def _answer(status: int, content: dict[str, Any]) -> Answer:
    return Answer(status, msgspec.json.encode(content))


SIMULATOR = Stripe
