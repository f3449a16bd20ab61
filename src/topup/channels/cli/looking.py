"""Looking things up: a line's balance, an order."""

from topup.catalogue.queries import Snapshot
from topup.channels.cli.exits import Exit
from topup.channels.cli.ports import Runtime, Store
from topup.channels.cli.rendering import balance, balance_json, order_details, order_json
from topup.channels.cli.screen import print_json, show
from topup.channels.cli.speech import locale
from topup.kernel.errors import NotFound
from topup.kernel.msisdn import parse_msisdn
from topup.lines.queries import route
from topup.orders.wording import name_in
from topup.platform.settings import Settings


async def show_balance(runtime: Runtime, settings: Settings, *, number: str, as_json: bool) -> Exit:
    """What a line has. Whoever may run this command may read the database: no further permission is asked.

    Raises NotFound: `line_unknown`, `balance_elsewhere` for a number of a carrier that keeps its own balances,
    `balance_not_opened` for one whose first top-up opens its line.
    """
    async with runtime.house(settings, outside=False) as house:
        try:
            view = await house.desk.balance(number=number)
        except NotFound:
            await _refuse_elsewhere(house.store, number)
            raise
    if as_json:
        print_json(balance_json(view))
    else:
        show(balance(view))
    return Exit.DONE


async def _refuse_elsewhere(store: Store, number: str) -> None:
    """Raise what says more than that there is no such line, where there is more to say."""
    msisdn = parse_msisdn(number)
    async with store.database.read() as transaction:
        snapshot = await Snapshot.load(transaction.connection)
        way = (await route(transaction.connection, [msisdn], snapshot, lanes=store.installation.lanes))[0]
    carrier = snapshot.carrier(way.carrier_id) if way.carrier_id else None
    if carrier is not None and not carrier.is_own_network:
        raise NotFound("balance_elsewhere", carrier=name_in(carrier.document.names, locale=locale()))
    if carrier is not None and way.line is None and not way.barred and carrier.document.opens_lines_on_first_credit:
        name = name_in(carrier.document.names, locale=locale())
        raise NotFound("balance_not_opened", number=msisdn.grouped(), carrier=name)


async def show_order(runtime: Runtime, settings: Settings, *, order_id: str, as_json: bool) -> Exit:
    """An order as it stands. It was found, so the exit code is DONE whatever became of it."""
    async with runtime.house(settings, outside=False) as house:
        order = await house.desk.get_order(order_id=order_id)
    if as_json:
        print_json(order_json(order))
    else:
        show(order_details(order))
    return Exit.DONE
