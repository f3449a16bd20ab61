"""`topup recharge`: the number said back, the whole price, one question, and the way of the money until it arrives."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner
from rich.text import Text

from topup.channels.cli.calling import how_to_call
from topup.channels.cli.exits import Exit
from topup.channels.cli.ports import House, Runtime
from topup.channels.cli.rendering import order_json, order_steps, price
from topup.channels.cli.screen import ask, complain_in_words, err, interruption, out, print_json, show
from topup.channels.cli.speech import locale, say
from topup.kernel.errors import Conflict, Invalid, Problem
from topup.kernel.ids import OrderId, PaymentId, lane_of, new_id
from topup.kernel.money import InvalidMoney, Money
from topup.orders.views import OrderView, PaymentView, QuoteView
from topup.orders.wording import returned_words
from topup.platform.i18n import format_money
from topup.platform.settings import Settings

CONFIRMATIONS: Final = frozenset({"duplicate", "large_amount"})
_LOOK_S: Final = 1.0
"""How long one look for a change waits; Ctrl-C is heard in between."""


@dataclass(frozen=True, slots=True)
class Recharge:
    """What was typed. `wait_s` is how long to watch the order before leaving it to the server."""

    number: str
    amount: str
    method: str
    yes: bool
    confirmations: frozenset[str]
    wait_s: float
    as_json: bool


async def recharge(runtime: Runtime, settings: Settings, wanted: Recharge) -> Exit:
    """Top up a number: quote, ask, order, pay, watch. Raises the desk's Problems."""
    if strange := sorted(wanted.confirmations - CONFIRMATIONS):
        raise Invalid("confirmation_unknown", found=strange, known=sorted(CONFIRMATIONS))
    if not wanted.yes and (wanted.as_json or not err.is_terminal):
        complain_in_words(say("recharge.needs_yes"), say("recharge.needs_yes.do"))
        return Exit.USAGE
    async with runtime.house(settings, outside=True) as house:
        return await _Journey(house, wanted).go()


class _Journey:
    """One top-up on its way. `order` is what is known of it, for the one who interrupts."""

    def __init__(self, house: House, wanted: Recharge) -> None:
        self._house = house
        self._desk = house.desk
        self._wanted = wanted
        self._order: OrderView | None = None
        self._paid = False

    async def go(self) -> Exit:
        try:
            quote = await self._quote()
            if not self._agreed(quote):
                err.print(f"[dim]{say('recharge.not_paid')}[/]")
                return Exit.REFUSED
            order = await self._place(quote)
            if order is None:
                err.print(f"[dim]{say('recharge.not_paid')}[/]")
                return Exit.REFUSED
            self._order = order
            payment = await self._pay(order)
            final = await self._watch(order.id, payment)
        except (KeyboardInterrupt, asyncio.CancelledError):
            self._say_where_it_stands()
            raise
        return self._conclude(final, payment)

    async def _quote(self) -> QuoteView:
        view = await self._desk.number(text=self._wanted.number)
        try:
            amount = Money.from_major(self._wanted.amount, view.currency)
        except InvalidMoney as error:
            raise Invalid("amount_unreadable", currency=view.currency) from error
        try:
            return await self._priced(amount, method=self._wanted.method)
        except Problem as problem:
            if problem.code != "method_unknown":
                raise
        raise Invalid("pay_unknown", known=await self._methods(amount))

    async def _priced(self, amount: Money, *, method: str | None) -> QuoteView:
        # Whoever may run commands on this installation may see its balances.
        return await self._desk.quote(
            number=self._wanted.number, product=None, amount=amount, payment_method=method, sees_balance=True
        )

    async def _methods(self, amount: Money) -> list[str]:
        """What `--pay` may be for this number and amount."""
        quote = await self._priced(amount, method=None)
        return [offer.method for offer in await self._desk.methods(quote_id=quote.id) if offer.unavailable is None]

    def _agreed(self, quote: QuoteView) -> bool:
        if not self._wanted.as_json:
            show(price(quote))
        if self._wanted.yes:
            return True
        return ask(say("recharge.pay_now", total=format_money(quote.total, locale())))

    async def _place(self, quote: QuoteView) -> OrderView | None:
        """The order, after asking whatever must be asked; None when the answer was no."""
        confirmed = self._wanted.confirmations
        order_id = OrderId(new_id("order", lane_of(quote.id)))
        while True:
            try:
                return await self._desk.order(
                    order_id=order_id,
                    quote_id=quote.id,
                    contact=None,
                    confirmations=confirmed,
                    locale=locale(),
                    channel="cli",
                    sees_balance=True,
                )
            except Conflict as problem:
                asked = _asked_by(problem)
                if not asked or asked <= confirmed:
                    raise
                if self._wanted.yes:
                    raise _unconfirmed(problem, asked - confirmed) from problem
                if not all(ask(_question(name, problem)) for name in sorted(asked - confirmed)):
                    return None
                confirmed |= asked

    async def _pay(self, order: OrderView) -> PaymentView:
        payment = await self._desk.pay(
            payment_id=PaymentId(new_id("payment", lane_of(order.id))),
            order_id=order.id,
            method=self._wanted.method,
            locale=locale(),
        )
        self._paid = True
        if self._house.store.installation.demo and self._wanted.method == "sandbox":
            await self._desk.demo_payment(payment_id=payment.id, outcome="pay")
        elif payment.action is not None and not self._wanted.as_json:
            out.print(f" {say('recharge.pay_there')}\n   [link]{escape(payment.action[1])}[/link]\n")
        return payment

    async def _watch(self, order_id: str, payment: PaymentView) -> OrderView:
        """The order once nothing more happens by itself (final, our payment declined or back), or patience ends."""
        deadline = time.monotonic() + self._wanted.wait_s
        order = await self._desk.get_order(order_id=order_id)
        async with _shown(order, silent=self._wanted.as_json) as steps:
            while not (order.final or _came_to_nothing(order, payment)) and (left_s := deadline - time.monotonic()) > 0:
                seen = order.status
                order = await self._desk.wait_for_change(order_id=order_id, seen=seen, timeout_s=min(_LOOK_S, left_s))
                self._order = order
                steps(order)
        return order

    def _conclude(self, order: OrderView, payment: PaymentView) -> Exit:
        nothing = _came_to_nothing(order, payment)
        code = Exit.REFUSED if nothing else exit_of_order(order)
        if self._wanted.as_json:
            print_json({"order": order_json(order), "payment": {"id": payment.id, "status": _status(order, payment)}})
            return code
        face = format_money(order.face, locale())
        refused = "recharge.declined" if _declined(order, payment) else "recharge.not_delivered"
        words = {
            Exit.DONE: ("[bold green]✓[/]", say("recharge.arrived", amount=face)),
            Exit.REFUSED: ("[bold red]✗[/]", say(refused)),
            Exit.UNRESOLVED: ("[bold yellow]…[/]", say("recharge.under_way")),
        }[code]
        out.print(f" {words[0]}  [bold]{words[1]}[/]")
        for sentence in returned_words(order, locale=locale()):
            out.print(f"    {escape(sentence)}")
        _print_aligned({"recharge.receipt": order.receipt_number, "recharge.order": order.id})
        if code is Exit.UNRESOLVED:
            out.print(f"    [dim]{escape(say('recharge.look_again', command=self._look(order)))}[/]")
        return code

    def _say_where_it_stands(self) -> None:
        if self._order is None:
            interruption.tell(f"[dim]{say('recharge.not_paid')}[/]")
            return
        said = "recharge.left_paid" if self._paid else "recharge.left_unpaid"
        interruption.tell(f"{say(said)}\n  {escape(self._look(self._order))}")

    def _look(self, order: OrderView) -> str:
        return f"{how_to_call(self._house.store.settings)} order {order.id}"


