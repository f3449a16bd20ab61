"""How prices, orders and balances look in a terminal, and in JSON."""

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from topup.channels.cli.screen import money_json
from topup.channels.cli.speech import locale, say
from topup.kernel.money import Money
from topup.orders.views import BalanceView, OrderView, QuoteView
from topup.orders.wording import (
    amount_words,
    end_words,
    line_words,
    name_in,
    policy_words,
    returned_words,
    until_words,
    why_words,
)
from topup.platform.i18n import format_datetime, format_money, format_time, has_text, translate

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
    return table


def order_details(order: OrderView) -> RenderableType:
    """A whole order: its number, price, steps, and what happens next."""
    parts: list[RenderableType] = [_heading(order), Text("")]
    facts = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    facts.add_row(f"  [dim]{say('recharge.order')}[/]", str(order.id))
    facts.add_row(f"  [dim]{say('order.ordered')}[/]", format_datetime(order.created_at, locale(), zone=order.zone))
    facts.add_row(f"  [dim]{say('price.total')}[/]", format_money(order.total, locale()))
    for grant in order.grants:
        what = amount_words(grant.asset, grant.amount, locale=locale())
        until = end_words(grant, zone=order.zone, locale=locale())
        facts.add_row(f"  [dim]{say('price.you_get')}[/]", f"{what} · {until}")
    if order.receipt_number:
        facts.add_row(f"  [dim]{say('recharge.receipt')}[/]", order.receipt_number)
    parts += [facts, Text(""), order_steps(order)]
    parts += [Text(f" {words}") for words in returned_words(order, locale=locale())]
    return Group(*parts, Text(""), Text(f" {_order_text(f'next.{order.next_step}')}"))


def balance(view: BalanceView) -> RenderableType:
    """What a line has, bucket by bucket in the order of use, and why each ends when it ends."""
    heading = _heading(view)
    if view.status != "active":
        heading.append(f"  {say(f'line.{view.status}')}", style="bold red")
    credit = Text(f"  {format_money(view.credit, locale())}", style="bold")
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    for bucket in view.buckets:
        what = amount_words(bucket.asset, bucket.amount, locale=locale())
        until = until_words(bucket.usable_until, zone=view.zone, locale=locale())
        table.add_row(f"  {what}", until)
        if has_text("catalogue", str(bucket.rule.get("id", ""))):
            table.add_row("", Text(why_words(bucket.rule, locale=locale()), style="dim"))
    rows: RenderableType = table if view.buckets else Text(f"  {say('balance.nothing')}", style="dim")
    return Group(heading, Text(""), credit, Text(""), rows)


def _order_text(message_id: str) -> str:
    return translate(locale(), "orders", message_id)


def quote_json(quote: QuoteView) -> dict[str, Any]:
    """A quote for programs."""
    return {
        "id": quote.id,
        "number": quote.msisdn.e164,
        "carrier": quote.carrier_id,
        "face": money_json(quote.face),
        "total": money_json(quote.total),
        "lines": [{"type": line.type, "amount": money_json(line.amount)} for line in quote.lines],
        "expires_at": quote.expires_at,
    }


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
            }
            for payment in order.payments
        ],
    }


def balance_json(view: BalanceView) -> dict[str, Any]:
    """A balance for programs."""
    return {
        "number": view.msisdn.e164,
        "line_id": view.line_id,
        "carrier": view.carrier_id,
        "status": view.status,
        "credit": money_json(view.credit),
        "buckets": [
            {
                "id": bucket.id,
                "asset": bucket.asset,
                "kind": bucket.kind,
                "amount": bucket.amount,
                "available": bucket.available,
                "usable_until": bucket.usable_until,
                "rule": dict(bucket.rule),
            }
            for bucket in view.buckets
        ],
    }
