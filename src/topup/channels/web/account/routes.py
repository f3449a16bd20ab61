"""Every address of an account's pages."""

from dataclasses import dataclass

from topup.care.personal import leaving
from topup.channels.web.account.codes import CodePages
from topup.channels.web.account.data import DataPages
from topup.channels.web.account.devices import DevicePages
from topup.channels.web.account.ending import EndingPages
from topup.channels.web.account.entering import EnteringPages
from topup.channels.web.account.lines import LinePages
from topup.channels.web.account.overview import OverviewPages
from topup.channels.web.account.passkeys import PasskeyPages
from topup.channels.web.account.points import PointsPages
from topup.channels.web.account.safety import SafetyPages
from topup.channels.web.account.settings import SettingsPages
from topup.channels.web.keeping import Keeping
from topup.channels.web.routing import Route
from topup.channels.web.visitors import SIGN_IN, Visitors
from topup.lines.binding import Binding
from topup.lines.owners import OwnNumbers
from topup.people.subscribers.changes import Changes
from topup.people.subscribers.codes import PER_ADDRESS, limits
from topup.people.subscribers.entering import Entrance
from topup.people.subscribers.leaving import Leaving
from topup.people.subscribers.passkeys import Passkeys
from topup.platform.database import Database
from topup.platform.keys import KeyRing


@dataclass(frozen=True, slots=True)
class Household:
    """What an account's pages work with."""

    database: Database
    keyring: KeyRing
    visitors: Visitors
    keeping: Keeping
    changes: Changes
    entrance: Entrance
    binding: Binding
    passkeys: Passkeys
    leaving: Leaving
    mailbox: str = ""
    """The page where codes can be read, in a demonstration."""


def household(
    *,
    database: Database,
    keyring: KeyRing,
    visitors: Visitors,
    keeping: Keeping,
    lanes: int,
    codes_per_address: int = PER_ADDRESS,
    mailbox: str = "",
) -> Household:
    """The rooms behind the pages."""
    numbers, limited = OwnNumbers(), limits(per_address=codes_per_address)
    entrance = Entrance(database=database, keyring=keyring, numbers=numbers, lanes=lanes, limited=limited)
    return Household(
        database=database,
        keyring=keyring,
        visitors=visitors,
        keeping=keeping,
        changes=Changes(database=database, keyring=keyring, numbers=numbers, lanes=lanes, limited=limited),
        entrance=entrance,
        binding=Binding(database=database, keyring=keyring, lanes=lanes, limited=limited),
        passkeys=Passkeys(database=database, keyring=keyring, entrance=entrance),
        leaving=leaving(database=database, keyring=keyring),
        mailbox=mailbox,
    )


def account_routes(house: Household, *, public_url: str) -> list[Route]:
    """The pages of an account. `public_url` is where passkeys are for."""
    visitors, keeping = house.visitors, house.keeping
    only, fresh = visitors.only, visitors.fresh
    entering = EnteringPages(entrance=house.entrance, visitors=visitors, keeping=keeping, mailbox=house.mailbox)
    overview = OverviewPages(database=house.database, keyring=house.keyring, visitors=visitors)
    codes = CodePages(changes=house.changes, binding=house.binding, keeping=keeping, mailbox=house.mailbox)
    lines = LinePages(database=house.database, keyring=house.keyring, codes=codes, keeping=keeping)
    devices = DevicePages(database=house.database)
    safety = SafetyPages(database=house.database, changes=house.changes, keeping=keeping)
    passkeys = PasskeyPages(passkeys=house.passkeys, visitors=visitors, database=house.database, public_url=public_url)
    settings = SettingsPages(changes=house.changes, codes=codes, keeping=keeping)
    ending = EndingPages(changes=house.changes, leaving=house.leaving)
    data = DataPages(leaving=house.leaving)
    points = PointsPages(database=house.database)
    return [
        ("GET", SIGN_IN, entering.door),
        ("POST", SIGN_IN, entering.ask),
        ("GET", "/account/sign-in/again/{token:str}", entering.door_again),
        ("GET", "/account/sign-in/password", entering.password_door),
        ("POST", "/account/sign-in/password", entering.by_password),
        ("GET", "/account/sign-in/password/{token:str}", entering.password_door_again),
        ("POST", "/account/sign-in/passkey/challenge", passkeys.ask_to_enter),
        ("POST", "/account/sign-in/passkey", passkeys.enter),
        ("GET", "/account/code/{token:str}", entering.code),
        ("POST", "/account/code/{token:str}", entering.enter),
        ("POST", "/account/code/{token:str}/again", entering.ask_again),
        ("GET", "/account", only(overview.overview)),
        ("POST", "/account/seen", only(overview.seen)),
        ("POST", "/account/sign-out", only(overview.sign_out)),
        ("GET", "/account/confirm", only(codes.confirm)),
        ("POST", "/account/confirm", only(codes.ask_confirmation)),
        ("GET", "/account/codes/{token:str}", only(codes.code)),
        ("POST", "/account/codes/{token:str}", only(codes.take)),
        ("POST", "/account/codes/{token:str}/again", only(codes.again)),
        ("GET", "/account/lines", only(lines.listed)),
        ("POST", "/account/lines", only(lines.add)),
        ("GET", "/account/lines/again/{token:str}", only(lines.listed)),
        ("POST", "/account/lines/{line_id:str}/name", only(lines.call)),
        ("POST", "/account/lines/{line_id:str}/first", only(lines.put_first)),
        ("POST", "/account/lines/{line_id:str}/remove", only(lines.remove)),
        ("GET", "/account/devices", only(devices.listed)),
        ("POST", "/account/devices/{device_id:str}/sign-out", only(devices.sign_out)),
        ("POST", "/account/devices/sign-out-others", only(devices.sign_out_others)),
        ("GET", "/account/safety", only(safety.safety)),
        ("GET", "/account/password", fresh(safety.password)),
        ("POST", "/account/password", fresh(safety.set_password)),
        ("GET", "/account/password/{token:str}", fresh(safety.password)),
        ("POST", "/account/password/remove", fresh(safety.remove_password)),
        ("POST", "/account/passkeys/challenge", fresh(passkeys.ask_to_add)),
        ("POST", "/account/passkeys", fresh(passkeys.add)),
        ("GET", "/account/passkeys", fresh(passkeys.listed)),
        ("POST", "/account/passkeys/{passkey_id:str}/remove", fresh(passkeys.remove)),
        ("GET", "/account/settings", only(settings.settings)),
        ("POST", "/account/settings", only(settings.choose)),
        ("GET", "/account/email", fresh(settings.email)),
        ("POST", "/account/email", fresh(settings.ask_email)),
        ("GET", "/account/email/{token:str}", fresh(settings.email)),
        ("POST", "/account/email/remove", fresh(settings.remove_email)),
        ("GET", "/account/number", fresh(settings.number)),
        ("POST", "/account/number", fresh(settings.ask_number)),
        ("GET", "/account/number/{token:str}", fresh(settings.number)),
        ("GET", "/account/delete", fresh(ending.ask)),
        ("POST", "/account/delete", fresh(ending.end)),
        ("POST", "/account/delete/stay", only(ending.stay)),
        ("GET", "/account/points", only(points.listed)),
        ("GET", "/account/data", only(data.data)),
        ("GET", "/account/data/take", fresh(data.take)),
    ]
