"""The most cash a drawer should hold: a warning, then no more cash before some is in the safe."""

import pytest

from tests.integration.counter.test_selling import in_drawer
from topup.kernel.ids import new_id

pytestmark = pytest.mark.xdist_group("browser")


async def test_a_drawer_that_is_full_takes_no_cash_before_some_is_in_the_safe(site, clerk, a_number, ceiling):
    assert "The drawer is" not in await clerk.sees("/counter")
    await ceiling("240")
    assert "The drawer is nearly full" in await clerk.sees("/counter"), "it holds 200"
    first, second = await clerk.quotes(a_number()), await clerk.quotes(a_number())
    assert (await clerk.takes(first)).status_code == 303, "the sale that fills it is taken: it holds 250 now"
    assert "The drawer is full" in await clerk.sees("/counter")
    for step in ("change", "cash"):
        refused = await clerk.posts(f"{second}/{step}", tendered="50")
        assert refused.status_code == 409
        assert "holds as much as it should" in refused.text
    assert await in_drawer(site, clerk.till) == 25000
    assert (await clerk.takes(first)).status_code == 303, "what was taken is told the same again"
    wish = {"why": "safe", "amount": "100", "reason": "Full", "form": new_id("event", 0)}
    await clerk.posts("/counter/drawer/move", **wish)
    assert (await clerk.takes(second)).status_code == 303
    assert await in_drawer(site, clerk.till) == 20000


async def test_the_ceiling_is_a_supervisors_to_say_and_is_let_go_by_saying_nothing(clerk, a_number, ceiling):
    assert (await clerk.posts("/counter/drawer/ceiling", most="1")).status_code == 403
    await ceiling("100")
    sale = await clerk.quotes(a_number())
    assert (await clerk.takes(sale)).status_code == 409
    await ceiling("")
    assert (await clerk.takes(sale)).status_code == 303
