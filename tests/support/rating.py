"""Rating one usage with one rate, and what it comes to in money."""

from datetime import date
from zoneinfo import ZoneInfo

from topup.catalogue.rates import Rate, RateBook
from topup.charging.rating import Allowance, LineFacts, Rating, Usage, rate

SHANGHAI = ZoneInfo("Asia/Shanghai")
LONDON = ZoneInfo("Europe/London")
LINE = LineFacts(SHANGHAI, "CNY")


def rated(
    tariff: Rate,
    usage: Usage,
    *allowances: Allowance,
    spent: dict[tuple[str, date], int] | None = None,
    line: LineFacts = LINE,
) -> Rating:
    return rate(RateBook((tariff,), "CN"), usage, line, allowances, spent or {})


def money(*ratings: Rating) -> int:
    return sum(part.amount for found in ratings for part in found.charges if part.bucket_id is None)
