"""Of any books and any bill exactly those differences are found that are there, sums tie, and nothing moves twice."""

import itertools
from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support.bills import DAY, LATER, NOON, Auditor, Back, Paid
from topup.kernel.ids import new_id
from topup.kernel.money import Money
from topup.reconciliation.comparing import FeeTerms
from topup.reconciliation.desk import Reconciliation
from topup.reconciliation.states import DifferenceClass

TERMS = FeeTerms(ppm=6_000, fixed_minor=3)
MIDNIGHT = NOON + timedelta(hours=12)
BEFORE, NEXT = DAY - timedelta(days=1), DAY + timedelta(days=1)
EVERY_CLASS = {cls.value for cls in DifferenceClass}
figures: Counter[str] = Counter()
_methods = itertools.count()


class Everybody(dict):
    """The same terms with every provider."""

    def get(self, key, default=None):
        return TERMS


class Case:
    """Books and bills while they are made, and what must be found: (class, our number)."""

    def __init__(self, method: str) -> None:
        self.method = method
        self.books = []
        self.bills = {BEFORE: [], DAY: [], NEXT: []}
        self.expected = []

    def paid(self, draw, *, day=DAY, line=True, **fields) -> Paid:
        at = NOON + timedelta(seconds=draw(st.integers(-39_600, 39_600)))
        amount = draw(st.integers(100, 10**7))
        one = Paid(**{"amount": amount, "at": at, "method": self.method, "lane": draw(st.integers(0, 15)), **fields})
        self.books.append(one)
        if line:
            self.bills[day].append(one.line(fee=fee(one.amount)))
        return one

    def back(self, draw, paid, *, line=True, **fields) -> Back:
        one = Back(paid, **{"amount": draw(st.integers(1, paid.amount)), **fields})
        self.books.append(one)
        if line:
            self.bills[DAY].append(one.line())
        return one

    def finds(self, cls: str, number: str) -> None:
        self.expected.append((cls, number))


