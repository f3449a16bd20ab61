"""`topup adjust`: credit given to a line or taken from it, for a reason that stays on the record."""

from typing import Any

from rich.markup import escape

from topup.catalogue.queries import CatalogueCache
from topup.channels.cli.exits import Exit
from topup.channels.cli.ports import Runtime
from topup.channels.cli.screen import money_json, out, print_json
from topup.channels.cli.speech import locale, say
from topup.charging.adjustments import Adjustment, Adjustments, AdjustmentWish, parse_signed
from topup.kernel.errors import Invalid
from topup.kernel.ids import AdjustmentId, new_id
from topup.kernel.money import InvalidMoney, Money
from topup.platform.i18n import format_money
from topup.platform.settings import Settings


async def adjust_line(
    runtime: Runtime, settings: Settings, *, number: str, amount: str, reason: str, note: str, as_json: bool
) -> Exit:
    """Give or take. Raises the Problems of `Adjustments.make`, and signed_amount_unreadable."""
    async with runtime.store(settings) as store:
        adjustments = Adjustments(database=store.database, catalogue=CatalogueCache())
        msisdn, line, currency = await adjustments.line(number=number)
        try:
            signed = parse_signed(amount, currency)
        except InvalidMoney as error:
            raise Invalid("signed_amount_unreadable", currency=currency) from error
        wish = AdjustmentWish(msisdn, signed, reason, note, "cli")
        made = await adjustments.make(adjustment_id=AdjustmentId(new_id("adjustment", line.lane)), wish=wish)
    if as_json:
        print_json(_adjustment_json(made))
        return Exit.DONE
    shown = format_money(Money(abs(made.amount_minor), made.currency), locale())
    words = say("adjust.given" if made.amount_minor > 0 else "adjust.taken", amount=shown, number=msisdn.grouped())
    out.print(f" [bold green]✓[/]  [bold]{escape(words)}[/]")
    out.print(f"    [dim]{say('adjust.id')}[/]  {made.id}")
    return Exit.DONE


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
