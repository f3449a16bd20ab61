"""What of a bill goes into the ledger: the fees a provider kept, and what payers' banks took back.

The provider owes us so much less: `provider_fees` (or `disputes`) -> `clearing:<method>`. A bill that changed posts
what it lacks, under a number of its own; so however often a day is compared, the ledger has what the bill says.
"""

from datetime import datetime
from typing import Final

from topup.ledger import PostingRefused, Transfer, post
from topup.payments.postings import DISPUTES
from topup.platform.database import Connection
from topup.reconciliation.parties import party_of
from topup.reconciliation.storing import Day

PROVIDER_FEES: Final = "provider_fees"
LANE: Final = 0
"""House accounts exist once per lane and are summed on reading; what concerns a whole provider is in the first."""

_WANTED: Final = """
SELECT w.account, w.currency, w.minor - coalesce(p.minor, 0), coalesce(p.times, 0) + 1
FROM (
    SELECT CASE t.figure WHEN 'bill_fee' THEN %(fees)s ELSE %(disputes)s END AS account, t.currency, t.minor
    FROM reconciliation.totals AS t
    WHERE t.method = %(method)s AND t.day = %(day)s AND t.figure IN ('bill_fee', 'bill_dispute')
    UNION ALL
    SELECT p.account, p.currency, 0 FROM reconciliation.posted AS p
    WHERE p.method = %(method)s AND p.day = %(day)s AND NOT EXISTS (
        SELECT FROM reconciliation.totals AS t WHERE t.method = p.method AND t.day = p.day AND t.currency = p.currency
            AND t.figure = CASE p.account WHEN %(fees)s THEN 'bill_fee' ELSE 'bill_dispute' END
    )
) AS w
LEFT JOIN reconciliation.posted AS p
    ON p.method = %(method)s AND p.day = %(day)s AND p.account = w.account AND p.currency = w.currency
WHERE w.minor <> coalesce(p.minor, 0)
ORDER BY w.account, w.currency
"""
_POSTED: Final = """
INSERT INTO reconciliation.posted AS p (method, day, account, currency, minor, times)
VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (method, day, account, currency) DO UPDATE SET minor = p.minor + EXCLUDED.minor, times = EXCLUDED.times
"""


async def post_bill(connection: Connection, day: Day, now: datetime) -> int:
    """Post what the ledger lacks of a compared bill's fees and disputes; how many transfers. It is the last statement
    of a transaction that nobody else has for this day.
    """
    said = {"method": day.method, "day": day.day, "fees": PROVIDER_FEES, "disputes": DISPUTES}
    wanted = await (await connection.execute(_WANTED, said)).fetchall()
    for account, currency, minor, times in wanted:
        await connection.execute(_POSTED, (day.method, day.day, account, currency, minor, times))
    transfers = [_transfer(day, account, currency, minor, times) for account, currency, minor, times in wanted]
    for answer in await post(connection, transfers, now):
        if isinstance(answer, PostingRefused):
            raise answer
    return len(transfers)


def _transfer(day: Day, account: str, currency: str, minor: int, times: int) -> Transfer:
    theirs = party_of(day.method).account
    debit, credit = (account, theirs) if minor > 0 else (theirs, account)
    reference = f"bill:{day.method}:{day.day}"
    return Transfer(
        lane=LANE,
        key=f"{reference}:{account}:{currency}:{times}",
        debit_code=debit,
        credit_code=credit,
        asset=currency,
        amount=abs(minor),
        purpose=account.rstrip("s"),
        reference=reference,
    )
