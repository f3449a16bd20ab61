"""Statements of several banks' shapes are read alike; what is no statement is refused before it can do harm."""

import contextlib
import io
import os
import tracemalloc
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.statements_of_banks import ACCOUNT, Moved, camt, camt_batch
from topup.kernel.money import Money
from topup.payments.methods.settings import BankTransferSettings, CsvMapping, is_iban
from topup.payments.transfers.bank_csv import read_csv
from topup.payments.transfers.camt import read_camt
from topup.payments.transfers.entries import StatementUnreadable, each_with_reference

ENTRIES = 50_000 if os.environ.get("TOPUP_SOAK") else 12_000
LEAST_HELD = 2_000_000
"""Bytes; so many entries kept take several times that."""
ONE = Moved("48.50", "Danke, TP03 7K2M 9QXA", "BANK-1")


def read(content: bytes):
    return list(each_with_reference(read_camt(io.BytesIO(content))))


@pytest.mark.parametrize("version", [2, 4, 6, 8, 10, 13])
def test_every_version_says_the_same(version):
    [entry] = read(camt(ONE, version=version))
    assert entry.account == ACCOUNT
    assert entry.bank_reference == "BANK-1"
    assert entry.amount == Money(4850, "EUR")
    assert entry.incoming
    assert not entry.returned
    assert entry.booked_on == date(2026, 11, 20)
    assert "TP03 7K2M 9QXA" in entry.text
    assert (entry.payer, entry.payer_account) == ("Erika Beispiel", "DE02120300000000202051")
    assert entry.booked_at == (datetime(2026, 11, 20, 9, 15, tzinfo=UTC) if version >= 8 else None)


def test_a_bank_without_details_still_gives_the_words():
    [entry] = read(camt(ONE, details=False))
    assert "TP03 7K2M 9QXA" in entry.text
    assert entry.bank_reference.startswith("#")


def test_two_like_transfers_without_a_reference_are_two_and_the_same_two_each_time():
    like = Moved("10.00", "rent")
    first, second = read(camt(like, like, details=False))
    assert first.bank_reference != second.bank_reference
    assert read(camt(like, like, details=False)) == [first, second]


def test_what_is_not_booked_yet_is_left_out():
    assert read(camt(Moved("1.00", "x", status="PDNG"), Moved("2.00", "y", status="INFO"))) == []


def test_transfers_booked_as_one_come_apart_when_their_amounts_add_up():
    parts = (Moved("10.00", "a"), Moved("20.00", "b"))
    assert [(e.amount.amount_minor, e.text, e.bank_reference) for e in read(camt_batch(*parts, total="30.00"))] == [
        (1000, "a", "BATCH1/1"),
        (2000, "b", "BATCH1/2"),
    ]
    [whole] = read(camt_batch(*parts, total="31.00"))
    assert (whole.amount.amount_minor, whole.text) == (3100, "a\nb")


def test_a_returned_transfer_says_so():
    [entry] = read(camt(Moved("5.00", "x", returned=True)))
    assert entry.returned


