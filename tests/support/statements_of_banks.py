"""Bank statements as several banks write them, made by us."""

from dataclasses import dataclass

ACCOUNT = "DE89370400440532013000"


@dataclass(frozen=True)
class Moved:
    """A movement to be written into a statement."""

    amount: str
    text: str
    reference: str = ""
    incoming: bool = True
    currency: str = "EUR"
    day: str = "2026-11-20"
    payer: str = "Erika Beispiel"
    iban: str = "DE02120300000000202051"
    status: str = "BOOK"
    returned: bool = False


def camt(*moved: Moved, version: int = 2, account: str = ACCOUNT, details: bool = True) -> bytes:
    """A camt.053: with version 8, statuses and parties lie one level deeper, as the standard has them since."""
    entries = "".join(_entry(one, version) if details else _plain(one) for one in moved)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version:02}"><BkToCstmrStmt>'
        "<GrpHdr><MsgId>M1</MsgId><CreDtTm>2026-11-21T01:00:00</CreDtTm></GrpHdr>"
        f"<Stmt><Id>S1</Id><Acct><Id><IBAN>{account}</IBAN></Id><Ccy>EUR</Ccy></Acct>"
        f'<Bal><Amt Ccy="EUR">100.00</Amt></Bal>{entries}</Stmt></BkToCstmrStmt></Document>'
    ).encode()


def _entry(one: Moved, version: int) -> str:
    new = version >= 8
    status = f"<Sts><Cd>{one.status}</Cd></Sts>" if new else f"<Sts>{one.status}</Sts>"
    name = f"<Pty><Nm>{one.payer}</Nm></Pty>" if new else f"<Nm>{one.payer}</Nm>"
    day = f"<DtTm>{one.day}T10:15:00+01:00</DtTm>" if new else f"<Dt>{one.day}</Dt>"
    back = "<RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf>" if one.returned else ""
    return (
        f'<Ntry><Amt Ccy="{one.currency}">{one.amount}</Amt><CdtDbtInd>{"CRDT" if one.incoming else "DBIT"}</CdtDbtInd>'
        f"{status}<BookgDt>{day}</BookgDt><ValDt><Dt>{one.day}</Dt></ValDt>"
        f"{_reference(one)}<NtryDtls><TxDtls><Refs><EndToEndId>NOTPROVIDED</EndToEndId></Refs>"
        f"<RltdPties><Dbtr>{name}</Dbtr><DbtrAcct><Id><IBAN>{one.iban}</IBAN></Id></DbtrAcct></RltdPties>"
        f"<RmtInf><Ustrd>{one.text}</Ustrd></RmtInf>{back}</TxDtls></NtryDtls></Ntry>"
    )


def _plain(one: Moved) -> str:
    """As a bank writes it that gives no details: all words in one place, no reference."""
    return (
        f'<Ntry><Amt Ccy="{one.currency}">{one.amount}</Amt><CdtDbtInd>{"CRDT" if one.incoming else "DBIT"}</CdtDbtInd>'
        f"<Sts>{one.status}</Sts><BookgDt><Dt>{one.day}</Dt></BookgDt>"
        f"<AddtlNtryInf>TRANSFER {one.payer} {one.text}</AddtlNtryInf></Ntry>"
    )


def camt_batch(*moved: Moved, total: str) -> bytes:
    """Several transfers that the bank booked as one."""
    details = "".join(
        f'<TxDtls><AmtDtls><TxAmt><Amt Ccy="{one.currency}">{one.amount}</Amt></TxAmt></AmtDtls>'
        f"<RmtInf><Ustrd>{one.text}</Ustrd></RmtInf></TxDtls>"
        for one in moved
    )
    entry = (
        f'<Ntry><Amt Ccy="EUR">{total}</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts>'
        f"<BookgDt><Dt>2026-11-20</Dt></BookgDt><AcctSvcrRef>BATCH1</AcctSvcrRef><NtryDtls>{details}</NtryDtls></Ntry>"
    )
    return camt().replace(b"</Stmt>", entry.encode() + b"</Stmt>")


def _reference(one: Moved) -> str:
    return f"<AcctSvcrRef>{one.reference}</AcctSvcrRef>" if one.reference else ""
