"""The form of a carrier's file: which keys there are, what each is for, what must agree with what."""

from typing import Final
from zoneinfo import ZoneInfo

import phonenumbers
from babel.numbers import list_currencies

from topup.catalogue.automatic_form import AUTOMATIC
from topup.catalogue.campaign_form import CAMPAIGNS, STACKING, campaigns_mistake
from topup.catalogue.campaigns import CREDIT as PLAIN_CREDIT
from topup.catalogue.campaigns import Stacking
from topup.catalogue.documents import Automatic, CarrierDocument, Confirmation, Fees, Numbering, UsageSessions
from topup.catalogue.fees import fee_minor
from topup.catalogue.life_cycle_form import CLOCKS, LIFE_CYCLE, MONTHLY_FEE, life_cycle_mistake
from topup.catalogue.offer_form import CREDIT, FEES, IDENTIFIER, NAMES, PACK, Fields, plain
from topup.catalogue.plan_form import PLANS, unique_plans
from topup.catalogue.positions import Path
from topup.catalogue.rate_shapes import RATES
from topup.catalogue.reading import Reading, Wrong, major, shown
from topup.catalogue.session_form import SESSIONS
from topup.catalogue.shapes import Amount, Choice, Field, Flag, ListOf, Table, Text, Whole
from topup.catalogue.sharing_form import CAPS, PAYING_FOR_OTHERS, SHARING, unique_caps
from topup.catalogue.warnings_form import WARNINGS
from topup.kernel.errors import Invalid
from topup.kernel.msisdn import parse_msisdn


def _currency(text: str) -> str | None:
    return None if text in list_currencies() else f"must be an ISO 4217 currency such as CNY, not {shown(text)}"


def _country(text: str) -> str | None:
    known = text in phonenumbers.SUPPORTED_REGIONS
    return None if known else f"must be an ISO 3166 country such as CN, not {shown(text)}"


def _time_zone(text: str) -> str | None:
    try:
        ZoneInfo(text)
    except (OSError, ValueError, LookupError):  # names that are paths, directories or nothing fail in all three ways
        return f"must be an IANA time zone such as Asia/Shanghai, not {shown(text)}"
    return None


CONFIRMATION: Final = Table(
    plain(Confirmation),
    {
        "large_amount": Field(Amount(), "from this amount on, the payer is asked once more", into="large_amount_minor"),
        "duplicate_window_s": Field(
            Whole(0, 86_400), "same number, same amount within these seconds: the payer is asked", default=600
        ),
    },
)


def _numbering(fields: Fields, path: Path, reading: Reading) -> Numbering | Wrong:
    ranges = fields["ranges"]
    wrong = None
    for index, prefix in enumerate(ranges):
        for other in ranges[:index]:
            if prefix.startswith(other) or other.startswith(prefix):
                wrong = reading.mistake((*path, "ranges", index), f"overlaps {other}")
    example = fields["example"]
    if example is not None and not example.startswith(ranges):
        wrong = reading.mistake((*path, "example"), "lies in none of the ranges")
    return wrong or Numbering(**fields)


def _example(text: str) -> str | None:
    try:
        parsed = parse_msisdn(text)
    except Invalid:
        return "is no number one can call"
    return None if parsed.e164 == text else f"must be written as {parsed.e164}"


NUMBERING: Final = Table(
    _numbering,
    {
        "ranges": Field(
            ListOf(Text("the beginning of a number such as +86138", r"\+[1-9][0-9]{0,13}"), 1, 5000),
            "E.164 prefixes of its numbers",
            required=True,
        ),
        "portability": Field(
            Choice(("none", "table")), "whether a number may have left its range: looked up in a table", default="none"
        ),
        "example": Field(Text("a number such as +8613800138000", check=_example), "a number to show as an example"),
        "quarantine_days": Field(
            Whole(0, 3650), "so many days a number waits that a line gave back, before a new line may get it", default=0
        ),
    },
)


def _carrier(fields: Fields, path: Path, reading: Reading) -> CarrierDocument | Wrong:
    document = CarrierDocument(**fields | {"clocks": tuple(fields["clocks"].values())})
    checks = (
        _offers_something,
        _pack_ids,
        _country_of_ranges,
        _network,
        _fee_below_amount,
        _caps,
        _life_cycle,
        _plans,
        _campaigns,
    )
    found = [check(document, path, reading) for check in checks]
    return next((wrong for wrong in found if wrong is not None), document)


def _offers_something(document: CarrierDocument, path: Path, reading: Reading) -> Wrong | None:
    if document.credit is None and not document.packs:
        return reading.mistake(path, "offers nothing: it needs credit or packs")
    return None


def _pack_ids(document: CarrierDocument, path: Path, reading: Reading) -> Wrong | None:
    ids = [pack.id for pack in document.packs]
    wrong = None
    for index, identifier in enumerate(ids):
        if identifier in ids[:index]:
            wrong = reading.mistake((*path, "packs", index, "id"), f"is {shown(identifier)} a second time")
    return wrong


def _country_of_ranges(document: CarrierDocument, path: Path, reading: Reading) -> Wrong | None:
    code = f"+{phonenumbers.country_code_for_region(document.country)}"
    wrong = None
    for index, prefix in enumerate(document.numbering.ranges):
        if not prefix.startswith(code):
            reason = f"is {prefix}, but numbers of {document.country} begin with {code}"
            wrong = reading.mistake((*path, "numbering", "ranges", index), reason)
    return wrong


