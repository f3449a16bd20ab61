"""Who may do what: one table of roles and permissions. Nothing is allowed that is not in it."""

from enum import StrEnum
from typing import Final


class Permission(StrEnum):
    """One thing that a key may be allowed."""

    READ_LINES = "lines.read"
    """Balances of any line, what became of them, what it used, shares and adjustments."""
    BAR_LINES = "lines.bar"
    """Bar a line, so that it takes no top-up, and lift the bar; block its SIM card, and unblock it; stop what tops it
    up by itself.
    """
    REPLACE_CARDS = "cards.replace"
    """Hand another SIM card over at a till, which takes the line from whoever has the old one."""
    CHANGE_PLANS = "plans.change"
    """Change the plan of a line at a till, as whoever shows its owner's document wants it."""
    APPROVE_CARDS = "cards.approve"
    """Agree, beside a colleague, to another SIM card for a line whose owner is not known, or that just had one."""
    READ_ORDERS = "orders.read"
    """Orders whose id one holds no capability for."""
    SEARCH_RECORDS = "records.search"
    """Find any order and any line, and see its whole number."""
    READ_BOARD = "board.read"
    """How sales go: what came in of late, what waits, and money that is frozen."""
    READ_WORK = "work.read"
    """The list of what a person must decide."""
    ASK_WORK = "work.ask"
    """Ask that something of that list be settled in one of the ways it has; each way has a permission of its own."""
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
    REQUEST_REFUND = "refunds.request"
    """Ask that money go back to who paid."""
    APPROVE_REFUND = "refunds.approve"
    """Decide what another asked for: whether money goes back."""
    APPROVE_ADJUSTMENT = "adjustments.approve"
    """Decide what another asked for: an adjustment above the ceiling."""
    RESOLVE_PAYMENT = "payments.resolve"
    """Say what became of a payment that its gateway says nothing of, with the evidence."""
    APPROVE_PAYMENT = "payments.approve"
    """Decide whether what another says of such a payment is so."""
    SETTLE_DIFFERENCE = "differences.settle"
    """Ask that a difference between a bill, a till or the bank and our books be accepted or written off."""
    APPROVE_DIFFERENCE = "differences.approve"
    """Decide what another asked for: whether a difference is accepted or written off."""
    ANSWER_TICKETS = "tickets.answer"
    """Read what people wrote to us, and write back."""
    ANNOUNCE_OUTAGES = "outages.announce"
    """Say that a carrier's network does not work, and that it does again."""
    READ_BILLS = "bills.read"
    """Providers' days held against our books."""
    SIGN_DAYS = "days.sign"
    """Answer for a provider's day whose sums tie and of which nothing is open."""
    READ_EVIDENCE = "evidence.read"
    """What a provider or a bank sent, word for word, with what is personal in it; each look is in the trail."""
    PAY_FROM_BALANCE = "balance.pay"
    """Pay for a top-up from the balance of a line, as its owner asks."""
    KEEP_TILL = "tills.keep"
    """Open a till, sell at it, take money and hand it back."""
    COUNT_TILL = "tills.count"
    """End keeping a till by a count, or hand it over to a colleague."""
    CHECK_TILLS = "tills.check"
    """Look into others' tills: what should be in a drawer before it is counted; allow what is bought with its money."""
    EXPORT_PEOPLE = "accounts.export"
    """Take all that is kept about a subscriber, as they asked for it in writing; each time is in the trail."""
    REQUEST_ERASURE = "accounts.end"
    """Ask that a subscriber's account end, as they asked for it in writing."""
    APPROVE_ERASURE = "accounts.approve"
    """Decide what another asked for: whether an account ends."""
    EXPLAIN_COUNT = "tills.explain"
    """Say why the count of a till differs, and ask that it be accepted."""
    READ_SETTINGS = "settings.read"
    """What the installation was told, without secrets, and its keys and certificates with their dates."""
    READ_CATALOGUE = "catalogue.read"
    """Carriers' files: versions, drafts, what differs between them, and what they would do."""
    PROPOSE_CATALOGUE = "catalogue.propose"
    """Keep a draft of a carrier's file."""
    PUBLISH_CATALOGUE = "catalogue.publish"
    """Ask that a draft be published, and call off what is planned."""
    APPROVE_CATALOGUE = "catalogue.approve"
    """Decide what another asked for: whether a carrier's file is published."""
    STOP_OFFERS = "offers.stop"
    """Stop a campaign at once, and ask that it go on."""
    SEND_GIFTS = "gifts.send"
    """Send gifts by post: see where to, each look in the trail, say that one left, and what came back of it."""
    READ_TRAIL = "trail.read"
    """The audit trail: who did what, and when."""
    MANAGE_STAFF = "staff.manage"
    """Who works here: accounts, their roles, and their ends."""
    SELL_FROM_FLOAT = "agents.sell"
    """Sell top-ups from one's own float, and see what one sold."""
    READ_AGENTS = "agents.read"
    """Who sells for us, their floats and their statements."""
    MANAGE_AGENTS = "agents.manage"
    """Take agents on, change their terms, give them keys, suspend them."""
    REQUEST_FLOAT = "floats.request"
    """Ask that an agent's float be filled, for what they paid."""
    APPROVE_FLOAT = "floats.approve"
    """Decide what another asked for: whether a float is filled."""
    REQUEST_VOUCHERS = "vouchers.request"
    """Ask that a batch of vouchers be made, and see which there are."""
    APPROVE_VOUCHERS = "vouchers.approve"
    """Decide what another asked for: whether a batch of vouchers is made."""
    REQUEST_COUPONS = "coupons.request"
    """Ask that a batch of an offer's codes be made."""
    APPROVE_COUPONS = "coupons.approve"
    """Decide what another asked for: whether a batch of an offer's codes is made."""


