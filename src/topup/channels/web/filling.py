"""The first screen with a number filled in, and what was chosen for it last."""

from dataclasses import replace

from topup.channels.web.offering import Filled, offering
from topup.channels.web.rendering import Page, WebRequest, page, reader_of
from topup.kernel.money import Money
from topup.kernel.msisdn import Msisdn
from topup.orders.desk import Desk
from topup.orders.habits import Habit


async def filled_in(
    request: WebRequest, desk: Desk, *, payer_id: str, e164: str, wanted_minor: int | None = None
) -> Page:
    """The amounts for a number, with `wanted_minor` of credit chosen, or what the payer chose for it last. Raises as
    `Desk.products`.
    """
    products = await desk.products(text=e164)
    habit = await desk.habit(payer_id=payer_id, number=e164)
    if wanted_minor is not None:
        habit = replace(habit, product=None, face=Money(wanted_minor, products.number.currency))
    reader = reader_of(request)
    filled = _filled(habit, number=products.number.msisdn)
    offer = offering(products, reader.wording, chosen=filled.choice, elder=reader.elder)
    if filled.choice.startswith("credit:") and not offer.has_tile(filled.choice) and offer.free and habit.face:
        filled = Filled(filled.number, "free", habit.face.to_major())
    return page(request, "start.html", form=filled, offer=offer, picks=(), slow="")


def _filled(habit: Habit, *, number: Msisdn) -> Filled:
    if habit.product:
        return Filled(number.grouped(), f"pack:{habit.product}")
    return Filled(number.grouped(), f"credit:{habit.face.amount_minor}" if habit.face else "")
