"""Lines of a carrier that freezes credit, forfeits it and lets numbers wait."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.lines import Village
from topup.platform.database import Database

START = datetime(2030, 3, 1, 4, 0, tzinfo=UTC)
FREEZING = """
id = "freezing"
names = { zh_Hans = "冻", zh_Hant = "凍", en = "Freezing" }
country = "SG"
time_zone = "Asia/Singapore"
currency = "SGD"
network = "own"

[numbering]
ranges = ["+65891"]
quarantine_days = 30

[credit]
face_values = [5]
validity = { rule = "never" }

[clocks.credit]
days = 10
restarts = ["activation", "topup"]

[[life_cycle.states]]
id = "active"
shows = "active"
remind_days = [3, 1]
leave = [{ when = "clock", clock = "credit", to = "frozen" }]

[[life_cycle.states]]
id = "frozen"
shows = "one_way_blocked"
blocks = ["voice_out", "data"]
on_entry = { freeze = ["main"] }
on_topup = { restore = ["main"] }
leave = [{ when = "topup", to = "active" }, { when = "days", days = 20, to = "reserved" }]

[[life_cycle.states]]
id = "reserved"
shows = "reserved"
blocks = ["voice_out", "voice_in", "sms_out", "sms_in", "data"]
on_entry = { forfeit = ["main"] }
leave = [{ when = "topup", to = "active" }, { when = "days", days = 20, to = "recycled" }]

[[life_cycle.states]]
id = "recycled"
shows = "recycled"
blocks = ["voice_out", "voice_in", "sms_out", "sms_in", "data", "topup"]
on_entry = { forfeit = ["all"], close_line = true, release_number = true }
"""
FROZEN = "+6589123456"


@pytest.fixture
async def cold(database: Database, tmp_path: Path) -> Village:
    file = tmp_path / "freezing.toml"
    file.write_text(FREEZING, encoding="utf-8")
    return await Village.of(database, file)
