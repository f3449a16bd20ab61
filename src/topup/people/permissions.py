"""Who may do what: one table of roles and permissions. Nothing is allowed that is not in it."""

from enum import StrEnum
from typing import Final


class Permission(StrEnum):
    """One thing that a key may be allowed."""

    READ_LINES = "lines.read"
    """Balances of any line, what became of them, what it used, shares and adjustments."""
    READ_ORDERS = "orders.read"
    """Orders whose id one holds no capability for."""
    READ_WORK = "work.read"
    """The list of what a person must decide."""
    READ_LEDGER = "ledger.read"
    """Accounts, transfers, signed heads."""
    READ_METRICS = "metrics.read"
    """Metrics and the details of readiness."""
    DECIDE_WORK = "work.decide"
    """Close an item of that list."""
    SHARE_CREDIT = "credit.share"
    """Send credit of one line to another, as its owner asks."""
    ADJUST_CREDIT = "credit.adjust"
    """Give credit to a line or take it, for a reason."""
    CHARGE_USAGE = "usage.charge"
    """Have calls, data and messages of any line charged, and hold what they may cost."""


class Role(StrEnum):
    """The roles a key may be made with."""

    OPERATOR = "operator"
    """Runs the installation."""
    SUPPORT = "support"
    """Helps customers."""
    AUDITOR = "auditor"
    """Checks the books; sees no line and no order of a person."""
    READER = "reader"
    """Reads lines and orders, for another system of the operator's."""
    NETWORK = "network"
    """A part of the network that says what lines use; it sees no balance."""


PERMISSIONS: Final[dict[Role, frozenset[Permission]]] = {
    Role.OPERATOR: frozenset(Permission),
    Role.SUPPORT: frozenset(
        {
            Permission.READ_LINES,
            Permission.READ_ORDERS,
            Permission.READ_WORK,
            Permission.DECIDE_WORK,
            Permission.SHARE_CREDIT,
        }
    ),
    Role.AUDITOR: frozenset({Permission.READ_LEDGER, Permission.READ_WORK, Permission.READ_METRICS}),
    Role.READER: frozenset({Permission.READ_LINES, Permission.READ_ORDERS}),
    Role.NETWORK: frozenset({Permission.CHARGE_USAGE}),
}


def allowed(role: Role, permission: str) -> bool:
    """Whether `role` may do `permission`; raises ValueError for a permission that does not exist."""
    return Permission(permission) in PERMISSIONS[role]
