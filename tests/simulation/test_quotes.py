"""An expired or edited quote is not honoured, and nobody pays more than their quote (G18)."""

import json
from copy import deepcopy
from datetime import timedelta
from importlib.resources import files
from pathlib import Path

import psycopg
import pytest

from topup.catalogue.checking import check
from topup.catalogue.operations import publish
from topup.kernel.errors import Problem
from topup.kernel.ids import OrderId, lane_of, new_id
from topup.kernel.money import Money


async def ordering(here, quote_id: str) -> str:
    """The state of the order that was made, or the code of the refusal."""
    try:
        order = await here.desk.order(
            order_id=OrderId(new_id("order", lane_of(quote_id))),
            quote_id=quote_id,
            contact=None,
            confirmations=frozenset({"duplicate", "large_amount"}),
            locale="en",
            channel="test",
        )
    except Problem as problem:
        return problem.code
    return order.status


def places(thing, path=()):
    """Every leaf of a JSON document, and every empty container."""
    if isinstance(thing, dict) and thing:
        for key, each in thing.items():
            yield from places(each, (*path, key))
    elif isinstance(thing, list) and thing:
        for index, each in enumerate(thing):
            yield from places(each, (*path, index))
    else:
        yield path


def edited(document, path):
    """The document with another value of the same kind at that place."""
    copy = deepcopy(document)
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    old = inner[path[-1]]
    if isinstance(old, bool):
        inner[path[-1]] = not old
    elif isinstance(old, int):
        inner[path[-1]] = old - 1
    elif isinstance(old, str):
        inner[path[-1]] = old.replace("2026", "2027") if old.startswith("2026") else f"{old}x"
    else:
        inner[path[-1]] = "edited" if old is None else [{}]
    return copy


@pytest.mark.timeout(180)
async def test_a_quote_edited_anywhere_is_refused(here, database_url, figures):
    """As the database's owner could: each field of the body, whole bodies, signatures, keys, the end."""
    quote = await here.desk.quote(
        number="13000130000", product=None, amount=Money(30000, "CNY"), payment_method="stripe"
    )
    other = await here.desk.quote(number="13000130000", product=None, amount=Money(100, "CNY"), payment_method=None)
    owner = await psycopg.AsyncConnection.connect(database_url, autocommit=True)
    async with owner:

        async def row(identifier):
            cursor = await owner.execute("SELECT body, kid, signature FROM orders.quotes WHERE id = %s", (identifier,))
            return await cursor.fetchone()

        async def put(body, kid, signature):
            await owner.execute(
                "UPDATE orders.quotes SET body = %s, kid = %s, signature = %s WHERE id = %s",
                (body, kid, signature, quote.id),
            )

        body, kid, signature = await row(quote.id)
        document = json.loads(body)
        leaves = list(places(document))
        forgeries = [(json.dumps(edited(document, path), ensure_ascii=False), kid, signature) for path in leaves]
        forgeries += [
            (body + " ", kid, signature),
            (json.dumps(document), kid, signature),
            (body, kid, bytes(64)),
            (body, kid, b""),
            (body, kid, signature[:-1] + bytes([signature[-1] ^ 1])),
            (body, "0" * 16, signature),
            (body, "../../data", signature),
            (body, "", signature),
            await row(other.id),
        ]
        answers = []
        for forgery in forgeries:
            await put(*forgery)
            answers.append(await ordering(here, quote.id))
        await put(body, kid, signature)
        # The column beside the body says nothing: what was signed decides.
        await owner.execute("UPDATE orders.quotes SET expires_at = expires_at + interval '1 day'")
        await here.later(timedelta(minutes=15))
        answers.append(await ordering(here, quote.id))
    assert answers == ["quote_altered"] * len(forgeries) + ["quote_expired"]
    figures.never("G18", accepted=answers.count("awaiting_payment"), fields=len(leaves), of=len(answers))


@pytest.mark.parametrize(
    ("age", "answer"),
    [
        (timedelta(0), "awaiting_payment"),
        (timedelta(minutes=14, seconds=55), "awaiting_payment"),
        (timedelta(minutes=15), "quote_expired"),
        (timedelta(days=400), "quote_expired"),
    ],
    ids=str,
)
async def test_a_quote_is_good_for_fifteen_minutes(here, age, answer):
    quote = await here.desk.quote(number="13800138000", product=None, amount=Money(5000, "CNY"), payment_method=None)
    await here.later(age)
    assert await ordering(here, quote.id) == answer


async def test_a_price_that_rose_since_does_not_touch_a_quote(here, tmp_path, figures):
    """The carrier's file changes between quote and order: fees go up, the face value is no longer offered."""
    quote = await here.desk.quote(
        number="13800138000", product=None, amount=Money(5000, "CNY"), payment_method="stripe"
    )
    offered = {view.method: view.total for view in await here.desk.methods(quote_id=quote.id)}
    text = files("topup.catalogue.demonstration").joinpath("qingfeng.toml").read_text()
    dearer = tmp_path / "qingfeng.toml"
    dearer.write_text(
        text.replace("sandbox = [{ fixed = 0 }]", "sandbox = [{ fixed = 9 }]")
        .replace("permille = 6", "permille = 99")
        .replace('{ amount = 50, label = { zh_Hans = "最多人选", zh_Hant = "最多人選", en = "Most chosen" } },', "")
    )
    async with here.database.transaction() as transaction:
        await publish(transaction.connection, check(Path(dearer)), transaction.now)
    await here.restart()
    assert await ordering(here, quote.id) == "awaiting_payment"
    (order,) = [await here.desk.get_order(order_id=id_) for id_ in here.books().orders]
    charged = {}
    for method in offered:
        payment = await here.pay(order, method)
        charged[method] = here.world.payments[payment.id].asked
    assert charged == offered
    fresh = await here.desk.quote(
        number="13800138000", product=None, amount=Money(5001, "CNY"), payment_method="stripe"
    )
    assert fresh.total.amount_minor > offered["stripe"].amount_minor + 100
    figures("G18", charged_above_quote=0, methods=len(charged))
