"""What an account of staff may do that one person alone has made, reset or given more to do: too little to be the
second person of anything.

Whoever looks after staff sees the code of an account they invite, and could be that person too. So until somebody else
has confirmed it, an account neither asks for nor decides what takes two, nor looks after staff.
"""

from typing import Final

from topup.people.permissions import PERMISSIONS, Permission, Role, allowed

UNCONFIRMED_MAY: Final = frozenset(one for one in Permission if one.value.endswith(".read")) | {
    Permission.DECIDE_WORK,
    Permission.SHARE_CREDIT,
    Permission.PAY_FROM_BALANCE,
    Permission.KEEP_TILL,
    Permission.COUNT_TILL,
}
"""What one person may do in any case: read, and serve. All else, a new permission too, waits for the second one."""


def may(role: Role, permission: str, *, confirmed: bool) -> bool:
    """Whether an account of staff may; raises ValueError for a permission that does not exist."""
    return allowed(role, permission) and (confirmed or permission in UNCONFIRMED_MAY)


def is_waiting(role: Role, permission: str, *, confirmed: bool) -> bool:
    """Whether all that stands in the way is that nobody has confirmed the account."""
    return allowed(role, permission) and not may(role, permission, confirmed=confirmed)


def gains(before: Role, after: Role) -> bool:
    """Whether another role lets somebody do more of what takes a second person."""
    return bool(PERMISSIONS[after] - PERMISSIONS[before] - UNCONFIRMED_MAY)
