"""Looking things up: a line's balance, an order."""

from topup.channels.cli.exits import Exit
from topup.channels.cli.ports import Runtime
from topup.channels.cli.rendering import balance, balance_json, order_details, order_json
from topup.channels.cli.screen import print_json, show
from topup.platform.settings import Settings


async def show_balance(runtime: Runtime, settings: Settings, *, number: str, as_json: bool) -> Exit:
    """What a line has. Whoever may run this command may read the database: no further permission is asked."""
    async with runtime.house(settings, outside=False) as house:
        view = await house.desk.balance(number=number)
    if as_json:
        print_json(balance_json(view))
    else:
        show(balance(view))
    return Exit.DONE


async def show_order(runtime: Runtime, settings: Settings, *, order_id: str, as_json: bool) -> Exit:
    """An order as it stands. It was found, so the exit code is DONE whatever became of it."""
    async with runtime.house(settings, outside=False) as house:
        order = await house.desk.get_order(order_id=order_id)
    if as_json:
        print_json(order_json(order))
    else:
        show(order_details(order))
    return Exit.DONE
