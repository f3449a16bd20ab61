"""What a line used in its last whole months, as plans are compared by it."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from topup.charging.usage.comparing import asked_of
from topup.kernel.ids import LineId, new_id
from topup.lines.queries import LineRef

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2030, 5, 1, 3, 0, tzinfo=SHANGHAI)
_ROW = """
INSERT INTO charging.usage_records (lane, line_id, at, id, source, msisdn, carrier_id, catalogue_version, service,
    country, quantity, counted, rate_id, currency, cost_minor, parts, free, paid, rated_at)
VALUES (3, %s, %s, %s, 'api', '+8613900000000', 'c', 1, %s, 'CN', %s, %s, %s, 'CNY', 0, '[]', '[]', '[]', %s)
"""


async def test_calls_stand_alone_and_data_of_a_day_together_from_the_first_month_with_any(database):
    line = LineRef(3, LineId(new_id("line", 3)))
    used = [
        ("2030-02-28T23:30", "data", 100), ("2030-03-01T00:30", "data", 7), ("2030-03-01T22:00", "data", 9),
        ("2030-04-02T10:00", "voice", 61), ("2030-04-02T11:00", "voice", 62), ("2030-05-01T01:00", "voice", 63),
        ("2029-12-31T12:00", "sms", 1),
    ]  # fmt: skip
    async with database.transaction() as transaction:
        for number, (at, service, quantity) in enumerate(used):
            moment = datetime.fromisoformat(at).replace(tzinfo=SHANGHAI)
            row = (line.id, moment, f"r{number}", service, quantity, quantity, service, moment)
            await transaction.connection.execute(_ROW, row)
        asked = await asked_of(transaction.connection, line=line, zone=SHANGHAI, now=NOW.astimezone(UTC))
        later = await asked_of(transaction.connection, line=line, zone=SHANGHAI, now=datetime(2030, 6, 9, tzinfo=UTC))
        nobody = LineRef(3, LineId(new_id("line", 3)))
        nothing = await asked_of(transaction.connection, line=nobody, zone=SHANGHAI, now=NOW)
    assert (asked.first, asked.until, asked.months) == (date(2030, 2, 1), date(2030, 5, 1), 3)
    assert [(one.service, one.quantity) for one in asked.usages] == [
        ("data", 100), ("data", 16), ("voice", 61), ("voice", 62),
    ]  # fmt: skip
    assert (later.first, later.until, len(later.usages)) == (date(2030, 3, 1), date(2030, 6, 1), 4)
    assert (nothing.first, nothing.months, nothing.usages) == (date(2030, 2, 1), 3, [])
