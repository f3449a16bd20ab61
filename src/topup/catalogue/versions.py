"""A published version of a carrier's file, made ready for answering fast."""

from dataclasses import dataclass, field
from hashlib import sha256
from zoneinfo import ZoneInfo

import msgspec

from topup.catalogue.documents import Cap, CarrierDocument, FaceValue, Pack
from topup.catalogue.life_cycle_rules import LineRules, line_rules
from topup.catalogue.plan_rules import Plan
from topup.catalogue.rates import RateBook
from topup.catalogue.warnings import Marks, marks_of

_DECODER = msgspec.json.Decoder(CarrierDocument)


@dataclass(frozen=True, slots=True, eq=False)
class CarrierVersion:
    """Version `version` of the carrier `carrier_id`: what its file said, with an index over what it offers."""

    carrier_id: str
    version: int
    document: CarrierDocument
    zone: ZoneInfo = field(init=False)
    face_values: dict[int, FaceValue] = field(init=False)
    """By amount in minor units, ascending."""
    packs: dict[str, Pack] = field(init=False)
    caps: dict[tuple[str, str], Cap] = field(init=False)
    """By asset and kind of bucket."""
    line_rules: LineRules = field(init=False)
    """What the life of its lines goes by."""
    rate_book: RateBook = field(init=False)
    """What use costs; empty where the file says nothing of it."""
    plans: dict[str, Plan] = field(init=False)
    """By id, also those that nobody new may have."""
    marks: Marks = field(init=False)
    """What is left when a line's owner is warned."""

    def __post_init__(self) -> None:
        credit = self.document.credit
        values = credit.face_values if credit else ()
        object.__setattr__(self, "zone", ZoneInfo(self.document.time_zone))
        object.__setattr__(self, "face_values", {value.amount_minor: value for value in values})
        object.__setattr__(self, "packs", {pack.id: pack for pack in self.document.packs})
        object.__setattr__(self, "caps", {(cap.asset, cap.kind): cap for cap in self.document.caps})
        rules = line_rules(self.document.life_cycle, self.document.clocks, self.document.monthly_fee)
        object.__setattr__(self, "line_rules", rules)
        object.__setattr__(self, "rate_book", RateBook(self.document.rates, self.document.country))
        object.__setattr__(self, "plans", {plan.id: plan for plan in self.document.plans})
        object.__setattr__(self, "marks", marks_of(self.document))

    @property
    def currency(self) -> str:
        """The ISO 4217 currency of every amount of this carrier."""
        return self.document.currency

    @property
    def is_own_network(self) -> bool:
        """Whether the operator's own ledger delivers; else `plugin` does."""
        return self.document.network == "own"

    @property
    def plugin(self) -> str | None:
        """The carrier plugin that delivers, or None for the own network."""
        return None if self.is_own_network else self.document.network.removeprefix("external:")

    def name(self, language: str) -> str:
        """The carrier's name in `language` (`zh_Hans`, `zh_Hant`, `en`), else in the first of them."""
        return self.document.names.get(language, self.document.names["zh_Hans"])


def to_json(document: CarrierDocument) -> bytes:
    """The document as it is stored."""
    return msgspec.json.encode(document, order="deterministic")


def from_json(stored: str | bytes) -> CarrierDocument:
    """A stored document. Raises msgspec.ValidationError for one that a newer release wrote in another form."""
    return _DECODER.decode(stored)


def fingerprint(document: CarrierDocument) -> bytes:
    """What two documents that say the same have in common: SHA-256 of the stored form."""
    return sha256(to_json(document)).digest()
