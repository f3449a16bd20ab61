"""SIM cards and whose lines are, executed once: a file of them, a card that is replaced, and who asks for them."""

from tests.support import cards
from topup.catalogue.queries import Snapshot
from topup.kernel.msisdn import parse_msisdn
from topup.lines import registered
from topup.lines.cards import queries
from topup.lines.cards.imports import import_cards
from topup.lines.cards.operations import Giving, block, give, unblock
from topup.lines.cards.states import Given
from topup.lines.queries import lines_now
from topup.people.id_checks import shown

LANES = 16
LINES_OVER_ALL_LANES = {
    # A card is found by what is written on it or in it, as a number is: its row says in which lane its line is.
    "lines.cards by cards_pkey",
    "lines.cards by cards_iccid_key",
    "lines.cards by cards_imsi_key",
    # A card serves one line, in whichever lane that is; who names the lane too may come by the card all the same.
    "lines.card_uses by card_uses_of_card",
    # Somebody's lines lie in lanes of their own.
    "lines.owners by owners_of",
    # A document's holder may have lines in any lane.
    "lines.registered by registered_by_mark",
}
HEAD = "iccid,imsi,carrier,kind,number,document,document_number\n"


async def cards_of_lines(database, folder, keys, number):
    """A line's card comes from a file, is replaced, blocked and unblocked; its owner is known by a document."""
    [old, new] = [cards.iccid() for _ in range(2)]
    file = folder / "cards.csv"
    rows = f"{old.digits},{cards.imsi_of(old).digits},qingfeng,physical,{number},passport,E12345678\n"
    file.write_text(f"{HEAD}{rows}{new.digits},,qingfeng,esim,,,\n")

    async def progress(_done: int) -> None:
        pass

    async with database.read() as transaction:
        snapshot = await Snapshot.load(transaction.connection)
    report = await import_cards(database, file, snapshot=snapshot, lanes=LANES, keys=keys, progress=progress)
    assert (report.added, report.given) == (2, 1)
    e164, seen = parse_msisdn(number).e164, shown(document="passport", number="E12345678")
    async with database.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        line = (await lines_now(connection, [e164]))[e164].ref
        blank = await queries.card_with_iccid(connection, [new])
        use = await give(connection, Giving(line, blank.id, Given.LOST, "form:1", "stf_1"), now)
        await unblock(connection, (await block(connection, blank.id, now)).id, now)
        assert await queries.card_with_imsi(connection, cards.imsi_of(old))
        assert await queries.number_served(connection, await queries.card_of_line(connection, line)) == e164
        assert len(await queries.uses_of_line(connection, line)) == 2
        assert (await queries.one_use(connection, line.lane, use.id))[1] == use
        await registered.register(connection, line=line, seen=seen, now=now, keys=keys)
        assert await registered.is_registered(connection, line=line)
        assert await registered.lines_of_document(connection, [seen], keys)
    assert await registered.is_owners(database, line=line, seen=seen, by="stf_1", keys=keys)
    wrong = shown(document="passport", number="E00000000")
    assert await registered.is_owners(database, line=line, seen=wrong, by="stf_1", keys=keys) is False
    for sweep in registered.sweeps(database=database, lanes=LANES):
        await sweep.run()
