"""What somebody topped up, and what others did for their lines: found whole, a page at a time, and nothing beyond."""

import csv
import io
from datetime import timedelta
from decimal import Decimal

import pypdf
import pytest

from tests.support.desk import OWN_NUMBER
from tests.support.households import Households
from topup.channels.web.history.documents import cells_of
from topup.channels.web.wording import Wording
from topup.kernel.errors import Conflict, NotFound
from topup.kernel.msisdn import parse_msisdn
from topup.lines.queries import lines_now
from topup.orders import chronicle as chronicles
from topup.orders.chronicle import Chronicle, Question
from topup.orders.searching import Search, read_search
from topup.orders.statement_pdf import render_statement
from topup.platform.spreadsheets import as_csv

E164 = parse_msisdn(OWN_NUMBER).e164
MOTHER, DAUGHTER, STRANGER = "+8613900139777", "+8613900139778", "+8613900139779"
OTHER_NUMBER = "13800138222"


class Family:
    """A mother whose line it is, a daughter who pays for it too, and somebody who has nothing to do with them."""

    def __init__(self, shop, line, mother, daughter, stranger):
        self.shop, self.line, self.mother, self.daughter, self.stranger = shop, line, mother, daughter, stranger
        self.chronicle = Chronicle(database=shop.database, keyring=shop.keys)

    async def tops_up(self, payer_id, *, pays=True, **how):
        self.shop.database.clock_offset += timedelta(minutes=1)
        order = await self.shop.ordered(payer_id=payer_id, **how)
        if pays:
            await self.shop.tells(self.shop.paid(await self.shop.paying(order)))
            await self.shop.run()
        return order

    async def sees(self, who, limit=50, before=None, **asked):
        return await self.chronicle.page(who=who, question=Question(**asked), before=before, limit=limit)

    async def ids(self, who, **asked):
        return [chapter.order.id for chapter in (await self.sees(who, **asked)).chapters]


@pytest.fixture
async def family(shop):
    households = Households(shop.database, shop.keys)
    for _ in range(2):  # the first opens the line
        await shop.tells(shop.paid(await shop.paying(await shop.ordered())))
        await shop.run()
        await shop.later(minutes=1)
    async with shop.database.read() as transaction:
        line = (await lines_now(transaction.connection, [E164]))[E164].ref
    mother = await households.moves_in(MOTHER, line)
    return Family(shop, line, mother, await households.moves_in(DAUGHTER), await households.moves_in(STRANGER))


async def test_each_sees_their_own_orders_and_what_came_to_their_lines(family):
    own = await family.tops_up(family.mother)
    given = await family.tops_up(family.daughter)
    elsewhere = await family.tops_up(family.daughter, number=OTHER_NUMBER)
    assert (await family.ids(family.mother))[:2] == [given.id, own.id]
    assert await family.ids(family.daughter) == [elsewhere.id, given.id]
    assert await family.ids(family.stranger) == []


async def test_of_a_gift_one_learns_who_as_far_as_others_may_know_and_not_its_id(family):
    given = await family.tops_up(family.daughter)
    newest, first = (await family.sees(family.mother)).chapters
    assert not newest.own
    assert newest.payer == parse_msisdn(DAUGHTER).masked()
    assert (await family.shop.desk.shared_order(token=newest.shared)).id == given.id
    assert given.id not in newest.shared
    assert first.payer == ""  # a guest's
    cells = cells_of(newest, {}, Wording("en"), None)
    assert not {given.id, given.quote_id, str(newest.order.receipt_number), "CNY", "50.00"} & set(cells)


async def test_what_others_began_and_did_not_pay_is_nobodys_business(family):
    await family.tops_up(family.daughter, pays=False)
    assert len(await family.ids(family.mother)) == 1
    assert len(await family.ids(family.daughter)) == 1


async def test_pages_meet_and_none_is_left_out_or_shown_twice(family):
    made = [
        (await family.tops_up(family.mother if turn % 3 else family.daughter, pays=turn != 4)).id for turn in range(7)
    ]
    # All at one moment: only the id tells them apart.
    async with family.shop.database.transaction() as transaction:
        await transaction.connection.execute(
            "UPDATE orders.orders SET created_at = (SELECT max(created_at) FROM orders.orders)"
        )
    seen, before = [], None
    while True:
        found = await family.sees(family.mother, limit=2, before=before)
        seen += [chapter.order.id for chapter in found.chapters]
        assert len(found.chapters) <= 2
        if found.more is None:
            break
        before = found.more
    assert len(seen) == len(set(seen)) == 9
    assert set(made) < set(seen)