class Role(StrEnum):
    """The roles of staff and of keys."""

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
    CLERK = "clerk"
    """Serves customers at a counter."""
    SUPERVISOR = "supervisor"
    """Leads those who serve customers, and decides what they ask for."""
    FINANCE = "finance"
    """Looks after the money, and decides where it went."""
    SECURITY = "security"
    """Looks after who works here, and reads what they did."""
    AGENT = "agent"
    """An agent's own program: it sells from that agent's float, and reads nothing else."""


PERMISSIONS: Final[dict[Role, frozenset[Permission]]] = {
    Role.OPERATOR: frozenset(Permission),
    Role.SUPPORT: frozenset(
        {
            Permission.READ_LINES,
            Permission.BAR_LINES,
            Permission.READ_ORDERS,
            Permission.ANSWER_TICKETS,
            Permission.SEARCH_RECORDS,
            Permission.READ_BOARD,
            Permission.READ_WORK,
            Permission.ASK_WORK,
            Permission.DECIDE_WORK,
            Permission.SHARE_CREDIT,
            Permission.PAY_FROM_BALANCE,
            Permission.REQUEST_REFUND,
            Permission.RESOLVE_PAYMENT,
            Permission.EXPORT_PEOPLE,
            Permission.REQUEST_ERASURE,
            Permission.READ_EVIDENCE,
            Permission.READ_CATALOGUE,
            Permission.SEND_GIFTS,
        }
    ),
    Role.AUDITOR: frozenset(
        {
            Permission.READ_LEDGER,
            Permission.READ_BILLS,
            Permission.READ_BOARD,
            Permission.READ_WORK,
            Permission.READ_METRICS,
            Permission.READ_SETTINGS,
            Permission.READ_TRAIL,
            Permission.READ_CATALOGUE,
        }
    ),
    Role.READER: frozenset({Permission.READ_LINES, Permission.READ_ORDERS}),
    Role.NETWORK: frozenset({Permission.CHARGE_USAGE}),
    Role.CLERK: frozenset(
        {
            Permission.READ_LINES,
            Permission.READ_ORDERS,
            Permission.REQUEST_REFUND,
            Permission.KEEP_TILL,
            Permission.COUNT_TILL,
            Permission.REPLACE_CARDS,
            Permission.CHANGE_PLANS,
            Permission.EXPLAIN_COUNT,
        }
    ),
    Role.SUPERVISOR: frozenset(
        {
            Permission.READ_LINES,
            Permission.BAR_LINES,
            Permission.READ_ORDERS,
            Permission.ANSWER_TICKETS,
            Permission.REPLACE_CARDS,
            Permission.CHANGE_PLANS,
            Permission.APPROVE_CARDS,
            Permission.ANNOUNCE_OUTAGES,
            Permission.SEARCH_RECORDS,
            Permission.READ_BOARD,
            Permission.READ_WORK,
            Permission.ASK_WORK,
            Permission.DECIDE_WORK,
            Permission.SHARE_CREDIT,
            Permission.ADJUST_CREDIT,
            Permission.REQUEST_REFUND,
            Permission.RESOLVE_PAYMENT,
            Permission.APPROVE_REFUND,
            Permission.APPROVE_ADJUSTMENT,
            Permission.KEEP_TILL,
            Permission.COUNT_TILL,
            Permission.CHECK_TILLS,
            Permission.EXPLAIN_COUNT,
            Permission.EXPORT_PEOPLE,
            Permission.REQUEST_ERASURE,
            Permission.APPROVE_ERASURE,
            Permission.READ_EVIDENCE,
            Permission.SETTLE_DIFFERENCE,
            Permission.READ_AGENTS,
            Permission.MANAGE_AGENTS,
            Permission.REQUEST_FLOAT,
            Permission.READ_CATALOGUE,
            Permission.PROPOSE_CATALOGUE,
            Permission.PUBLISH_CATALOGUE,
            Permission.STOP_OFFERS,
            Permission.SEND_GIFTS,
            Permission.REQUEST_VOUCHERS,
            Permission.REQUEST_COUPONS,
        }
    ),
    Role.FINANCE: frozenset(
        {
            Permission.READ_ORDERS,
            Permission.SEARCH_RECORDS,
            Permission.READ_BILLS,
            Permission.SIGN_DAYS,
            Permission.READ_BOARD,
            Permission.READ_WORK,
            Permission.READ_LEDGER,
            Permission.ASK_WORK,
            Permission.DECIDE_WORK,
            Permission.REQUEST_REFUND,
            Permission.RESOLVE_PAYMENT,
            Permission.APPROVE_REFUND,
            Permission.APPROVE_ADJUSTMENT,
            Permission.APPROVE_PAYMENT,
            Permission.READ_EVIDENCE,
            Permission.CHECK_TILLS,
            Permission.EXPLAIN_COUNT,
            Permission.SETTLE_DIFFERENCE,
            Permission.APPROVE_DIFFERENCE,
            Permission.READ_AGENTS,
            Permission.REQUEST_FLOAT,
            Permission.APPROVE_FLOAT,
            Permission.READ_CATALOGUE,
            Permission.PROPOSE_CATALOGUE,
            Permission.PUBLISH_CATALOGUE,
            Permission.APPROVE_CATALOGUE,
            Permission.STOP_OFFERS,
            Permission.REQUEST_VOUCHERS,
            Permission.REQUEST_COUPONS,
            Permission.APPROVE_VOUCHERS,
            Permission.APPROVE_COUPONS,
        }
    ),
    Role.SECURITY: frozenset(
        {Permission.READ_TRAIL, Permission.MANAGE_STAFF, Permission.READ_METRICS, Permission.READ_SETTINGS}
    ),
    Role.AGENT: frozenset({Permission.SELL_FROM_FLOAT}),
}

_GRAVE: Final = frozenset(
    {
        "adjust",
        "approve",
        "ask",
        "change",
        "count",
        "end",
        "explain",
        "export",
        "manage",
        "publish",
        "replace",
        "request",
        "resolve",
    }
    | {"settle", "sign", "stop"}
)
NEEDS_FRESH: Final = frozenset(one for one in Permission if one.value.rpartition(".")[2] in _GRAVE)
"""What moves money or decides on it, gives somebody's line or file away, ends an account, or lets somebody in: whoever
does it with a form shows first that they are still there, by a code or a passkey (`people.doors`). Selling does not:
money comes in by it. A permission says by its last word which it is, so that a new one is thought of with its name.
"""

STAFF_ROLES: Final = frozenset(Role) - {Role.READER, Role.NETWORK, Role.AGENT}
"""What people are; the others are for programs alone."""


def allowed(role: Role, permission: str) -> bool:
    """Whether `role` may do `permission`; raises ValueError for a permission that does not exist."""
    return Permission(permission) in PERMISSIONS[role]
