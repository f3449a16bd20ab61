"""The page with a wallet's code: in a demonstration it opens without a phone; in time it offers another way."""

from dataclasses import replace

import pytest

from topup.payments.ports import Action

CODE = "http://127.0.0.1:9/pay?qr=bax1"


class NobodyReal:
    async def sandbox_outcome(self, request, outcome):
        raise AssertionError("nobody pays here")


@pytest.fixture
async def waiting(visitor, voucher_shop):
    """An order whose payer was shown a code; gives the page with it, as a browser asks for it."""
    voucher_shop.gateway.start_answers = [Action("qr", CODE)]
    order = await voucher_shop.ordered()
    payment = await voucher_shop.paying(order)

    async def shown():
        page = await visitor.get(f"/orders/{order.id}/payments/{payment.id}")
        assert page.status_code == 200
        return page.text

    return order, shown


@pytest.mark.parametrize("simulated", [True, False])
async def test_only_a_simulated_wallet_opens_by_a_link(voucher_shop, waiting, simulated):
    _, shown = waiting
    desk = voucher_shop.desk
    desk._parts = replace(desk._parts, payers={"scripted": NobodyReal()} if simulated else {})
    assert (f'href="{CODE}"' in await shown()) == simulated


async def test_after_a_minute_both_pages_offer_another_way(visitor, voucher_shop, waiting):
    order, shown = waiting
    for unheard in (False, True):
        assert ("换一种方式付款" in await shown()) == unheard
        assert ("还没有收到付款" in await shown()) == unheard
        assert ("还没有收到付款" in (await visitor.get(f"/orders/{order.id}")).text) == unheard
        await voucher_shop.later(minutes=1)
