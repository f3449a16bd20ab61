"""What use costs, plainly: a carrier's rates, and sessions as a model has them that knows no more than these."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from tests.support.usage import CARRIER
from topup.charging.sessions.requests import Opening, Reporting

START = datetime(2026, 3, 20, 9, tzinfo=UTC)
CAP = 300
ABROAD = "FR"
FOREIGN = "+85291234567"
FILE = (
    CARRIER.replace(b'steps = "1 MB"', b'steps = "100 kB"').replace(b"daily_cap = 10\n", b"")
    + b"""
[[rates]]
id = "mms"
service = "mms"
price = 1
daily_cap = 3
[[rates]]
id = "voice-hong-kong"
service = "voice"
zone = "international"
prefixes = ["+852"]
steps = "60+6"
price = "1.5"
per = "1 min"
[[rates]]
id = "data-france"
service = "data"
zone = "roaming"
countries = ["FR"]
steps = "50 kB"
price = 2
per = "1 MB"
[[rates]]
id = "voice-france"
service = "voice"
zone = "roaming"
countries = ["FR"]
steps = "30+30"
price = 5
per = "1 min"
[[rates]]
id = "sms-france"
service = "sms"
zone = "roaming"
countries = ["FR"]
price = "2.5"
"""
)
LOW = {"PHP": 500, "VOICE": 300}
"""The marks of the file, in minor units and seconds."""
ASSETS = {"data": "DATA", "voice": "VOICE", "sms": "SMS", "mms": None}


@dataclass(frozen=True)
class Kind:
    """A service, where and towards whom: so many minor units (`price`) per `per` units, counted in steps."""

    service: str
    price: int
    per: int
    first: int
    further: int
    country: str | None = None
    called: str | None = None

    def owed(self, units: int) -> Fraction:
        """What units come to, whoever pays: minor units of money."""
        if not units:
            return Fraction(0)
        steps = -(-max(units - self.first, 0) // self.further)
        return Fraction((self.first + steps * self.further) * self.price, self.per)

    def value(self, amounts) -> Fraction:
        """What pays, in money: allowances at the price of what they replace, which need be no whole minor unit."""
        allowance = amounts.get(ASSETS[self.service], 0)
        return amounts.get("PHP", 0) + Fraction(allowance * self.price, self.per)


MB = 10**6
KINDS = (
    Kind("data", 50, MB, 100_000, 100_000),
    Kind("data", 200, MB, 50_000, 50_000, ABROAD),
    Kind("voice", 200, 60, 60, 60),
    Kind("voice", 150, 60, 60, 6, None, FOREIGN),
    Kind("voice", 500, 60, 30, 30, ABROAD),
    Kind("sms", 100, 1, 1, 1),
    Kind("sms", 250, 1, 1, 1, ABROAD),
    *[Kind("mms", 100, 1, 1, 1)] * 2,
)
MOST = {"data": 5 * MB, "voice": 300, "sms": 30, "mms": 30}
GRANTED = {"DATA": 3 * MB, "VOICE": 300, "SMS": 3}
"""What may be granted beside money, and about how much at once."""
AT = (None, None, timedelta(minutes=-30), timedelta(hours=-13), timedelta(days=-30), timedelta(minutes=4))
"""When something was used, from now: a usage may begin 31 days before, and five minutes ahead."""
NOT_AT = {"usage_too_old": timedelta(days=-31, seconds=-1), "usage_in_future": timedelta(minutes=6)}


@dataclass
class Use:
    """A service of a session as the model has it; `said` is what it was told last."""

    kind: Kind
    used: int = 0
    granted: int = 0
    over: int = 0
    said: dict = field(default_factory=lambda: {"cost": [], "unpaid_minor": 0})

    @property
    def paid(self) -> dict[str, int]:
        return {cost["asset"]: cost["amount"] for cost in self.said["cost"]}


@dataclass
class Client:
    """A session as the model has it; `uses` by the client's numbers of them."""

    number: str
    uses: dict[int, Use]
    opening: Opening
    id: str = ""
    last: tuple[Opening | Reporting, bytes] | None = None
    sequence: int = 0
    is_open: bool = True
    deadline: datetime = START
