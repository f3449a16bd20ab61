"""What the house's own ways to pay take in large numbers: a million vouchers, a bank's statement of a million entries.

Vouchers: drawn and stored as marks, written for the printer (CSV in CMS), activated. A statement: read as a stream,
matched with the payments that wait for it, stored sealed, and told to whoever hears payments, who says at once here
that it heard: what an order takes to be settled is measured elsewhere. Nine entries in a thousand carry no reference
and are listed for a person. The CSV has no references of the bank's, so that each is made of what the line says; the
CAMT.053 has. `python -m bench.own_methods PART` is one part alone, in a process of its own: its memory is a figure too.
"""

import argparse
import asyncio
import csv
import io
import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
import psycopg
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from topup.kernel.ids import OrderId
from topup.kernel.money import Money
from topup.orders.outside import Ears
from topup.orders.settlement import Settled
from topup.orders.states import OrderState
from topup.orders.transfers import Transfers
from topup.payments.methods.bank_transfer import BankTransfer
from topup.payments.methods.settings import BankTransferSettings
from topup.payments.transfers.codes import code_of
from topup.payments.transfers.operations import METHOD
from topup.payments.vouchers import operations
from topup.payments.vouchers.operations import Wanted
from topup.payments.vouchers.printing import sealed_csv
from topup.platform.database import Database
from topup.platform.embedded import EmbeddedServer
from topup.platform.keys import KeyRing
from topup.platform.migrations import migrate
from topup.platform.settings import Settings

MANY: Final = 1_000_000
LANES: Final = 16
PARTS: Final = ("vouchers", "csv", "camt")
_ACCOUNT: Final = "DE89370400440532013000"
_LOST: Final = 111
"""Each such entry has no reference of ours."""
_DAY: Final = "2026-03-10"
_LETTERS: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_TAIL: Final = "0" * 14
_COLUMNS: Final = {"date": "date", "amount": "amount", "text": ["text"], "payer": "payer", "payer_account": "iban"}
_SETTINGS: Final = BankTransferSettings.model_validate(
    {"payee": "Bench", "account": _ACCOUNT, "currency": "EUR", "csv": _COLUMNS}
)
_PAYMENT: Final = "COPY payments.payments (lane, id, order_id, method, scene, amount_minor, currency, fee_minor, state,"
_CODE: Final = "COPY payments.transfer_codes (lane, code, payment_id, amount_minor, currency, expires_at, created_at)"


async def alone() -> dict[str, float]:
    """The figures of every part, each taken by a process of its own."""
    found: dict[str, float] = {}
    for part in PARTS:
        program = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.own_methods", part, stdout=asyncio.subprocess.PIPE
        )
        said, _ = await program.communicate()
        assert program.returncode == 0
        found |= msgspec.json.decode(said, type=dict[str, float])
    return found


async def measure(url: str, data_dir: Path, part: str, many: int) -> dict[str, float]:
    """Seconds and peak memory (MB) of a part."""
    await asyncio.to_thread(migrate, url)
    settings = Settings(database_url=url)  # type: ignore[arg-type]  # as the environment would give it
    keys = KeyRing(data_dir / "keys")
    async with Database.open(settings=settings, migrating=False) as database:
        if part == "vouchers":
            return await _vouchers(database, keys, many)
        file = data_dir / f"statement.{part}"
        await asyncio.to_thread(_write_books, url, many)
        await asyncio.to_thread({"csv": _csv, "camt": _camt}[part], file, many)
        return await _statement(database, keys, file, many)


async def _vouchers(database: Database, keys: KeyRing, many: int) -> dict[str, float]:
    recipient = await asyncio.to_thread(_certificate)
    before_mb, started = _peak_mb(), time.perf_counter()
    async with database.transaction() as transaction:
        wanted = Wanted(Money(5000, "CNY"), many, transaction.now + timedelta(days=365), "bench")
        batch, printed = await operations.make(transaction.connection, wanted, transaction.now, keys=keys, lanes=LANES)
    made = time.perf_counter()
    sealed = await asyncio.to_thread(sealed_csv, batch, printed, recipient)
    exported = time.perf_counter()
    async with database.transaction() as transaction:
        await operations.exported(transaction.connection, batch_id=batch.id, now=transaction.now)
    async with database.transaction() as transaction:
        await operations.activate(transaction.connection, batch_id=batch.id, now=transaction.now)
    return {
        "vouchers_made_s": made - started,
        "vouchers_exported_s": exported - made,
        "vouchers_activated_s": time.perf_counter() - exported,
        "vouchers_file_mb": len(sealed) / 2**20,
        "vouchers_peak_rss_mb": _peak_mb(),
        "vouchers_rss_before_mb": before_mb,
    }


