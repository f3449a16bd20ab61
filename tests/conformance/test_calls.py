"""Whatever the other side does to a call, every plugin says no more than it knows."""

from datetime import UTC, date, datetime

import pytest
from pydantic import ValidationError

from tests.conformance.registry import (
    CAPABILITIES,
    CARRIERS,
    COUNTERPARTS,
    EVERYTHING,
    UNSUPPORTED,
    asks,
    beginnings,
    name_of,
)
from tests.support.misbehaving import AFTER_SENDING, NOT_UNDERSTOOD, misbehaving, never_answer, refused_address
from topup.fulfilment.operations import LEASE
from topup.fulfilment.ports import Standing
from topup.kernel.outcome import NotSent, Unknown
from topup.platform.http import Bounds, Client, ForbiddenAddress

DAY = date(2026, 11, 20)
every_plugin = pytest.mark.parametrize("kind_and_plug", EVERYTHING, ids=name_of)


@pytest.fixture
async def quick_client():
    client = Client(development=True, bounds=Bounds(connect_s=1.0, read_s=0.3, total_s=1.0))
    yield client
    await client.aclose()


@pytest.fixture
def make(kind_and_plug, tmp_path, quick_client):
    """The plugin, with the settings of its own example."""
    _, plug = kind_and_plug
    return lambda url: plug.make(plug.example(tmp_path, url), quick_client)


def supported(kind_and_plug):
    kind, plug = kind_and_plug
    return [ask for ask in asks(kind, DAY) if ask.capability is None or ask.capability in plug.capabilities]


def calls(kind_and_plug, make):
    """Everything the plugin may be asked that makes it call: what it supports, and how payments begin."""
    begun = beginnings(make("https://gateway.example")) if kind_and_plug[0] == "payments" else []
    return [*supported(kind_and_plug), *begun]


@every_plugin
def test_a_plugin_is_complete(kind_and_plug, make):
    kind, plug = kind_and_plug
    assert plug.example is not None, "no settings to be tested with"
    assert plug.name in COUNTERPARTS, "no simulator that speaks its wire"
    assert {vector.accepted for vector in plug.vectors} == {True, False}, "no vectors of both kinds"
    plugin = make("https://gateway.example")
    assert plugin.name == plug.name
    assert plugin.capabilities == plug.capabilities <= CAPABILITIES[kind]


@every_plugin
async def test_what_a_plugin_cannot_do_raises(kind_and_plug, make):
    kind, plug = kind_and_plug
    absent = [ask for ask in asks(kind, DAY) if ask.capability and ask.capability not in plug.capabilities]
    for ask in absent:
        plugin = make("https://gateway.example")
        if ask.port is not None:
            assert not isinstance(plugin, ask.port), "what it has it can do"
            continue
        with pytest.raises(UNSUPPORTED):
            await ask.of(plugin)
    assert len(absent) + len(supported(kind_and_plug)) == len(asks(kind, DAY))


@every_plugin
async def test_a_refused_connection_is_not_sent(kind_and_plug, make):
    with refused_address() as url:
        for ask in calls(kind_and_plug, make):
            outcome = await ask.of(make(url))
            told = isinstance(outcome, NotSent) or (isinstance(outcome, Unknown) and "NotSent" in outcome.detail)
            assert told, (ask.name, outcome)


@every_plugin
@pytest.mark.parametrize("way", [*AFTER_SENDING, *NOT_UNDERSTOOD])
async def test_what_went_wrong_after_sending_is_unknown_and_not_sent_again(kind_and_plug, make, way):
    script = {**AFTER_SENDING, **NOT_UNDERSTOOD}[way]
    for ask in calls(kind_and_plug, make):
        async with misbehaving(script) as (url, served):
            outcome = await ask.of(make(url))
        assert isinstance(outcome, Unknown), (ask.name, outcome)
        assert len(served) == 1, f"{ask.name} was sent {len(served)} times"


@pytest.mark.parametrize("plug", CARRIERS.values(), ids=lambda plug: plug.name)
@pytest.mark.parametrize("way", [*AFTER_SENDING, *NOT_UNDERSTOOD])
async def test_a_lookup_without_an_answer_says_nothing(plug, tmp_path, quick_client, way):
    async with misbehaving({**AFTER_SENDING, **NOT_UNDERSTOOD}[way]) as (url, _):
        carrier = plug.make(plug.example(tmp_path, url), quick_client)
        assert await carrier.lookup("+6581234501") == Standing(can_be_topped_up=None)


@every_plugin
async def test_impatience_is_the_plugins_setting(kind_and_plug, tmp_path, http_client):
    _, plug = kind_and_plug
    async with misbehaving(never_answer) as (url, _):
        settings = plug.example(tmp_path, url).model_copy(update={"timeout_s": 0.2})
        began = datetime.now(UTC)
        assert isinstance(await supported(kind_and_plug)[0].of(plug.make(settings, http_client)), Unknown)
    assert (datetime.now(UTC) - began).total_seconds() < Bounds().read_s, "what the client would have waited"


@every_plugin
def test_no_call_may_outlast_the_time_it_is_taken_up_for(kind_and_plug, tmp_path):
    """Another process takes the row up again then: one that asks would believe that nothing arrived."""
    _, plug = kind_and_plug
    settings = plug.example(tmp_path, "http://127.0.0.1:1").model_dump()
    for timeout_s in (0.0, LEASE.total_seconds()):
        with pytest.raises(ValidationError):
            plug.settings(**settings | {"timeout_s": timeout_s})


@every_plugin
async def test_an_address_that_is_not_safe_is_refused_when_the_plugin_is_made(kind_and_plug, tmp_path):
    _, plug = kind_and_plug
    production, development = Client(), Client(development=True)
    for client, url in ((production, "http://127.0.0.1:1"), (development, "http://gateway.example")):
        with pytest.raises(ForbiddenAddress):
            plug.make(plug.example(tmp_path, url), client)
        await client.aclose()
