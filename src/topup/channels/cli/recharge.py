"""`topup recharge`: the number said back, the ways to pay with what each costs, the whole price, one question, and the
way of the money until it arrives. `topup pay` goes on with an order that waits for its payment.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner
from rich.text import Text

from topup.channels.cli.actions import show_action
from topup.channels.cli.calling import how_to_call
from topup.channels.cli.exits import Exit
from topup.channels.cli.ports import House, Runtime
from topup.channels.cli.rendering import order_json, order_steps, price
from topup.channels.cli.screen import ask, complain_in_words, err, interruption, out, print_json, show
from topup.channels.cli.speech import locale, say
from topup.channels.cli.ways import CASH, Paying, Way, check_method, choose, show_exchange, the_way, ways
from topup.kernel.errors import Conflict, Invalid, Problem
from topup.kernel.ids import OrderId, PaymentId, lane_of, new_id
from topup.kernel.money import InvalidMoney, Money
from topup.orders.declines import GENERAL, why_declined
from topup.orders.views import MethodView, OrderView, PaymentView, QuoteView
from topup.orders.wording import exchange_words, returned_words, second_payment_words
from topup.platform.i18n import format_money, translate
from topup.platform.settings import Settings

CONFIRMATIONS: Final = frozenset({"duplicate", "large_amount"})
_LOOK_S: Final = 1.0
"""How long one look for a change waits; Ctrl-C is heard in between."""


@dataclass(frozen=True, slots=True)
class Recharge:
    """What was typed. `wait_s` is how long to watch the order before leaving it to the server."""

    number: str
    amount: str
    paying: Paying
    yes: bool
    confirmations: frozenset[str]
    wait_s: float
    as_json: bool

    @property
    def interactive(self) -> bool:
        """Whether somebody is there to be asked."""
        return not self.yes and not self.as_json

    @property
    def unanswerable(self) -> bool:
        """Whether the price would have to be agreed to, and nobody can be asked."""
        return not self.yes and (self.as_json or not err.is_terminal)


async def recharge(runtime: Runtime, settings: Settings, wanted: Recharge) -> Exit:
    """Top up a number: quote, ask, order, pay, watch. Raises the desk's Problems."""
    if strange := sorted(wanted.confirmations - CONFIRMATIONS):
        raise Invalid("confirmation_unknown", found=strange, known=sorted(CONFIRMATIONS))
    if wanted.unanswerable and wanted.paying.wanted is None:
        return _needs_yes()
    async with runtime.house(settings, outside=True, method=wanted.paying.simulated) as house:
        check_method(wanted.paying, house.methods)
        return _needs_yes() if wanted.unanswerable else await _Journey(house, wanted).go()