def _network(document: CarrierDocument, path: Path, reading: Reading) -> Wrong | None:
    if document.network != "own" and document.opens_lines_on_first_credit:
        place = (*path, "opens_lines_on_first_credit")
        return reading.mistake(place, "must be false: only the own network can open a line")
    return None


def _caps(document: CarrierDocument, path: Path, reading: Reading) -> Wrong | None:
    return unique_caps(document.caps, (*path, "caps"), reading)


def _plans(document: CarrierDocument, path: Path, reading: Reading) -> Wrong | None:
    if document.network != "own" and document.plans:
        return reading.mistake((*path, "plans"), "must be left out: only the own network's lines live here")
    return unique_plans(document.plans, (*path, "plans"), reading)


def _life_cycle(document: CarrierDocument, path: Path, reading: Reading) -> Wrong | None:
    if document.network != "own" and (document.life_cycle or document.monthly_fee):
        place = (*path, "life_cycle" if document.life_cycle else "monthly_fee")
        return reading.mistake(place, "must be left out: only the own network's lines live here")
    return life_cycle_mistake(document.life_cycle, document.clocks, (*path, "life_cycle"), reading)


def _campaigns(document: CarrierDocument, path: Path, reading: Reading) -> Wrong | None:
    products = {pack.id for pack in document.packs} | ({PLAIN_CREDIT} if document.credit else set())
    place = (*path, "campaigns")
    return campaigns_mistake(document.campaigns, document.offers, frozenset(products), place, reading)


def _fee_below_amount(document: CarrierDocument, path: Path, reading: Reading) -> Wrong | None:
    """A product fee must leave some credit of whatever is offered.

    Within one step the credit left grows with the amount, so that its least amount on offer decides.
    """
    if document.credit is None or not document.fees.product:
        return None
    offered = {value.amount_minor for value in document.credit.face_values}
    free = document.credit.free
    if free is not None:
        starts = (max(free.minimum_minor, step.from_minor) for step in document.fees.product)
        firsts = {start + (free.minimum_minor - start) % free.step_minor for start in starts}
        offered |= {amount for amount in firsts if free.offers(amount)}
    eaten = [amount for amount in sorted(offered) if fee_minor(document.fees.product, amount) >= amount]
    if not eaten:
        return None
    shares = f"leaves no credit of {major(eaten[0], document.currency)} {document.currency}"
    return reading.mistake((*path, "fees", "product"), shares)


_OWN_OR_EXTERNAL: Final = rf"own|external:{IDENTIFIER}"

CARRIER: Final = Table(
    _carrier,
    {
        "id": Field(
            Text("a short name in lower case such as acme-mobile", IDENTIFIER, longest=64), "its id", required=True
        ),
        "names": Field(NAMES, "its name", required=True),
        "country": Field(Text("an ISO 3166 country", check=_country), "the country of its numbers", required=True),
        "time_zone": Field(
            Text("an IANA time zone", check=_time_zone), "the zone its days are counted in", required=True
        ),
        "currency": Field(Text("an ISO 4217 currency", check=_currency), "the currency of every amount", required=True),
        "network": Field(
            Text('"own", or "external:" and the name of a carrier plugin', _OWN_OR_EXTERNAL),
            "who delivers: the operator's own network, or a carrier plugin",
            required=True,
        ),
        "opens_lines_on_first_credit": Field(Flag(), "whether a number without a line gets one", default=False),
        "numbering": Field(NUMBERING, "its numbers", required=True),
        "credit": Field(CREDIT, "plain credit"),
        "packs": Field(ListOf(PACK, 0, 1000), "products with a price of their own", default=()),
        "fees": Field(FEES, "fees", default=Fees((), {})),
        "caps": Field(CAPS, "what a line may have at most", default=()),
        "sharing": Field(SHARING, "credit sent from one line to another"),
        "automatic": Field(
            AUTOMATIC, "what top-ups that run by themselves keep to, over all of a line's", default=Automatic()
        ),
        "paying_for_others": Field(
            PAYING_FOR_OTHERS, "credit of a line may pay for another line's top-up; not where it is left out"
        ),
        "clocks": Field(CLOCKS, "named clocks of a line, and what sets them anew", default={}),
        "life_cycle": Field(LIFE_CYCLE, "the states of a line"),
        "monthly_fee": Field(MONTHLY_FEE, "what is taken each month"),
        "plans": Field(PLANS, "what lines may have by the month, the quarter, the year, or once", default=()),
        "rates": Field(RATES, "what calls, data and messages cost", default=()),
        "sessions": Field(SESSIONS, "how usage is granted as it goes on", default=UsageSessions()),
        "warnings": Field(WARNINGS, "when a line's owner is warned of what is left"),
        "campaigns": Field(CAMPAIGNS, "what is cheaper, or comes with it, when and for whom", default=()),
        "offers": Field(STACKING, "how campaigns go together; points", default=Stacking()),
        "confirmation": Field(CONFIRMATION, "what the payer is asked to confirm", default=Confirmation()),
    },
)
