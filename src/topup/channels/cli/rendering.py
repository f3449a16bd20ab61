"""How prices, orders and balances look in a terminal, and in JSON."""

from functools import partial
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from topup.channels.cli.actions import transfer_rows
from topup.channels.cli.screen import ID_WIDTH, money_json
from topup.channels.cli.speech import locale, say
from topup.charging.usage.wording import asset_words
from topup.kernel.money import Money, is_currency
from topup.orders.awaited import next_words, open_payment, transfer_facts
from topup.orders.balance_views import BalanceView
from topup.orders.declines import GENERAL, why_declined
from topup.orders.views import Exchange, OrderView, QuoteView
from topup.orders.wording import (
    amount_words,
    end_words,
    exchange_words,
    line_words,
    method_name,
    name_in,
    policy_words,
    returned_words,
    second_payment_words,
    until_words,
    why_words,
)
from topup.platform.i18n import format_moment, format_money, format_time, has_text, translate, zone_place

_GOOD = frozenset({"delivered", "refunded"})
_BAD = frozenset({"expired", "cancelled", "needs_person"})


def price(quote: QuoteView) -> RenderableType:
    """The number said back, every line of the price, what arrives and until when."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(min_width=28)
    table.add_column(justify="right")
    for line in quote.lines:
        words = line_words(line.type, line.label, line.parameters, locale=locale())
        table.add_row(f"  {words}", format_money(line.amount, locale()))
    table.add_row(f"  [bold]{say('price.total')}[/]", f"[bold]{format_money(quote.total, locale())}[/]")
    parts: list[RenderableType] = [_heading(quote), Text(""), table, Text("")]
    for held in quote.held:
        said = f"{name_in(held.names, locale=locale())}: {name_in(held.said, locale=locale())}"
        parts.append(Text(f"  {said}", style="yellow"))
    for grant in quote.grants:
        what = amount_words(grant.asset, grant.amount, locale=locale())
        until = end_words(grant, zone=quote.zone, locale=locale())
        parts.append(Text(f"  {say('price.you_get')} {what} · {until}", style="dim"))
        parts += [Text(f"    {words}", style="dim") for words in policy_words(grant, locale=locale())]
    return Group(*parts)


def _heading(view: QuoteView | OrderView | BalanceView) -> Text:
    heading = Text(" ")
    heading.append(view.msisdn.grouped(), style="bold green")
    heading.append(f"  {name_in(view.carrier_names, locale=locale())}", style="dim")
    return heading


def order_steps(order: OrderView) -> RenderableType:
    """What has happened to an order, each step with its time and why."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    last = order.timeline[-1] if order.timeline else None
    for entry in order.timeline:
        mark = Text("●", style="dim green")
        if entry is last:
            mark = Text("✓", style="bold green") if entry.state in _GOOD else Text("●", style="bold yellow")
            mark = Text("✗", style="bold red") if entry.state in _BAD else mark
        state = Text(_order_text(f"state.{entry.state}"), style="bold" if entry is last else "")
        cause = Text(_order_text(f"cause.{entry.cause}"), style="dim")
        table.add_row(Text(" ").append(mark), format_time(entry.at, locale(), zone=order.zone), state, cause)
    times_in = say("order.times_in", place=zone_place(order.zone, locale()))
    return Group(table, Text(f"   {times_in}", style="dim"))


def order_details(order: OrderView) -> RenderableType:
    """A whole order: its number, price, steps, and what happens next."""
    parts: list[RenderableType] = [_heading(order), Text("")]
    facts = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    facts.add_column()
    facts.add_column(min_width=ID_WIDTH)
    facts.add_row(f"  [dim]{say('recharge.order')}[/]", str(order.id))
    facts.add_row(f"  [dim]{say('order.ordered')}[/]", format_moment(order.created_at, locale(), zone=order.zone))
    facts.add_row(f"  [dim]{say('price.total')}[/]", format_money(order.total, locale()))
    if order.exchange:
        how = exchange_words(order.exchange, locale=locale())
        facts.add_row(f"  [dim]{say('order.exchanged')}[/]", f"{format_money(order.paid, locale())} · {how}")
    for name, value in _awaited(order):
        facts.add_row(f"  [dim]{name}[/]", escape(value))
    for row in _what_comes(order):
        facts.add_row(*row)
    if order.receipt_number:
        facts.add_row(f"  [dim]{say('recharge.receipt')}[/]", order.receipt_number)
    parts += [facts, Text(""), order_steps(order)]
    parts += [Text(f" {words}") for words in returned_words(order, locale=locale())]
    second = second_payment_words(order, locale=locale())
    parts += [Text(f" {second}")] if second else []
    parts += [Text(f" {words}") for words in _last_declined(order)]
    return Group(*parts, Text(""), Text(f" {next_words(order, locale=locale())}"))