async def pay_order(runtime: Runtime, settings: Settings, wanted: Recharge, *, order_id: str) -> Exit:
    """Pay an order that waits for it, by whatever way. Raises as `recharge`, and order_unknown, order_not_waiting."""
    if wanted.unanswerable and wanted.paying.wanted is None:
        return _needs_yes()
    async with runtime.house(settings, outside=True, method=wanted.paying.simulated) as house:
        check_method(wanted.paying, house.methods)
        if wanted.unanswerable:
            return _needs_yes()
        order = await house.desk.get_order(order_id=order_id)
        if order.status != "awaiting_payment":
            state = translate(locale(), "orders", f"state.{order.status}")
            raise Conflict("order_not_waiting", state=state, command=f"{how_to_call(settings)} order {order.id}")
        return await _Journey(house, wanted).go_on(order)


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
            quote, way = await self._quote()
            if way is None or not self._agreed(quote, way):
                return _not_paid()
            order = await self._place(quote)
            if order is None:
                return _not_paid()
        except (KeyboardInterrupt, asyncio.CancelledError):
            self._say_where_it_stands()
            raise
        return await self._paid_by(order, way)

    async def go_on(self, order: OrderView) -> Exit:
        """Pay an order that waits."""
        self._order = order
        try:
            way = await self._way(await ways(self._desk, quote_id=order.quote_id))
            if way is None or not (self._wanted.yes or self._asked(way)):
                return _not_paid()
        except (KeyboardInterrupt, asyncio.CancelledError):
            self._say_where_it_stands()
            raise
        return await self._paid_by(order, way)

    async def _paid_by(self, order: OrderView, way: Way) -> Exit:
        self._order = order
        try:
            payment = await self._pay(order, way)
            if payment.action is not None and payment.action.type == "transfer":
                # That takes days: nobody waits for it at a command line.
                final = await self._desk.get_order(order_id=order.id)
            else:
                final = await self._watch(order.id, payment)
        except (KeyboardInterrupt, asyncio.CancelledError):
            self._say_where_it_stands()
            raise
        return self._conclude(final, payment)

    async def _quote(self) -> tuple[QuoteView, Way | None]:
        """The price by the way that is chosen; None where nobody chose one."""
        view = await self._desk.number(text=self._wanted.number)
        try:
            amount = Money.from_major(self._wanted.amount, view.currency)
        except InvalidMoney as error:
            raise Invalid("amount_unreadable", currency=view.currency) from error
        method = self._wanted.paying.wanted
        quote = await self._priced(amount, method=None)
        way = await self._way(await ways(self._desk, quote_id=quote.id))
        if way is None or (method is None and way.pay.amount == quote.total):
            return quote, way
        return await self._priced(amount, method=way.method), way

    async def _way(self, found: Sequence[MethodView]) -> Way | None:
        """The way that was named, else the one that is chosen now."""
        paying = self._wanted.paying
        chosen = paying.wanted
        if chosen is None and not self._wanted.interactive:
            raise Invalid("pay_missing", known=[view.method for view in found if view.unavailable is None])
        chosen = chosen or choose(found)
        return the_way(found, paying, chosen=chosen, interactive=self._wanted.interactive) if chosen else None

    async def _priced(self, amount: Money, *, method: str | None) -> QuoteView:
        # Whoever may run commands on this installation may see its balances.
        return await self._desk.quote(
            number=self._wanted.number,
            product=None,
            amount=amount,
            payment_method=method,
            sees_balance=True,
            channel="cli",
        )

    def _agreed(self, quote: QuoteView, way: Way) -> bool:
        if not self._wanted.as_json:
            show(price(quote))
            if way.pay.exchange is not None:
                show_exchange(way.pay.exchange, zone=quote.zone)
        return self._wanted.yes or self._asked(way)

    def _asked(self, way: Way) -> bool:
        return ask(say("recharge.pay_now", total=format_money(way.pay.amount, locale())))

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

    async def _pay(self, order: OrderView, way: Way) -> PaymentView:
        payment = await self._desk.pay(
            payment_id=PaymentId(new_id("payment", lane_of(order.id))),
            order_id=order.id,
            method=way.method,
            locale=locale(),
            scene=way.scene,
            currency=way.pay.amount.currency,
            presented=way.presented,
        )
        self._paid = True
        if self._house.store.installation.demo and way.method == "sandbox":
            await self._desk.demo_payment(payment_id=payment.id, outcome="pay")
        elif way.method == CASH and not self._wanted.as_json:
            sum_ = format_money(payment.amount, locale())
            out.print(f" {say('recharge.at_counter', total=sum_)}\n   {payment.id}\n")
        elif payment.action is not None and not self._wanted.as_json and await self._is_open(order, payment):
            show_action(payment.action, zone=order.zone)
        return payment

    async def _is_open(self, order: OrderView, payment: PaymentView) -> bool:
        """Whether there is something left for the payer to do: a voucher, or a balance, has paid at once."""
        return _status(await self._desk.get_order(order_id=order.id), payment) == "pending"

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
        for sentence in _why_declined(order, payment) if nothing else ():
            out.print(f"    {escape(sentence)}")
        for sentence in _told(order):
            out.print(f"    {escape(sentence)}")
        if nothing:
            out.print(f"    [dim]{escape(say('recharge.pay_otherwise', command=self._command('pay', order)))}[/]")
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
        return self._command("order", order)

    def _command(self, verb: str, order: OrderView) -> str:
        return f"{how_to_call(self._house.store.settings)} {verb} {order.id}"


def _needs_yes() -> Exit:
    complain_in_words(say("recharge.needs_yes"), say("recharge.needs_yes.do"))
    return Exit.USAGE


def _not_paid() -> Exit:
    err.print(f"[dim]{say('recharge.not_paid')}[/]")
    return Exit.REFUSED


def _told(order: OrderView) -> list[str]:
    """How it was exchanged, and what became of money that did not pay the order."""
    exchanged = [exchange_words(order.exchange, locale=locale())] if order.exchange else []
    second = second_payment_words(order, locale=locale())
    return [*exchanged, *returned_words(order, locale=locale()), *([second] if second else [])]


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
    reasons = [_said_of(f"recharge.why_{name}", problem) for name in sorted(missing)]
    options = " ".join(f"--confirm {name}" for name in sorted(missing))
    return Conflict("unconfirmed", reasons=" ".join(reasons), options=options)


def _question(name: str, problem: Problem) -> str:
    return _said_of(f"recharge.{name}", problem)


def _said_of(words: str, problem: Problem) -> str:
    """Of an earlier order that is not paid, that it was begun; how long ago, in either case."""
    begun = words.endswith("duplicate") and "unpaid" in problem.parameters
    return say(f"{words}_unpaid" if begun else words, minutes=problem.parameters.get("minutes", "?"))


def _status(order: OrderView, payment: PaymentView) -> str:
    return next((attempt.status for attempt in order.payments if attempt.id == payment.id), payment.status)


def _declined(order: OrderView, payment: PaymentView) -> bool:
    """Whether our attempt was declined and the order still waits for money: nothing of ours is under way."""
    return f"payment_{_status(order, payment)}" == order.next_step in {"payment_declined", "payment_closed"}


def _why_declined(order: OrderView, payment: PaymentView) -> list[str]:
    """Why, and what to do, where more is known than that it was declined."""
    mine = next((attempt for attempt in order.payments if attempt.id == payment.id), payment)
    return list(why_declined(mine, locale=locale()) or ()) if mine.reason != GENERAL else []


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
