"""Finding who holds a code costs by what is held now, not by all that ever was."""

import psycopg

from tests.integration.offers.test_reserving import held_by
from tests.support.promises import Promises, Wanted, wanted

AT_ONCE, ROUNDS = 200, 16


async def held(promises: Promises, first: int) -> list[Wanted]:
    """Orders by as many people with a code of their own each."""
    numbers = range(first, first + AT_ONCE)
    items = [wanted(f"o{n}", persons=(f"p{n}",), code=f"c{n}", code_uses=1) for n in numbers]
    assert not any(await promises.reserve(*items))
    return items


async def test_the_index_is_no_larger_however_many_held_something_before(database, database_url):
    promises = Promises(database)
    sizes = []
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as owner:
        for number in range(ROUNDS):
            await promises.settle(*await held(promises, number * AT_ONCE))
            if number % (ROUNDS // 4) == ROUNDS // 4 - 1:
                await owner.execute("VACUUM offers.reservations")
                size = "SELECT pg_relation_size('offers.reservations_holding')"
                sizes.append((await (await owner.execute(size)).fetchone())[0])
    assert sizes[-1] <= sizes[0] * 2, sizes
    for one in await held(promises, ROUNDS * AT_ONCE):
        [holder] = await held_by(database, one.scopes[-1])
        assert holder.order_id == one.order_id
    assert await held_by(database, wanted("o1", persons=("p1",), code="c1").scopes[-1]) == [], "it is used"
    assert await promises.faults() == []
