"""The shared parts of a payment gateway's simulator, put together around its wire."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from topup_simulators.agenda import Agenda
from topup_simulators.payments.book import SCHEMA, Book
from topup_simulators.payments.cashier import REFUND, Cashier
from topup_simulators.payments.control import Control
from topup_simulators.payments.notices import NOTIFY, Notices
from topup_simulators.payments.pages import Pages
from topup_simulators.payments.payer import CHARGE, OUTCOMES, Payer
from topup_simulators.payments.terms import Terms
from topup_simulators.payments.texts import NOTHING, Rows
from topup_simulators.payments.voice import Voice
from topup_simulators.store import Store


class Till:
    """Book, cashier, payer, notices, pages and controls over one store.

    `voice` and `enter` are the wire's; they are given the book. `prefix` begins the numbers the gateway gives, unless
    `reference` makes those of charges, of the book, the merchant's number of the payment and the moment;
    `payee` is whom the pay page says is paid, `own` and `accent` are its words and colour, `outcomes` its buttons,
    `one_currency` is for a gateway in which nothing is ever paid in another currency, and `hears_no` says of a payment
    whether its merchant would hear that the payer declined it.
    """

    def __init__(
        self,
        *,
        file: Path,
        voice: Callable[[Book], Voice],
        enter: Callable[[Book, str, datetime], Terms],
        time_factor: float,
        resend_factor: float,
        payee: str,
        prefix: str = "SG",
        reference: Callable[[Book, str, datetime], str] | None = None,
        schema: str = "",
        outcomes: Sequence[str] = OUTCOMES,
        one_currency: bool = False,
        own: Rows = NOTHING,
        accent: str = "",
        hears_no: Callable[[Terms], bool] = lambda _terms: True,
    ) -> None:
        self.store = store = Store(file, SCHEMA + schema)
        self.book = book = Book(store, prefix=prefix)
        if reference is not None:
            book.reference = partial(reference, book)
        self.notices = notices = Notices(
            store=store, voice=voice(book), time_factor=time_factor, resend_factor=resend_factor
        )
        deeds: dict[str, Any] = {NOTIFY: notices.send}
        self.agenda = agenda = Agenda(store, deeds)

        def is_heard(payment_id: str) -> bool:
            terms = book.terms(payment_id)
            return terms is None or hears_no(terms)

        self.payer = payer = Payer(
            store=store,
            book=book,
            agenda=agenda,
            notices=notices,
            outcomes=outcomes,
            one_currency=one_currency,
            hears_no=is_heard,
        )
        self.cashier = Cashier(store=store, book=book, agenda=agenda, notices=notices)
        deeds |= {CHARGE: payer.charge, REFUND: self.cashier.finish_refund}

        def entered(text: str, now: datetime) -> Terms:
            return enter(book, text, now)

        self.pages = Pages(store=store, book=book, payer=payer, enter=entered, payee=payee, own=own, accent=accent)
        self.control = Control(store=store, book=book, agenda=agenda, notices=notices, payer=payer, enter=entered)
