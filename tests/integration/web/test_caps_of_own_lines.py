"""On the first page a line's owner is told what still fits under its cap; a guest who asks the same gets a price."""

from importlib.resources import files

import httpx
import pytest

from tests.support.desk import LANES
from tests.support.subscribers import front_at
from tests.support.tariffs import CREDIT_CAP, publish_text
from topup.kernel.msisdn import parse_msisdn
from topup.ledger import BucketSpec, Credit, Posted, post
from topup.lines.operations import open_lines

pytestmark = pytest.mark.xdist_group("browser")

NUMBER = "+85246123456"


async def carrier_with_a_cap(front, folder) -> None:
    """Whoever has a number of this range may have 100.00 of credit: a carrier that no other test knows."""
    text = files("topup.catalogue.demonstration").joinpath("yunfan.toml").read_text()
    changed = text.replace('id = "yunfan"', 'id = "capped"').replace("+85251230000", NUMBER)
    changed = changed.replace('ranges = ["+8525", "+8526", "+8529"]', 'ranges = ["+85246"]')
    await publish_text(front.database, folder, changed + CREDIT_CAP.format(at_cap="refuse"))


async def credited(front, amount: int) -> None:
    """The line of NUMBER, with so much credit."""
    async with front.database.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        wanted = [(parse_msisdn(NUMBER), "capped", "Asia/Hong_Kong")]
        [line] = (await open_lines(connection, wanted, now, lanes=LANES)).values()
        credit = Credit(
            lane=line.lane,
            key=f"test:{line.id}",
            from_code="promotions",
            line_id=line.id,
            bucket=BucketSpec(kind="main", usable_until=None, rule={"id": "validity_none"}),
            asset="HKD",
            amount=amount,
            purpose="grant",
            reference="test",
        )
        (answer,) = await post(connection, [credit], now)
        assert isinstance(answer, Posted), answer


async def test_the_owner_is_told_what_still_fits_and_a_guest_is_not(site, tmp_path):
    async with front_at(site) as front:
        await front.forget_counts()
        await carrier_with_a_cap(front, tmp_path)
        await credited(front, 9000)
        entered = await front.enter(NUMBER)
    form = {"number": NUMBER, "choice": "credit:5000", "shown": NUMBER}
    said = {}
    for who, cookie in (("owner", f"here={entered.token}"), ("guest", "")):
        headers = {"accept": "text/html", "accept-language": "en", "cookie": cookie}
        async with httpx.AsyncClient(base_url=site.url, trust_env=False, headers=headers) as client:
            answer = await client.post("/quotes", data=form)
            assert answer.status_code == 303
            said[who] = (answer.headers["location"], (await client.get(answer.headers["location"])).text)
    where, page = said["owner"]
    assert where.startswith("/start/")
    assert "HK$10.00 still fits" in page
    where, page = said["guest"]
    assert where.startswith("/quotes/")
    assert "HK$10.00 still fits" not in page