async def _statement(database: Database, keys: KeyRing, file: Path, many: int) -> dict[str, float]:
    part = file.suffix.removeprefix(".")
    ears = Ears(_hear, *[_nobody] * 3)
    gateways = {METHOD: BankTransfer(_SETTINGS, database=database)}
    desk = Transfers(database=database, keys=keys, lanes=LANES, gateways=gateways, ears=ears)
    before_mb, started = _peak_mb(), time.perf_counter()
    with file.open("rb") as stream:
        found = await desk.import_statement(stream, is_csv=part == "csv")
    elapsed_s = time.perf_counter() - started
    lost = len(range(0, many, _LOST))
    assert (found.seen, found.new) == (many, many), found
    assert found.verdicts == {"matched": many - lost, "no_reference": lost}, found.verdicts
    again_s = await _again(desk, file, is_csv=part == "csv")
    return {
        f"statement_{part}_of_a_million_s": elapsed_s * MANY / many,
        f"statement_{part}_again_s": again_s * MANY / many,
        f"statement_{part}_peak_rss_mb": _peak_mb(),
        f"statement_{part}_rss_before_mb": before_mb,
    }


async def _again(desk: Transfers, file: Path, *, is_csv: bool) -> float:
    """The same statement once more changes nothing."""
    started = time.perf_counter()
    with file.open("rb") as stream:
        found = await desk.import_statement(stream, is_csv=is_csv)
    assert (found.new, found.differ) == (0, 0), found
    return time.perf_counter() - started


async def _hear(told: Any) -> Settled:
    return Settled(OrderId(told.fact.payment_id.replace("pay_", "ord_")), OrderState.DELIVERED, to_submit=False)


async def _nobody(told: Any) -> Any:
    raise NotImplementedError(type(told).__name__)


def _payments(many: int) -> Iterator[tuple[int, str, str, int]]:
    """Lane, payment, reference and amount of each payment that is waited for."""
    for n in range(many):
        lane = n % LANES
        yield lane, f"pay_{n:010d}0{_LETTERS[lane]}{_TAIL}", code_of(lane, n), 1000 + n % 9000


def _write_books(url: str, many: int) -> None:
    at = datetime(2026, 3, 9, tzinfo=UTC)
    with psycopg.connect(url, autocommit=True) as connection, connection.cursor() as cursor:
        connection.execute("SET synchronous_commit = off")
        with cursor.copy(f"{_PAYMENT} created_at, state_since, expires_at) FROM STDIN") as copy:
            for lane, payment, _, minor in _payments(many):
                order = payment.replace("pay_", "ord_")
                copy.write_row((lane, payment, order, METHOD, "phone", minor, "EUR", 0, "pending", at, at, at))
        with cursor.copy(f"{_CODE} FROM STDIN") as copy:
            for lane, payment, code, minor in _payments(many):
                copy.write_row((lane, code, payment, minor, "EUR", at, at))
        for table in ("payments.payments", "payments.transfer_codes"):
            connection.execute(f"VACUUM ANALYZE {table}")


def _said(n: int, code: str) -> str:
    return f"Gift {n}" if n % _LOST == 0 else f"Top-up {code[:4]} {code[4:8]} {code[8:]} thank you"


def _csv(file: Path, many: int) -> None:
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter=";")
        writer.writerow(["date", "amount", "text", "payer", "iban"])
        for n, (_, _, code, minor) in enumerate(_payments(many)):
            amount = f"{minor // 100}.{minor % 100:02}"
            writer.writerow([_DAY, amount, _said(n, code), f"Payer {n}", "DE02120300000000202051"])


def _camt(file: Path, many: int) -> None:
    with file.open("wb") as raw:
        stream = io.TextIOWrapper(raw, encoding="utf-8", write_through=False)
        stream.write(
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt><Stmt><Id>S1</Id>'
            f"<Acct><Id><IBAN>{_ACCOUNT}</IBAN></Id><Ccy>EUR</Ccy></Acct>\n"
        )
        for n, (_, _, code, minor) in enumerate(_payments(many)):
            stream.write(
                f'<Ntry><Amt Ccy="EUR">{minor // 100}.{minor % 100:02}</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts>'
                f"<BookgDt><Dt>{_DAY}</Dt></BookgDt><AcctSvcrRef>B{n}</AcctSvcrRef><NtryDtls><TxDtls><RltdPties><Dbtr>"
                f"<Nm>Payer {n}</Nm></Dbtr><DbtrAcct><Id><IBAN>DE02120300000000202051</IBAN></Id></DbtrAcct>"
                f"</RltdPties><RmtInf><Ustrd>{_said(n, code)}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>\n"
            )
        stream.write("</Stmt></BkToCstmrStmt></Document>")
        stream.detach()


def _certificate() -> x509.Certificate:
    """Of whoever prints."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=3072)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "printer")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    now = datetime.now(UTC)
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    return builder.sign(key, hashes.SHA256())


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure a part on a server of our own and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--many", type=int, default=MANY)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="topup-bench-") as above:
        Path(above).chmod(0o711)  # the server's system user passes through
        data_dir = Path(above) / "data"
        data_dir.mkdir(mode=0o700)
        with EmbeddedServer.start(data_dir) as server:
            figures = uvloop.run(measure(server.url, data_dir, asked.part, asked.many))
    print(json.dumps({name: round(figure, 3) for name, figure in figures.items()}, indent=2))


if __name__ == "__main__":
    main()