BOMB = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;&lol;&lol;&lol;">
]><Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02">&lol2;</Document>"""
FILE = b"""<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><Document>&x;</Document>"""
REMOTE = b"""<!DOCTYPE d SYSTEM "http://127.0.0.1:1/evil.dtd"><Document/>"""
DEEP = camt().replace(b"</Stmt>", b"<Ntry>" + b"<a>" * 200)
REFUSED = {
    "a bomb of entities": BOMB,
    "somebody's file": FILE,
    "somebody's address": REMOTE,
    "depth": DEEP,
    "no XML": b"hello",
    "nothing": b"",
    "another message": camt(ONE).replace(b"camt.053", b"camt.052"),
    "an old version": camt(ONE, version=1),
    "a cut one": camt(ONE)[:-40],
    "no amount": camt(ONE).replace(b">48.50<", b"><"),
    "a negative amount": camt(ONE).replace(b">48.50<", b">-48.50<"),
    "a fraction of a cent": camt(ONE).replace(b">48.50<", b">48.505<"),
    "neither credit nor debit": camt(ONE).replace(b"CRDT", b"WHAT"),
    "no account": camt(ONE, account=""),
    "a text without end": camt(Moved("1.00", "x" * 100_000)),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_statement_is_refused(what):
    with pytest.raises(StatementUnreadable):
        read(REFUSED[what])


@given(content=st.binary(max_size=300), place=st.integers(0, 2_000))
def test_damage_never_gets_further_than_a_refusal(content, place):
    good = camt(ONE, ONE)
    with contextlib.suppress(StatementUnreadable):
        read(good[:place] + content + good[place + len(content) :])


def test_a_long_statement_takes_no_more_memory_than_a_short_one(figures):
    head, tail = camt().split(b"</Stmt>")
    entry = camt(ONE).split(b"</Bal>")[1].split(b"</Stmt>")[0]

    class Long(io.RawIOBase):
        """Entries that nobody holds at once."""

        def __init__(self):
            self.left = ENTRIES
            self.rest = head

        def readable(self):
            return True

        def read(self, size=-1):
            while len(self.rest) < size and self.left:
                self.left -= 1
                self.rest += entry.replace(b"BANK-1", b"BANK-%d" % self.left)
                if not self.left:
                    self.rest += b"</Stmt>" + tail
            given_, self.rest = self.rest[:size], self.rest[size:]
            return given_

    tracemalloc.start()
    number = sum(1 for _ in each_with_reference(read_camt(Long())))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert number == ENTRIES
    assert peak < LEAST_HELD, "or they are held"
    figures("G10 statement", entries=number, peak_kb=peak // 1024)


MAPPING = CsvMapping(
    date="Buchungstag", date_format="%d.%m.%Y", amount="Betrag", text=("Verwendungszweck",), payer="Name",
    decimal=",", encoding="cp1252", skip_lines=2,
)  # fmt: skip
CSV = (
    "Konto;X\n\nBuchungstag;Betrag;Verwendungszweck;Name\n"
    "20.11.2026;1.048,50;Danke TP03 7K2M 9QXA;Jürgen\n20.11.2026;-3,00;Gebühr;\n"
)


def rows_of(text: str, mapping: CsvMapping = MAPPING):
    return list(read_csv(io.BytesIO(text.encode(mapping.encoding)), mapping, account=ACCOUNT, currency="EUR"))


def test_a_banks_csv_is_read_by_the_settings():
    first, second = rows_of(CSV)
    assert first.amount == Money(104_850, "EUR")
    assert first.incoming
    assert first.payer == "Jürgen"
    assert first.booked_on == date(2026, 11, 20)
    assert (second.amount, second.incoming) == (Money(300, "EUR"), False)


def test_credit_and_debit_may_stand_apart():
    mapping = CsvMapping(date="d", credit="in", debit="out", text=("t",), delimiter=",", currency="c", reference="r")
    first, second = rows_of("d,in,out,t,c,r\n2026-11-20,5.00,,a,CHF,R1\n2026-11-20,,7.00,b,CHF,R2\n", mapping)
    assert (first.amount, first.incoming, first.bank_reference) == (Money(500, "CHF"), True, "R1")
    assert (second.amount, second.incoming) == (Money(700, "CHF"), False)


@pytest.mark.parametrize(
    "text",
    [
        "Konto;X\n\nBuchungstag;Summe\n",
        CSV.replace("1.048,50", "viel"),
        CSV.replace("1.048,50", "NaN"),
        CSV.replace("20.11.2026;1", "2026-11-20;1"),
        CSV.replace("1.048,50", "1,005"),
        "Konto;X\n\nBuchungstag;Betrag;Verwendungszweck;Name\n20.11.2026;1,00\n",
    ],
)
def test_a_csv_that_does_not_fit_is_refused(text):
    with pytest.raises(StatementUnreadable):
        rows_of(text)


def test_an_iban_with_a_slip_is_refused():
    assert is_iban(ACCOUNT)
    with pytest.raises(ValueError, match="check digits"):
        BankTransferSettings(payee="T", account="DE89 3704 0044 0532 0130 01", currency="EUR")
    assert BankTransferSettings(payee="T", account="DE89 3704 0044 0532 0130 00", currency="EUR").account == ACCOUNT
