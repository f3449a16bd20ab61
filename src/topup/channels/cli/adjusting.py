"""`topup adjust`: credit given to a line or taken from it, for a reason that stays on the record."""

from dataclasses import dataclass
from typing import Any

from rich.markup import escape

from topup.catalogue.queries import CatalogueCache, Snapshot
from topup.channels.cli.exits import Exit
from topup.channels.cli.ports import Runtime
from topup.channels.cli.screen import ask, complain_in_words, err, money_json, out, print_json
from topup.channels.cli.speech import locale, say
from topup.charging.adjustments import AboveAlone, Adjustment, Adjustments, AdjustmentWish, check_wish, parse_signed
from topup.charging.approving import Approving, asking_for
from topup.kernel.errors import Conflict, Invalid
from topup.kernel.ids import AdjustmentId, new_id
from topup.kernel.money import InvalidMoney, Money
from topup.kernel.msisdn import Msisdn
from topup.lines.queries import LineRef
from topup.orders.accounts import balance_of
from topup.platform.database import Database
from topup.platform.i18n import format_money
from topup.platform.settings import Settings
from topup.work.approvals import Approvals
from topup.work.limits import Alone


@dataclass(frozen=True, slots=True)
class AdjustAsked:
    """What was typed."""

    number: str
    amount: str
    reason: str
    note: str
    yes: bool
    as_json: bool


async def adjust_line(runtime: Runtime, settings: Settings, asked: AdjustAsked) -> Exit:
    """Give or take, after asking.

    Above the ceiling of one person another is asked to approve. Raises the Problems of `Adjustments.make` and of
    `Approvals.request`, Invalid signed_amount_unreadable, and Conflict adjust_too_much where the line has less than is
    to be taken.
    """
    if not asked.yes and (asked.as_json or not err.is_terminal):
        complain_in_words(say("adjust.needs_yes"), say("adjust.needs_yes.do"))
        return Exit.USAGE
    async with runtime.store(settings) as store:
        adjustments = Adjustments(database=store.database, catalogue=CatalogueCache())
        msisdn, line, currency = await adjustments.line(number=asked.number)
        wish = AdjustmentWish(msisdn, _amount(asked.amount, currency), asked.reason, asked.note, "cli")
        check_wish(wish)
        balance = await _balance(store.database, msisdn)
        _check_there(wish, balance)
        if not asked.yes and not ask(_question(wish, balance)):
            err.print(f"[dim]{say('adjust.nothing_done')}[/]")
            return Exit.REFUSED
        try:
            alone = Alone.of(settings.adjust_ceiling(currency), currency)
            made = await _made(adjustments, AdjustmentId(new_id("adjustment", line.lane)), wish, balance, alone)
        except AboveAlone:
            return await _ask_another(store.database, adjustments, wish, line, as_json=asked.as_json)
    if asked.as_json:
        print_json(_adjustment_json(made))
        return Exit.DONE
    words = say("adjust.given" if made.amount_minor > 0 else "adjust.taken", **_facts(wish))
    out.print(f" [bold green]✓[/]  [bold]{escape(words)}[/]")
    out.print(f"    [dim]{say('adjust.id')}[/]  {made.id}")
    return Exit.DONE


def _amount(text: str, currency: str) -> Money:
    try:
        return parse_signed(text, currency)
    except InvalidMoney as error:
        raise Invalid("signed_amount_unreadable", currency=currency) from error


@dataclass(frozen=True, slots=True)
class CommandLine:
    """Whoever may run commands on this machine."""

    id: str = "cli"
    role: str = "cli"

    def may(self, permission: str) -> bool:
        """Anything: the machine lets them."""
        return bool(permission)


async def _ask_another(
    database: Database, adjustments: Adjustments, wish: AdjustmentWish, line: LineRef, *, as_json: bool
) -> Exit:
    """Have somebody of the staff approve what is above the ceiling of one person."""
    approvals = Approvals(database=database, kinds=Approving(adjustments).kinds())
    asked = await approvals.request(CommandLine(), asking_for(wish, line))
    if as_json:
        print_json({"id": asked.id, "status": asked.state.value, "expires_at": asked.expires_at})
        return Exit.UNRESOLVED
    out.print(f" [bold]…[/]  {escape(say('adjust.asked', **_facts(wish)))}")
    out.print(f"    [dim]{say('adjust.request')}[/]  {asked.id}")
    return Exit.UNRESOLVED


async def _balance(database: Database, number: Msisdn) -> Money:
    async with database.read() as transaction:
        snapshot = await Snapshot.load(transaction.connection)
        return (await balance_of(transaction.connection, number, snapshot, transaction.now)).credit


def _check_there(wish: AdjustmentWish, balance: Money) -> None:
    """Nobody is asked about what cannot be done. The ledger has the last word, under its lock."""
    if balance.amount_minor + wish.amount.amount_minor < 0 < balance.amount_minor:
        raise Conflict("adjust_too_much", who=None, **_facts(wish), balance=_words(balance))
    if balance.amount_minor + wish.amount.amount_minor < 0:
        raise Conflict("adjust_none_there", who=None, **_facts(wish))


def _question(wish: AdjustmentWish, balance: Money) -> str:
    after = Money(balance.amount_minor + wish.amount.amount_minor, balance.currency)
    asked = "adjust.give_now" if wish.amount.amount_minor > 0 else "adjust.take_now"
    reason = say(f"adjust.reason.{wish.reason}")
    return say(asked, **_facts(wish), reason=reason, before=_words(balance), after=_words(after))


def _facts(wish: AdjustmentWish) -> dict[str, str]:
    amount = Money(abs(wish.amount.amount_minor), wish.amount.currency)
    return {"amount": _words(amount), "number": wish.number.grouped()}


def _words(money: Money) -> str:
    return format_money(money, locale())


async def _made(
    adjustments: Adjustments, adjustment_id: AdjustmentId, wish: AdjustmentWish, balance: Money, alone: Alone
) -> Adjustment:
    """Made; where the line used meanwhile what was to be taken, that is said to staff and not to the line's owner."""
    try:
        return await adjustments.make(adjustment_id=adjustment_id, wish=wish, alone=alone)
    except Conflict as problem:
        if problem.code != "insufficient_funds":
            raise
        raise Conflict("adjust_used_meanwhile", who=None, **_facts(wish), balance=_words(balance)) from problem


def _adjustment_json(made: Adjustment) -> dict[str, Any]:
    """An adjustment for programs: the names of the REST API."""
    return {
        "id": made.id,
        "status": made.state.value,
        "number": made.msisdn,
        "line_id": made.line_id,
        "amount": money_json(made.amount),
        "reason": made.reason.value,
        "note": made.note,
        "made_by": made.made_by,
        "created_at": made.created_at,
    }
