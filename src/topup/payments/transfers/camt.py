"""ISO 20022 camt.053 (version 2 and later): a bank's statement of a day, read as a stream.

Read by expat itself, entry by entry, so that a statement of any length takes the memory of its longest entry. Document
types are refused at their first byte: with them go entities, and with these the bombs and the files of other people.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, BinaryIO, Final
from xml.parsers import expat

from topup.kernel.money import InvalidMoney, Money, exponent
from topup.payments.transfers.entries import Entry, StatementUnreadable

_NAMESPACE: Final = re.compile(r"urn:iso:std:iso:20022:tech:xsd:camt\.053\.001\.(\d\d)")
_OLDEST: Final = 2
_CHUNK: Final = 64 * 1024
_DEEPEST: Final = 64
_MOST_NODES: Final = 400_000
"""Elements of one entry: some ten thousand transfers that were booked as one."""
_LONGEST_TEXT: Final = 64 * 1024
_NO_REFERENCE: Final = frozenset({"", "NOTPROVIDED", "NONREF", "NOTAVAILABLE", "0"})
_AMOUNT: Final = re.compile(r"\d{1,18}(\.\d{0,5})?")


@dataclass(slots=True)
class _Node:
    """An element: its name without the namespace, its text, its attributes, what is in it."""

    name: str
    attributes: dict[str, str]
    text: list[str] = field(default_factory=list)
    children: list["_Node"] = field(default_factory=list)

    def all(self, path: str) -> list["_Node"]:
        """The elements at a path of names."""
        found = [self]
        for name in path.split("/"):
            found = [child for node in found for child in node.children if child.name == name]
        return found

    def first(self, *paths: str) -> str:
        """The text of the first element at any of the paths that has some."""
        for path in paths:
            for node in self.all(path):
                text = "".join(node.text).strip()
                if text:
                    return text
        return ""


class _Reader:
    """Takes events of the parser, and puts whole entries into `ready`."""

    def __init__(self) -> None:
        self.ready: list[Entry] = []
        self._path: list[str] = []
        self._building: list[_Node] = []
        self._nodes = 0
        self._account = ""
        self._currency = ""
        self._statements = 0
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        self.parser.StartDoctypeDeclHandler = self._refuse_doctype
        self.parser.EntityDeclHandler = self._refuse_doctype
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters

    def _refuse_doctype(self, *_: Any) -> None:
        raise self._wrong("a document type is declared; no bank sends one")

    def _wrong(self, reason: str) -> StatementUnreadable:
        return StatementUnreadable(reason, line=self.parser.CurrentLineNumber)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        namespace, _, local = name.rpartition(" ")
        if not self._path:
            self._check_root(namespace, local)
        if len(self._path) >= _DEEPEST:
            raise self._wrong("nested too deep")
        self._path.append(local)
        if self._building:
            self._nodes += 1
            if self._nodes > _MOST_NODES:
                raise self._wrong("an entry is too large")
            node = _Node(local, attributes)
            self._building[-1].children.append(node)
            self._building.append(node)
        elif self._path[1:] in (["BkToCstmrStmt", "Stmt", "Ntry"], ["BkToCstmrStmt", "Stmt", "Acct"]):
            self._nodes = 0
            self._building.append(_Node(local, attributes))
        elif self._path[1:] == ["BkToCstmrStmt", "Stmt"]:
            self._statements += 1
            self._account = self._currency = ""

    def _check_root(self, namespace: str, local: str) -> None:
        known = _NAMESPACE.fullmatch(namespace)
        if local != "Document" or known is None or int(known[1]) < _OLDEST:
            raise self._wrong("not a camt.053 statement of version 2 or later")

    def _characters(self, text: str) -> None:
        if self._building:
            parts = self._building[-1].text
            if sum(map(len, parts)) + len(text) > _LONGEST_TEXT:
                raise self._wrong("a text is too long")
            parts.append(text)

    def _end(self, _name: str) -> None:
        self._path.pop()
        if not self._building:
            return
        node = self._building.pop()
        if self._building:
            return
        if node.name == "Acct":
            self._account = re.sub(r"\s", "", node.first("Id/IBAN", "Id/Othr/Id")).upper()
            self._currency = node.first("Ccy")
            return
        if not self._account:
            raise self._wrong("a statement without an account")
        try:
            self.ready += _entries(node, self._account)
        except (InvalidMoney, ValueError) as error:
            raise self._wrong(f"an entry cannot be read: {error}") from None


def read_camt(stream: BinaryIO) -> Iterator[Entry]:
    """The booked entries of a statement, in its order. Raises StatementUnreadable, after those that could be read."""
    reader = _Reader()
    parse: Callable[[bytes, bool], Any] = reader.parser.Parse
    try:
        while chunk := stream.read(_CHUNK):
            parse(chunk, False)  # noqa: FBT003 - expat takes no keywords
            yield from reader.ready
            reader.ready.clear()
        parse(b"", True)  # noqa: FBT003
    except expat.ExpatError as error:
        raise StatementUnreadable(expat.ErrorString(error.code) or "not XML", line=error.lineno) from None
    yield from reader.ready


def _entries(node: _Node, account: str) -> list[Entry]:
    """What one `Ntry` says: itself, or each of the transfers that were booked as one, where their amounts are told."""
    status = node.first("Sts/Cd", "Sts")
    if status != "BOOK":
        return []
    details = node.all("NtryDtls/TxDtls")
    whole = _entry(node, details, account, "")
    if len(details) <= 1:
        return [whole]
    parts = [_detail(node, detail, whole, number) for number, detail in enumerate(details, 1)]
    known = [part for part in parts if part is not None]
    total = sum(part.amount.amount_minor for part in known)
    adds_up = len(known) == len(details) and total == whole.amount.amount_minor
    return known if adds_up else [whole]


def _entry(node: _Node, details: list[_Node], account: str, reference: str) -> Entry:
    detail = details[0] if len(details) == 1 else None
    amounts = node.all("Amt")
    if not amounts:
        raise ValueError("no amount")
    booked_on, booked_at = _day(node)
    reversal = node.first("RvslInd").lower() in {"true", "1"}
    return Entry(
        account=account,
        bank_reference=reference or _reference(node, detail),
        amount=_money("".join(amounts[0].text).strip(), amounts[0].attributes.get("Ccy", "")),
        incoming=_incoming(node),
        returned=reversal or any(one.all("RtrInf") for one in details),
        booked_on=booked_on,
        booked_at=booked_at,
        text=_words([node.first("AddtlNtryInf"), *(_remittance(one) for one in details)]),
        payer=_payer(detail),
        payer_account=_payer_account(detail),
    )


def _detail(node: _Node, detail: _Node, whole: Entry, number: int) -> Entry | None:
    """One transfer of several that were booked as one; None where its amount is not told."""
    amounts = detail.all("Amt") or detail.all("AmtDtls/TxAmt/Amt")
    if not amounts or amounts[0].attributes.get("Ccy", "") != whole.amount.currency:
        return None
    reference = f"{whole.bank_reference}/{number}" if whole.bank_reference else ""
    own = _entry(node, [detail], whole.account, reference or " ")
    return Entry(
        account=own.account,
        bank_reference=reference,
        amount=_money("".join(amounts[0].text).strip(), whole.amount.currency),
        incoming=_incoming(detail) if detail.all("CdtDbtInd") else own.incoming,
        returned=own.returned,
        booked_on=own.booked_on,
        booked_at=own.booked_at,
        text=own.text,
        payer=own.payer,
        payer_account=own.payer_account,
    )


def _reference(node: _Node, detail: _Node | None) -> str:
    found = [node.first("AcctSvcrRef"), detail.first("Refs/AcctSvcrRef") if detail else ""]
    return next((text[:100] for text in found if text.upper() not in _NO_REFERENCE), "")


def _incoming(node: _Node) -> bool:
    indicator = node.first("CdtDbtInd")
    if indicator not in {"CRDT", "DBIT"}:
        raise ValueError("neither credit nor debit")
    return indicator == "CRDT"


def _day(node: _Node) -> tuple[date, datetime | None]:
    instant = node.first("BookgDt/DtTm")
    if instant:
        at = datetime.fromisoformat(instant)
        return at.date(), at.astimezone(UTC) if at.tzinfo else None
    return date.fromisoformat((node.first("BookgDt/Dt") or node.first("ValDt/Dt"))[:10]), None


def _money(text: str, currency: str) -> Money:
    """An amount of the bank's, which may be written with more zeros than the currency has decimals."""
    if _AMOUNT.fullmatch(text) is None:
        raise InvalidMoney("not an amount")
    scaled = Decimal(text).scaleb(exponent(currency))
    if scaled != scaled.to_integral_value():
        raise InvalidMoney("more decimals than the currency has")
    return Money(int(scaled), currency)


def _remittance(detail: _Node) -> str:
    free = ["".join(node.text) for node in detail.all("RmtInf/Ustrd")]
    structured = [detail.first("RmtInf/Strd/CdtrRefInf/Ref"), detail.first("RmtInf/Strd/AddtlRmtInf")]
    found = [*free, *structured, detail.first("Refs/EndToEndId"), detail.first("AddtlTxInf")]
    return _words([text for text in found if text.strip().upper() not in _NO_REFERENCE])


def _payer(detail: _Node | None) -> str:
    names = ("RltdPties/Dbtr/Nm", "RltdPties/Dbtr/Pty/Nm", "RltdPties/UltmtDbtr/Nm")
    return detail.first(*names) if detail else ""


def _payer_account(detail: _Node | None) -> str:
    return detail.first("RltdPties/DbtrAcct/Id/IBAN", "RltdPties/DbtrAcct/Id/Othr/Id") if detail else ""


def _words(parts: list[str]) -> str:
    return "\n".join(part.strip() for part in parts if part.strip())
