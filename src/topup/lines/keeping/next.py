"""The next top-up of a number that is kept by itself: which amounts put its end off, the best first."""

from topup.lines.keeping.kept import Kept
from topup.lines.keeping.rows import cheapest


def best_first(line: Kept) -> tuple[int, ...]:
    """Amounts of credit, minor units, of which each that is topped up now has the number lost later than it is now.

    First that with which the cheapest row of a year begins, then the others, ascending. None where nothing ends the
    number, where it is lost already, or where nothing on offer helps. Takes a moment: it is no work for a transaction.
    """
    runway = line.runway()
    if runway.kept_until is None:
        return ()
    end = line.until(line.a_year_on)
    row = cheapest(line, end)
    first = [one.amount.amount_minor for one in row.top_ups[:1]] if row else []
    return tuple(amount for amount in dict.fromkeys([*first, *line.amounts(end)]) if _puts_off(line, amount))


def _puts_off(line: Kept, amount_minor: int) -> bool:
    after, lost_at = line.topped_up(amount_minor), line.runway().kept_until
    if after is None or lost_at is None:
        return False
    later = after.runway()
    return not later.is_lost and (later.kept_until is None or later.kept_until > lost_at)
