"""The card terminals of one's shop: where each stands, how many slips wait, and what its own totals said."""

from dataclasses import dataclass
from typing import Final

from topup.channels.counter.booth import Booth, status_of
from topup.channels.counter.wording import Wording
from topup.kernel.errors import Conflict, Invalid, NotFound, Problem
from topup.payments.terminal.records import Batch, batches_of, slips_waiting
from topup.people.permissions import Permission
from topup.people.sessions import SignedIn
from topup.people.staff import names_of
from topup.platform.web.forms import Form
from topup.platform.web.pages import Page, WebRequest, go_to
from topup.shops.terminals import Terminal

_LATEST: Final = 60
_MOST_TILLS: Final = 99
_WRONG = (Invalid, Conflict, NotFound)


@dataclass(frozen=True, slots=True)
class BatchRow:
    """A total of a terminal beside what was entered, in words."""

    at: str
    terminal: str
    slips: int
    entered: str
    total: str
    difference: str
    by: str
    differs: bool


@dataclass(frozen=True, slots=True)
class TerminalRow:
    """A terminal, the till it belongs to, and how many slips are in no batch yet."""

    name: str
    till: str
    waiting: int


class TerminalPages:
    """The terminals of the shop whose till one keeps."""

    def __init__(self, booth: Booth) -> None:
        self._booth = booth

    async def show(self, request: WebRequest, who: SignedIn, form: Form, *, problem: Problem | None = None) -> Page:
        """Each terminal, and its own totals against what was entered, the newest first."""
        session = await self._booth.own_till(who)
        words = self._booth.words(request)
        terminals = await self._booth.terminals.of_shop(session.shop, till=session.till)
        names = [one.name for one in terminals]
        async with self._booth.database.read() as transaction:
            batches = await batches_of(transaction.connection, names, limit=_LATEST)
            waiting = await slips_waiting(transaction.connection, names)
            people = await names_of(transaction.connection, sorted({one.closed_by for one in batches}))
        return self._booth.look.page(
            request,
            "terminals.html",
            who=who,
            place="drawer",
            back="/counter/terminals",
            status=status_of(problem) if problem else 200,
            shop=session.shop,
            terminals=[TerminalRow(one.name, one.till, waiting.get(one.name, 0)) for one in terminals],
            batches=[_row(one, people, words) for one in batches],
            places=who.may(Permission.CHECK_TILLS),
            filled={name: form.one(name) for name in ("name", "till")},
            mistake=words.problem(problem) if problem else None,
        )

    async def place(self, request: WebRequest, who: SignedIn, form: Form) -> Page:
        """Say that a terminal stands in this shop, at a till or for all of them."""
        try:
            session = await self._booth.own_till(who)
            number = form.one("till")
            if number and not (number.isascii() and number.isdigit() and 0 < int(number) <= _MOST_TILLS):
                raise Invalid("till_place")
            till = f"{session.shop}-{int(number)}" if number else ""
            terminal = Terminal(form.one("name").strip().lower(), session.shop, till)
            await self._booth.terminals.place(terminal, by=who.id)
        except _WRONG as problem:
            return await self.show(request, who, form, problem=problem)
        return go_to("/counter/terminals")

    async def remove(self, request: WebRequest, who: SignedIn, form: Form) -> Page:
        """It stands here no more."""
        try:
            session = await self._booth.own_till(who)
            name = form.one("name")
            if name not in {one.name for one in await self._booth.terminals.of_shop(session.shop)}:
                raise NotFound("terminal_unknown")
            await self._booth.terminals.remove(name, by=who.id)
        except _WRONG as problem:
            return await self.show(request, who, Form(), problem=problem)
        return go_to("/counter/terminals")


def _row(batch: Batch, people: dict[str, str], words: Wording) -> BatchRow:
    return BatchRow(
        at=words.moment(batch.closed_at),
        terminal=batch.terminal,
        slips=batch.charges + batch.backs,
        entered=words.minor(batch.entered_minor, batch.currency),
        total=words.minor(batch.total_minor, batch.currency),
        difference=words.minor(batch.difference_minor, batch.currency),
        by=people.get(batch.closed_by, batch.closed_by),
        differs=bool(batch.difference_minor),
    )
