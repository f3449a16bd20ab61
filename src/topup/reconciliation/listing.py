"""Differences on the list of what a person must decide: each once, and off it again when it is gone."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from topup.kernel.money import Money
from topup.orders.bills import UNKNOWN_LINE, subject_of_line
from topup.orders.carrier_bills import carrier_of
from topup.platform.database import Connection
from topup.reconciliation.states import DifferenceClass, remedy_of
from topup.reconciliation.storing import Day
from topup.work.operations import Decision, close_for_person, list_anew, list_for_person

MOST_LISTED: Final = 200
"""Differences of a day and class that are listed one by one. More of them have one cause, and are one decision."""
MOST_NAMED: Final = 1_000
"""Of a day's tasks, how many are looked for at once."""
LANE: Final = 0
"""The lane of what concerns a whole provider."""
MANY: Final = "bill_differences"
"""The kind of the item that stands for those beyond."""

COLUMNS: Final = (
    "class, kind, our_id, reference, nth, lane, ours_minor, ours_currency, ours_state, theirs_minor, theirs_currency,"
    " at, times"
)
_TO_LIST: Final = f"""
UPDATE reconciliation.differences AS d SET listed = TRUE
FROM (
    SELECT {COLUMNS}, listed,
        row_number() OVER (PARTITION BY class ORDER BY listed DESC, at, our_id, reference, nth) AS place
    FROM reconciliation.differences
    WHERE method = %(method)s AND day = %(day)s AND resolved_at IS NULL AND decided_at IS NULL
) AS o
WHERE d.method = %(method)s AND d.day = %(day)s AND (d.class, d.kind, d.our_id, d.reference, d.nth)
    = (o.class, o.kind, o.our_id, o.reference, o.nth) AND NOT o.listed AND o.place <= %(most)s
RETURNING {", ".join(f"d.{name.strip()}" for name in COLUMNS.split(","))}
"""
_GONE: Final = f"""
UPDATE reconciliation.differences SET listed = FALSE
WHERE method = %(method)s AND day = %(day)s AND resolved_at IS NOT NULL AND listed
RETURNING {COLUMNS}
"""
_LISTED: Final = f"""
SELECT {COLUMNS} FROM reconciliation.differences
WHERE method = %s AND day = %s AND (listed OR decided_at IS NOT NULL)
ORDER BY class, at, our_id, reference, nth LIMIT %s
"""
_COUNTS: Final = """
SELECT class, count(*) FROM reconciliation.differences
WHERE method = %(method)s AND day = %(day)s AND resolved_at IS NULL AND decided_at IS NULL GROUP BY class ORDER BY class
"""


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference of a day's bill from our books; amounts in minor units, None: that side has nothing of it."""

    cls: DifferenceClass
    kind: str
    our_id: str
    reference: str
    nth: int
    lane: int | None
    ours_minor: int | None
    ours_currency: str | None
    ours_state: str | None
    theirs_minor: int | None
    theirs_currency: str | None
    at: datetime
    times: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "cls", DifferenceClass(self.cls))

    def decision(self, method: str, day: date) -> Decision:
        """It as something a person must decide."""
        evidence: dict[str, Any] = {
            "method": method,
            "day": day.isoformat(),
            "line": self.kind,
            "number": self.our_id,
            "reference": self.reference,
            "ours": _amount(self.ours_minor, self.ours_currency),
            "ours_state": self.ours_state,
            "theirs": _amount(self.theirs_minor, self.theirs_currency),
            "moved_at": self.at.isoformat(),
            "suggested": remedy_of(self.cls, self.kind).value,
            "nth": self.nth if self.nth != 1 else None,
        }
        again = f"#{self.times}" if self.times > 1 else ""
        if self.cls is DifferenceClass.MISSING_HERE and self.kind == "payment" and self.our_id.startswith("pay_"):
            # Listed already by who tried to settle it: one thing, listed once.
            subject = subject_of_line(method, self.our_id, self.reference, takes_back=self.nth < 0)
            return Decision(self.lane or LANE, UNKNOWN_LINE, f"{subject}{again}", evidence)
        nth = f":{self.nth}" if self.nth != 1 else ""
        subject = f"{method}:{day}:{self.kind}:{self.our_id}:{self.reference}{nth}{again}"
        return Decision(self.lane or LANE, f"bill_{self.cls.value}", subject, evidence)


def _amount(minor: int | None, currency: str | None) -> str | None:
    """An amount as evidence: `50.00 CNY`."""
    return None if minor is None or currency is None else f"{Money(minor, currency).to_major()} {currency}"


async def put_on_list(connection: Connection, day: Day, now: datetime) -> None:
    """List what is new of a day's differences, and take off what is gone; in the transaction that found it."""
    said = {"method": day.method, "day": day.day, "most": MOST_LISTED}
    new = [Difference(*row) for row in await (await connection.execute(_TO_LIST, said)).fetchall()]
    decisions = [one.decision(day.method, day.day) for one in new]
    # A line that left the bill of one day for that of another has one subject, which was taken off the list.
    lines = {one.subject: one for one in decisions if one.kind == UNKNOWN_LINE}
    await list_anew(connection, list(lines.values()), now)
    await list_for_person(connection, [one for one in decisions if one.kind != UNKNOWN_LINE], now)
    gone = [
        Difference(*row).decision(day.method, day.day)
        for row in await (await connection.execute(_GONE, said)).fetchall()
    ]
    await close_for_person(connection, [(one.lane, one.kind, one.subject) for one in gone], now)
    counts: dict[str, int] = dict(await (await connection.execute(_COUNTS, said)).fetchall())
    many = {cls: _many(day.method, day.day, cls, counts.get(cls.value, 0)) for cls in DifferenceClass}
    await list_for_person(connection, [one for cls, one in many.items() if counts.get(cls.value, 0) > MOST_LISTED], now)
    few = [one for cls, one in many.items() if counts.get(cls.value, 0) <= MOST_LISTED]
    await close_for_person(connection, [(one.lane, one.kind, one.subject) for one in few], now)


async def subjects_of(connection: Connection, *, method: str, day: date) -> list[str]:
    """Under which subjects the differences of a day are, or were, on the work list; the first MOST_NAMED."""
    rows = await (await connection.execute(_LISTED, (method, day, MOST_NAMED))).fetchall()
    named = [Difference(*row).decision(method, day).subject for row in rows]
    return named + [_many(method, day, cls, 0).subject for cls in DifferenceClass]


def _many(method: str, day: date, cls: DifferenceClass, count: int) -> Decision:
    evidence = {
        "method": method,
        "day": day.isoformat(),
        "class": cls.value,
        "count": count,
        "suggested": remedy_of(cls, "delivery" if carrier_of(method) else "payment").value,
    }
    return Decision(LANE, MANY, f"{method}:{day}:{cls.value}", evidence)