async def test_it_is_narrowed_by_line_time_state_and_method(family):
    own = await family.tops_up(family.mother)
    other = await family.tops_up(family.mother, number=OTHER_NUMBER)
    open_one = await family.tops_up(family.mother, pays=False)
    assert other.id not in await family.ids(family.mother, line_id=family.line.id)
    assert await family.ids(family.mother, standing="under_way") == [open_one.id]
    assert own.id in await family.ids(family.mother, standing="arrived")
    assert await family.ids(family.mother, standing="returned") == []
    assert await family.ids(family.mother, method="scripted") == [other.id, own.id]
    assert await family.ids(family.mother, method="cash") == []
    assert (await family.sees(family.mother)).methods == ("scripted",)
    assert own.id not in await family.ids(family.mother, since=other.created_at)
    assert other.id not in await family.ids(family.mother, until=other.created_at)
    with pytest.raises(NotFound, match="line_unknown"):
        await family.ids(family.stranger, line_id=family.line.id)


async def test_it_is_searched_by_number_receipt_order_and_amount(family):
    own = await family.tops_up(family.mother)
    other = await family.tops_up(family.mother, number=OTHER_NUMBER, amount=3000)
    receipt = (await family.shop.order(own)).receipt_number
    for text, meant in {
        OTHER_NUMBER: [other.id],
        "138 0013 8222": [other.id],
        "8222": [other.id],
        receipt: [own.id],
        own.id: [own.id],
        "¥30": [other.id],
        "30.00 元": [other.id],
        "30.01": [],
        "nonsense": [],
        "%": [],
    }.items():
        assert await family.ids(family.mother, text=text) == meant, text
        assert await family.ids(family.stranger, text=text) == [], text
    # A gift's receipt is not one's own.
    given = await family.tops_up(family.daughter)
    receipt = (await family.shop.order(given)).receipt_number
    assert await family.ids(family.daughter, text=receipt) == [given.id]
    assert await family.ids(family.mother, text=receipt) == []
    assert await family.ids(family.mother, text=given.id) == []


def test_a_text_means_what_people_mean_by_it():
    assert read_search("１３８ ００１３ ８０００").digits == "+8613800138000"
    assert read_search("8000").digits == "8000"
    assert read_search("12").digits == ""
    assert read_search("1,234.50").amount == Decimal("1234.50")
    assert read_search("2026-03-000017") == Search(receipt=(3, 2026, 17))
    assert read_search("什么").means_nothing


async def test_a_file_holds_all_or_says_that_it_is_too_much(family, monkeypatch):
    for _ in range(3):
        await family.tops_up(family.mother)
    found = await family.chronicle.everything(who=family.mother, question=Question())
    times = [chapter.order.created_at for chapter in found.chapters]
    assert len(times) == 4
    assert times == sorted(times)
    monkeypatch.setattr(chronicles, "_PART", 1)
    again = await family.chronicle.everything(who=family.mother, question=Question())
    assert [one.order for one in again.chapters] == [one.order for one in found.chapters]
    with pytest.raises(Conflict, match="history_too_long"):
        await family.chronicle.everything(who=family.mother, question=Question(), most=3)


async def test_the_table_opens_as_it_was_written(family):
    await family.tops_up(family.mother)
    found = await family.chronicle.everything(who=family.mother, question=Question())
    rows = [
        cells_of(one, {E164: '=HYPERLINK("http://evil")'}, Wording("en"), "Asia/Shanghai") for one in found.chapters
    ]
    read = list(csv.reader(io.StringIO(as_csv(["a"] * 11, rows).decode("utf-8-sig"))))
    assert read[2][1:3] == ["138 0013 8000", '\'=HYPERLINK("http://evil")']
    assert read[2][5:7] == ["50.00", "CNY"]
    assert read[2][0].endswith("+08:00")


async def test_the_statement_has_what_was_paid_and_what_went_back(family):
    await family.tops_up(family.mother)
    await family.tops_up(family.mother, amount=3000)
    await family.tops_up(family.mother, pays=False)
    found = await family.chronicle.everything(who=family.mother, question=Question(), only_own=True)
    for locale in ("zh_Hans", "zh_Hant", "en"):
        pdf = await render_statement(
            [one.order for one in found.chapters],
            locale=locale,
            zone="Asia/Shanghai",
            period="",
            narrowed=False,
            now=found.now,
        )
        text = "".join(part.extract_text() for part in pypdf.PdfReader(io.BytesIO(pdf)).pages).replace("\n", "")
        assert text.count("138 0013 8000") == 2
        assert "80.00" in text