def _print_aligned(facts: Mapping[str, str | None]) -> None:
    """Those that there are, each behind its name."""
    found = {say(name): fact for name, fact in facts.items() if fact}
    width = max(map(cell_len, found))
    for name, fact in found.items():
        out.print(f"    [dim]{name}[/]{' ' * (width - cell_len(name))}  {fact}")


def exit_of_order(order: OrderView) -> Exit:
    """How a top-up ends: done when delivered, refused when the money stays for certain or has gone back, else
    unresolved.
    """
    if order.status == "delivered":
        return Exit.DONE
    over = order.final and order.status in {"refunded", "cancelled", "expired"}
    return Exit.REFUSED if over else Exit.UNRESOLVED


def _asked_by(problem: Problem) -> frozenset[str]:
    found = problem.parameters.get("confirmations", [])
    return frozenset(found) if problem.code == "confirmation_needed" and isinstance(found, list) else frozenset()


def _unconfirmed(problem: Problem, missing: frozenset[str]) -> Conflict:
    """Why it was refused, and what to type."""
    reasons = [say(f"recharge.why_{name}", minutes=problem.parameters.get("minutes", "?")) for name in sorted(missing)]
    options = " ".join(f"--confirm {name}" for name in sorted(missing))
    return Conflict("unconfirmed", reasons=" ".join(reasons), options=options)


def _question(name: str, problem: Problem) -> str:
    if name == "duplicate":
        return say("recharge.duplicate", minutes=problem.parameters.get("minutes", "?"))
    return say("recharge.large_amount")


def _status(order: OrderView, payment: PaymentView) -> str:
    return next((attempt.status for attempt in order.payments if attempt.id == payment.id), payment.status)


def _declined(order: OrderView, payment: PaymentView) -> bool:
    """Whether our attempt was declined and the order still waits for money: nothing of ours is under way."""
    return order.next_step == "payment_declined" and _status(order, payment) == "declined"


def _came_to_nothing(order: OrderView, payment: PaymentView) -> bool:
    """Whether the order still waits, and our attempt will not pay it: declined, or another sum came and it is back."""
    went_back = order.next_step == "payment_mismatched" and _status(order, payment) == "refunded"
    return went_back or _declined(order, payment)


@asynccontextmanager
async def _shown(order: OrderView, *, silent: bool) -> AsyncIterator["_Steps"]:
    """The steps of an order, redrawn as they happen; where there is no terminal, written once at the end, and at once
    which order it is: whoever reads along may not hear the end.
    """
    steps = _Steps(order)
    if silent:
        yield steps
        return
    if not out.is_terminal:
        out.print(f" {say('recharge.order')}  {order.id}")
        out.file.flush()
        yield steps
        out.print(order_steps(steps.order))
        out.print()
        return
    out.print()
    with Live(steps, console=out, refresh_per_second=8):
        yield steps
        steps.done = True
    out.print()


class _Steps:
    """What `Live` draws: the steps so far, and a spinner beside what happens now."""

    def __init__(self, order: OrderView) -> None:
        self.order = order
        self.done = False
        self._spinner = Spinner("dots", style="green")

    def __call__(self, order: OrderView) -> None:
        self.order = order

    def __rich__(self) -> RenderableType:
        steps = order_steps(self.order)
        if self.done or self.order.final:
            return steps
        self._spinner.update(text=Text(f" {say('recharge.waiting')}", style="dim"))
        return Group(steps, self._spinner)