def fee(amount: int) -> Money:
    return Money((amount * TERMS.ppm + 500_000) // 1_000_000 + TERMS.fixed_minor, "CNY")


def agrees(case, draw):
    case.back(draw, case.paid(draw))


def only_theirs(case, draw):
    one = Paid(amount=draw(st.integers(100, 10**6)))
    number = draw(st.sampled_from([one.id, "order 17 of somebody", new_id("refund", 3)]))
    kind = "refund" if number.startswith("ref_") else "payment"
    case.bills[DAY].append(one.line(kind=kind, our_id=number, reference=f"{one.reference}x"))
    case.finds("missing_here", number)


def only_ours(case, draw):
    case.finds("missing_there", case.paid(draw, line=False).id)


def refund_only_ours(case, draw):
    case.finds("missing_there", case.back(draw, case.paid(draw), line=False).id)


def other_amount(case, draw):
    one = case.paid(draw)
    case.bills[DAY][-1] = one.line(amount=one.amount + draw(st.integers(1, 99)), fee=fee(one.amount))
    case.finds("amount", one.id)


def other_currency(case, draw):
    one = case.paid(draw, line=False)
    case.bills[DAY].append(one.line(currency="EUR"))
    case.finds("currency", one.id)


def never_paid_here(case, draw):
    one = case.paid(draw, state=draw(st.sampled_from(["pending", "declined", "closed", "needs_person"])))
    case.finds("status", one.id)


def refunded_only_there(case, draw):
    state = draw(st.sampled_from(["accepted", "unknown", "requested", "needs_person"]))
    case.finds("status", case.back(draw, case.paid(draw), state=state).id)


def came_back_unheard(case, draw):
    one = case.back(draw, case.paid(draw))
    case.bills[DAY].append(one.line(amount=-one.amount))
    case.finds("status", one.id)


def came_back(case, draw):
    one = case.back(draw, case.paid(draw), state="needs_person")
    case.bills[DAY].append(one.line(amount=-one.amount))


def twice(case, draw):
    one = case.paid(draw)
    for _ in range(draw(st.integers(1, 2))):
        case.bills[DAY].append(one.line())
        case.finds("duplicate", one.id)


def refunded_twice(case, draw):
    one = case.back(draw, case.paid(draw))
    case.bills[DAY].append(one.line(reference="another"))
    case.finds("duplicate", one.id)


def the_day_before_too(case, draw):
    one = case.paid(draw)
    case.bills[BEFORE].append(one.line())
    case.finds("duplicate", one.id)


def other_fee(case, draw):
    one = case.paid(draw, line=False)
    agreed = fee(one.amount).amount_minor
    wrong = draw(st.sampled_from([agreed + 2, agreed - 2, agreed + 1000, -1, one.amount + 10]))
    case.bills[DAY].append(one.line(fee=Money(wrong, "CNY")))
    if abs(wrong - agreed) > 1:
        case.finds("fee", one.id)


def not_booked(case, draw):
    one = case.paid(draw, booked=draw(st.sampled_from([0, 1, 99])))
    case.finds("ledger", one.id)


def across_midnight(case, draw):
    late = draw(st.booleans())
    at = MIDNIGHT - timedelta(seconds=1) if late else MIDNIGHT - timedelta(days=1, seconds=-1)
    case.paid(draw, at=at, day=NEXT if late else BEFORE)


def in_our_bill_but_not_of_our_day(case, draw):
    case.paid(draw, at=MIDNIGHT + timedelta(seconds=draw(st.integers(0, 9))))


def cancelled(case, draw):
    paid = case.paid(draw)
    one = case.back(draw, paid, amount=paid.amount, line=False)
    case.bills[DAY].append(one.line(our_id=paid.id))


def disputed(case, draw):
    case.bills[DAY].append(case.paid(draw).line(kind="dispute", reference=new_id("event", 0)))


def disputed_by_nobody(case, draw):
    number = new_id("payment", 2)
    case.bills[DAY].append(Paid(id=number).line(kind="dispute"))
    case.finds("missing_here", number)


def another_matter(case, draw):
    case.bills[DAY].append(Paid(amount=draw(st.integers(1, 999))).line(kind="other", our_id="", reference="month"))


def somebody_elses(case, draw):
    one = case.paid(draw, method="another")
    case.finds("missing_here", one.id)


KINDS = [
    agrees, only_theirs, only_ours, refund_only_ours, other_amount, other_currency, never_paid_here,
    refunded_only_there, came_back_unheard, came_back, twice, refunded_twice, the_day_before_too, other_fee, not_booked,
    across_midnight, in_our_bill_but_not_of_our_day, cancelled, disputed, disputed_by_nobody, another_matter,
    somebody_elses,
]  # fmt: skip


# Not shrunk: an example is a day, and takes half a second.
@settings(max_examples=30, phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck))
@given(data=st.data())
async def test_exactly_what_differs_is_found(database, data):
    database.clock_offset = LATER - datetime.now(UTC)
    desk = Reconciliation(database=database, gateways={}, terms=Everybody())
    auditor = Auditor(database, desk, method=f"provider{next(_methods)}")
    case = Case(auditor.method)
    kinds = data.draw(st.just(KINDS) | st.lists(st.sampled_from(KINDS), max_size=25))
    for kind in kinds:
        kind(case, data.draw)
    assert kinds is not KINDS or {cls for cls, _ in case.expected} == EVERY_CLASS
    lines = data.draw(st.permutations(case.bills[DAY]))
    await auditor.books(*case.books)
    for day, bill in {**case.bills, DAY: lines}.items():
        await auditor.bill(*bill, day=day, page=data.draw(st.integers(1, 9)))
    assert await auditor.differences() == sorted(case.expected)
    await _ties_with_what_is_counted_here(auditor, lines)
    before = await auditor.dump()
    await auditor.bill(*lines)
    assert await auditor.differences() == sorted(case.expected)
    assert await auditor.dump() == before
    figures.update(cls for cls, _ in case.expected)
    figures["lines"] += len(lines)
    figures["examples"] += 1
    figures["with_every_class"] += kinds is KINDS


async def _ties_with_what_is_counted_here(auditor, lines):
    report = await auditor.report()
    for tie in report.ties:
        for kind in ("payment", "refund", "dispute", "other"):
            of_kind = [
                line.amount.amount_minor for line in lines if (line.kind, line.amount.currency) == (kind, tie.currency)
            ]
            told = tie.bill.get(kind)
            assert (told.count, told.minor) == (len(of_kind), sum(of_kind)) if told else not of_kind
        fees = [line.fee.amount_minor for line in lines if line.fee and line.fee.currency == tie.currency]
        assert tie.posted.get("provider_fees", 0) == sum(fees)
        # What the books and the ledger differ by is listed too.
        unbooked = [
            one for one in report.differences if one.cls.value == "ledger" and one.ours_currency == tie.currency
        ]
        gap = sum(one.ours_minor - (one.theirs_minor or 0) for one in unbooked)
        assert tie.booked_minor - tie.ledger_minor == gap
    assert await auditor.house(f"clearing:{auditor.method}") == -(await _owed(auditor))


async def _owed(auditor) -> int:
    """What the provider owes by what was posted: captures less refunds, fees and disputes, of whatever day."""
    async with auditor.database.read() as transaction:
        cursor = await transaction.connection.execute(
            "SELECT coalesce(sum(CASE WHEN debit = %(clearing)s THEN amount ELSE -amount END), 0)::bigint"
            " FROM ledger.transfers WHERE asset = 'CNY' AND %(clearing)s IN (debit, credit)",
            {"clearing": f"clearing:{auditor.method}"},
        )
        [owed] = await cursor.fetchone()
    return owed
