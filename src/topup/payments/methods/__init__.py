"""Ways to pay that are of the house itself, behind the port of gateways.

Unlike plugins they may use the database and the ledger. Each is chosen by its table in `plugins.toml`, as a plugin is.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from topup.catalogue.queries import CatalogueCache
from topup.payments.ports import Gateway
from topup.platform.database import Database
from topup.platform.installation import Installation
from topup.platform.keys import KeyRing


class Stored(Protocol):
    """What these methods need of an installation."""

    @property
    def database(self) -> Database:
        """Where everything is written down."""
        ...

    @property
    def keyring(self) -> KeyRing:
        """What seals and signs."""
        ...

    @property
    def installation(self) -> Installation:
        """How many lanes there are."""
        ...


def own_methods(wanted: Mapping[str, Any], *, store: Stored, catalogue: CatalogueCache) -> dict[str, Gateway]:
    """The methods that `wanted` names, with their settings (`settings.OWN`), by name."""
    made: dict[str, Gateway] = {}
    for name, values in wanted.items():
        made[name] = _made(name, values, store, catalogue)
    return made


def _made(name: str, values: Any, store: Stored, catalogue: CatalogueCache) -> Gateway:
    match name:
        case "balance":
            from topup.payments.methods.balance import Balance  # noqa: PLC0415

            return Balance(database=store.database, catalogue=catalogue)
        case "bank_transfer":
            from topup.payments.methods.bank_transfer import BankTransfer  # noqa: PLC0415

            return BankTransfer(values, database=store.database)
        case "card_terminal":
            from topup.payments.methods.card_terminal import CardTerminal  # noqa: PLC0415

            return CardTerminal(database=store.database)
        case "cash":
            from topup.payments.methods.cash import Cash  # noqa: PLC0415

            return Cash(database=store.database)
        case "voucher":
            from topup.payments.methods.voucher import Vouchers  # noqa: PLC0415

            return Vouchers(database=store.database, keys=store.keyring, lanes=store.installation.lanes)
        case _:
            raise LookupError(name)
