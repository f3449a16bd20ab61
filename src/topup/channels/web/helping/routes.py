"""Every address of the pages of help."""

from topup.care.desk import Care
from topup.channels.web.helping.asking import OrderHelpPages
from topup.channels.web.helping.checking import CheckPages
from topup.channels.web.helping.index import IndexPages
from topup.channels.web.helping.official import OfficialPages
from topup.channels.web.helping.places import PlacePages
from topup.channels.web.helping.times import TimePages
from topup.channels.web.helping.writing import TicketPages
from topup.channels.web.keeping import Keeping
from topup.channels.web.routing import Route
from topup.orders.desk import Desk


def help_routes(care: Care, desk: Desk, keeping: Keeping) -> list[Route]:
    """The routes, each with what shows its page."""
    index = IndexPages(care, keeping)
    checks = CheckPages(care, keeping)
    tickets = TicketPages(care, keeping, checks)
    orders = OrderHelpPages(care, desk, keeping)
    official = OfficialPages(care, desk, keeping)
    places = PlacePages(care, keeping)
    times = TimePages(care)
    return [
        ("GET", "/help", index.index),
        ("POST", "/help/search", index.search),
        ("GET", "/help/found/{token:str}", index.found),
        ("GET", "/help/not-arrived", checks.not_arrived),
        ("GET", "/help/no-network", checks.no_network),
        ("POST", "/help/check", checks.begin),
        ("GET", "/help/check/{token:str}", checks.step),
        ("POST", "/help/check/{token:str}", checks.answer),
        ("GET", "/help/write", tickets.form),
        ("GET", "/help/write/{about:str}", tickets.form),
        ("POST", "/help/write", tickets.write),
        ("GET", "/help/tickets", tickets.mine),
        ("GET", "/help/tickets/{ticket_id:str}", tickets.ticket),
        ("POST", "/help/tickets/{ticket_id:str}", tickets.add),
        ("POST", "/help/tickets/{ticket_id:str}/solved", tickets.solved),
        ("GET", "/help/official", official.form),
        ("POST", "/help/official", official.ask),
        ("GET", "/help/official/{token:str}", official.told),
        ("GET", "/help/shops", places.list),
        ("POST", "/help/shops/near", places.near),
        ("GET", "/help/shops/{place_id:str}", places.one),
        ("GET", "/help/times", times.times),
        ("GET", "/orders/{order_id:str}/help", orders.index),
        ("POST", "/orders/{order_id:str}/help/call-off", orders.call_off),
        ("GET", "/orders/{order_id:str}/help/{wish:str}", orders.form),
        ("POST", "/orders/{order_id:str}/help/{wish:str}", orders.ask),
    ]