def _what_comes(order: OrderView) -> list[tuple[str, str]]:
    """What the line gets, or what was ordered where it was not credited for good; nothing where nothing will come."""
    if order.comes_to_nothing:
        return []
    over = order.ended_unpaid or order.status in {"refunding", "refunded"}
    rows = []
    for grant in order.grants:
        what = amount_words(grant.asset, grant.amount, locale=locale())
        until = end_words(grant, zone=order.zone, locale=locale())
        rows.append(
            (f"  [dim]{say('order.what' if over else 'price.you_get')}[/]", what if over else f"{what} · {until}")
        )
    return rows


def _awaited(order: OrderView) -> list[tuple[str, str]]:
    """By which way the order waits to be paid, and what to write on a bank's form, each with its name."""
    payment = open_payment(order)
    if payment is None:
        return []
    way = (say("order.method"), method_name(payment.method, locale=locale()))
    return [way, *transfer_rows(transfer_facts(order), zone=order.zone)]


def _last_declined(order: OrderView) -> list[str]:
    """Why the last payment was declined, of an order that still waits for one, and what to do."""
    last = order.payments[-1] if order.payments and order.next_step == "payment_declined" else None
    return list(why_declined(last, locale=locale()) or ()) if last is not None and last.reason != GENERAL else []


def balance(view: BalanceView) -> RenderableType:
    """What a line has, bucket by bucket in the order of use, and why each ends when it ends."""
    heading = _heading(view)
    if view.status != "active":
        heading.append(f"  {say(f'line.{view.status}')}", style="bold red")
    credit = Text(f"  {format_money(view.credit, locale())}", style="bold")
    held = _held(view)
    if held.amount_minor:
        credit.append(f"  {say('balance.held', held=held)}", style="yellow")
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    for bucket in view.buckets:
        what = _has_words(bucket.asset, bucket.amount)
        until = until_words(bucket.usable_until, zone=view.zone, locale=locale())
        table.add_row(f"  {what}", until)
        if bucket.available != bucket.amount:
            promised = _has_words(bucket.asset, bucket.amount - bucket.available)
            table.add_row("", Text(say("balance.of_it_held", held=promised), style="yellow"))
        if has_text("catalogue", str(bucket.rule.get("id", ""))):
            table.add_row("", Text(why_words(bucket.rule, locale=locale()), style="dim"))
    rows: RenderableType = table if view.buckets else Text(f"  {say('balance.nothing')}", style="dim")
    return Group(heading, Text(""), credit, Text(""), rows)


def _has_words(asset: str, amount: int) -> str:
    """How much of an asset is there, as its owner's page says it; to the byte and second it is in the JSON."""
    say_it = amount_words if is_currency(asset) else partial(asset_words, roughly=True)
    return say_it(asset, amount, locale=locale())


def _held(view: BalanceView) -> Money:
    """What of the line's money is promised to something that goes on: a call, a share under way."""
    currency = view.credit.currency
    buckets = [bucket for bucket in view.buckets if bucket.asset == currency]
    return Money(sum(bucket.amount - bucket.available for bucket in buckets), currency)


def _order_text(message_id: str) -> str:
    return translate(locale(), "orders", message_id)


def order_json(order: OrderView) -> dict[str, Any]:
    """An order for programs: the names of the REST API."""
    return {
        "id": order.id,
        "status": order.status,
        "final": order.final,
        "who_must_act": order.who_must_act,
        "number": order.msisdn.e164,
        "carrier": order.carrier_id,
        "product": order.product,
        "face": money_json(order.face),
        "total": money_json(order.total),
        "exchange": exchange_json(order.exchange),
        "receipt_number": order.receipt_number,
        "created_at": order.created_at,
        "timeline": [{"state": entry.state, "at": entry.at, "cause": entry.cause} for entry in order.timeline],
        "payments": [
            {
                "id": payment.id,
                "method": payment.method,
                "status": payment.status,
                "amount": money_json(payment.amount),
                "received": money_json(payment.received or Money(0, payment.amount.currency)),
                "refunded": money_json(payment.refunded),
                "reason": payment.reason,
            }
            for payment in order.payments
        ],
    }


def exchange_json(found: Exchange | None) -> dict[str, Any] | None:
    """How a price was paid in another currency, for programs."""
    if found is None:
        return None
    return {
        "price": money_json(found.price),
        "paid": money_json(found.paid),
        "rate": found.rate,
        "step": money_json(found.step),
        "source": found.source,
        "at": found.at,
    }


def balance_json(view: BalanceView) -> dict[str, Any]:
    """A balance for programs."""
    return {
        "number": view.msisdn.e164,
        "line_id": view.line_id,
        "carrier": view.carrier_id,
        "status": view.status,
        "credit": money_json(view.credit),
        "held": money_json(_held(view)),
        "buckets": [
            {
                "id": bucket.id,
                "asset": bucket.asset,
                "kind": bucket.kind,
                "amount": bucket.amount,
                "held": bucket.amount - bucket.available,
                "available": bucket.available,
                "usable_until": bucket.usable_until,
                "rule": dict(bucket.rule),
            }
            for bucket in view.buckets
        ],
    }
