"""The ways to pay at the command line: shown with what each costs before one is chosen, and what each must be told."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from topup.channels.cli.ports import ANY_METHOD
from topup.channels.cli.screen import ask_text, err, out
from topup.channels.cli.speech import locale, say
from topup.kernel.errors import Invalid, Unavailable
from topup.orders.desk import Desk
from topup.orders.paying import Presented
from topup.orders.views import Exchange, MethodView, PayView
from topup.orders.wording import currency_name, exchange_words, method_name, source_words
from topup.payments.ports import Scene
from topup.platform.i18n import format_money
from topup.platform.web.problems import words_of

BALANCE, CASH, VOUCHER = "balance", "cash", "voucher"


@dataclass(frozen=True, slots=True)
class Paying:
    """What was typed of how to pay. `code` is what the payer shows: a voucher's PIN, a wallet's payment code;
    `from_line` the number of the line whose balance pays; `-` for the code has it read from the terminal or standard
    input, where no list of processes shows it.
    """

    method: str | None = None
    currency: str | None = None
    from_line: str | None = None
    code: str | None = field(default=None, repr=False)

    @property
    def wanted(self) -> str | None:
        """The method, as far as it was said."""
        return self.method or (BALANCE if self.from_line else None)

    @property
    def simulated(self) -> str:
        """What a demonstration must simulate: whatever may be chosen yet."""
        return self.wanted or ANY_METHOD


@dataclass(frozen=True, slots=True)
class Way:
    """How it will be paid: everything that the desk is told."""

    method: str
    pay: PayView
    scene: Scene
    presented: Presented = field(repr=False)


def check_method(paying: Paying, known: Sequence[str]) -> None:
    """That there is such a way at all, before anything else is asked. Raises Invalid pay_unknown."""
    if paying.wanted is not None and paying.wanted.partition(":")[0] not in known:
        raise Invalid("pay_unknown", known=list(known))


async def ways(desk: Desk, *, quote_id: str) -> list[MethodView]:
    """How a quote can be paid here: as at a computer, and with notes at a counter."""
    found = await desk.methods(quote_id=quote_id, scene=Scene.DESKTOP, payer_known=True)
    there = {view.method: view for view in await desk.methods(quote_id=quote_id, scene=Scene.COUNTER, payer_known=True)}
    return sorted(
        (there[view.method] if view.method == CASH else view for view in found),
        key=lambda view: view.unavailable is not None,
    )


def choose(found: Sequence[MethodView]) -> str | None:
    """Have one chosen in the terminal: `stripe`, or `stripe:USD`. None where nobody answers."""
    rows = [(view, pay) for view in found for pay in view.pay]
    err.print(_table(found, rows))
    if not rows:
        return None
    answer = ask_text(say("ways.which", most=len(rows)), default="1")
    if not answer:
        return None
    if not (answer.isascii() and answer.isdigit() and 1 <= int(answer) <= len(rows)):
        raise Invalid("ways_no_such", answer=answer, most=len(rows))
    view, pay = rows[int(answer) - 1]
    return view.method if pay.exchange is None else f"{view.method}:{pay.amount.currency}"


def _table(found: Sequence[MethodView], rows: Sequence[tuple[MethodView, PayView]]) -> RenderableType:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(justify="right")
    table.add_column()
    table.add_column(justify="right")
    table.add_column(style="dim")
    for number, (view, pay) in enumerate(rows, start=1):
        name = method_name(view.method, locale=locale())
        if pay.exchange:
            name = f"{name} · {currency_name(pay.amount.currency, locale=locale())}"
        fee = say("ways.fee", fee=view.fee) if view.fee.amount_minor else say("ways.no_fee")
        more = f"{fee} · {exchange_words(pay.exchange, locale=locale())}" if pay.exchange else fee
        table.add_row(f" {number}", name, format_money(pay.amount, locale()), more)
    closed = [
        Text(f"    {method_name(view.method, locale=locale())}: {_why_not(view.unavailable)}", style="dim")
        for view in found
        if view.unavailable
    ]
    return Group(Text(""), table, *closed, Text(""))


def _why_not(code: str) -> str:
    return words_of(Unavailable(code), locale=locale())[0]


def the_way(found: Sequence[MethodView], paying: Paying, *, chosen: str, interactive: bool) -> Way:
    """Everything the desk must be told for the way that was chosen. Raises Invalid: pay_unknown, pay_not_now,
    pay_currency_unknown, from_line_missing, from_line_alone, code_missing.
    """
    method, _, currency = chosen.partition(":")
    view = next((one for one in found if one.method == method), None)
    if view is None:
        raise Invalid("pay_unknown", known=[one.method for one in found if one.unavailable is None])
    code, scene = paying.code, Scene.DESKTOP
    if method == CASH:
        scene = Scene.COUNTER
    elif code is not None and method != VOUCHER:
        # A wallet's code is what a counter scans; whether it may be, only the wallet's gateway knows.
        scene = Scene.COUNTER
    elif view.unavailable is not None:
        raise Invalid("pay_not_now", why=_why_not(view.unavailable))
    if method == VOUCHER or code == "-":
        code = _code(code, interactive=interactive)
    if (method == BALANCE) != (paying.from_line is not None):
        raise Invalid("from_line_missing" if method == BALANCE else "from_line_alone")
    return Way(method, _pay(view, currency or paying.currency), scene, Presented(
        payment_code=code, wallet_user=paying.from_line
    ))  # fmt: skip


def _code(typed: str | None, *, interactive: bool) -> str:
    if typed not in {None, "-"}:
        return str(typed)
    if typed is None and not interactive:
        raise Invalid("code_missing")
    code = ask_text(say("ways.code"), secret=True)
    if not code:
        raise Invalid("code_missing")
    return code


def _pay(view: MethodView, currency: str | None) -> PayView:
    wanted = currency.upper() if currency else view.total.currency
    for pay in view.pay:
        if pay.amount.currency == wanted:
            return pay
    if currency is None or wanted == view.total.currency:
        # In another scene than it was asked about, or not at all: its gateway will say.
        return PayView(view.total)
    raise Invalid("pay_currency_unknown", known=[pay.amount.currency for pay in view.pay])


def show_exchange(found: Exchange, *, zone: str) -> None:
    """How the price becomes what is paid, and who says the rate."""
    out.print(f"  [bold]{format_money(found.paid, locale())}[/]  {exchange_words(found, locale=locale())}")
    out.print(f"  [dim]{source_words(found, zone=zone, locale=locale())}[/]\n")
