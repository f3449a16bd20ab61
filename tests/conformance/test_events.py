"""G7, and the plugins' side of G8 and G9: a forged event is rejected, a repeated or reordered one says the same.

Every byte and header of each good vector is mutated. A mutant may be accepted only if what it says is unchanged (base64
has twins, and a header that is not signed may be there or not).
"""

import itertools
import os
import random
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from tests.conformance.registry import EVERYTHING, name_of
from topup.fulfilment.ports import CarrierEventRejected
from topup.payments.ports import Decline, EventRejected, PaymentStanding
from topup.platform.http import Client

REJECTED = (EventRejected, CarrierEventRejected)
every_plugin = pytest.mark.parametrize("kind_and_plug", EVERYTHING, ids=name_of)
SOAK = bool(os.environ.get("TOPUP_SOAK"))


@pytest.fixture
def plug(kind_and_plug):
    return kind_and_plug[1]


@pytest.fixture
def plugin(plug, tmp_path):
    return plug.make(plug.example(tmp_path, "https://gateway.example"), Client())


def good(plug):
    return [vector for vector in plug.vectors if vector.accepted]


def parse(plugin, vector, headers=None, body=None):
    """The event, or None where it was rejected."""
    try:
        return plugin.parse_event(
            vector.headers if headers is None else headers,
            vector.body if body is None else body,
            vector.at or datetime.now(UTC),
        )
    except REJECTED:
        return None


def mutants_of_bytes(body):
    changes = range(1, 256) if SOAK else [1 << bit for bit in range(8)]
    for place in range(len(body)):
        for change in changes:
            yield body[:place] + bytes([body[place] ^ change]) + body[place + 1 :]
        yield body[:place] + body[place + 1 :]
        yield body[:place] + b" " + body[place:]
        yield body[:place]
    yield from (body + b" ", body + b"\n", body + body, b"\xef\xbb\xbf" + body)


def mutants_of_headers(headers):
    for name, value in headers.items():
        yield {other: text for other, text in headers.items() if other != name}
        yield from ({**headers, name: text} for text in ("", value.upper(), value.swapcase(), value + " ", " " + value))
        yield from ({**headers, name: headers[other]} for other in headers if other != name)
        raw = value.encode()
        for mutant in mutants_of_bytes(raw):
            if mutant != raw:
                yield {**headers, name: mutant.decode("latin-1")}


@every_plugin
def test_the_plugins_own_vectors(plug, plugin):
    for vector in plug.vectors:
        assert (parse(plugin, vector) is not None) == vector.accepted, vector.name


@every_plugin
def test_why_a_payment_was_declined_is_said_in_the_ports_words(plug, plugin):
    """Payers read a sentence for each of them; a word of the provider's own would be told in general only."""
    facts = [fact for vector in good(plug) for fact in parse(plugin, vector).facts]
    declined = [fact for fact in facts if getattr(fact, "standing", None) is PaymentStanding.DECLINED]
    assert {fact.reason for fact in declined} <= {"", *Decline}


@every_plugin
@pytest.mark.timeout(3600 if SOAK else 300)
def test_g7_no_mutant_of_a_good_event_says_anything_else(plug, plugin):
    tried = twins = accepted = 0
    for vector in good(plug):
        truth = parse(plugin, vector)
        bodies = ((vector.headers, body) for body in mutants_of_bytes(vector.body) if body != vector.body)
        headers = ((mutant, vector.body) for mutant in mutants_of_headers(vector.headers) if mutant != vector.headers)
        for mutant_headers, body in itertools.chain(bodies, headers):
            event = parse(plugin, vector, mutant_headers, body)
            tried += 1
            twins += event == truth and event is not None
            accepted += event is not None and event != truth
    print(f"\nG7 {plug.name}: {tried} mutants, {accepted} accepted (upper bound {3 / tried:.1e}), {twins} twins")
    assert tried > 1000
    assert accepted == 0


@every_plugin
def test_signatures_of_one_event_do_not_hold_for_another(plug, plugin):
    for first, second in itertools.permutations(good(plug), 2):
        if first.body != second.body and first.headers != second.headers:  # else the signature is in the body
            assert parse(plugin, first, headers=second.headers) is None, (first.name, second.name)


@every_plugin
def test_arbitrary_bytes_are_rejected_and_never_crash(plug, plugin):
    chance = random.Random(7)
    vector = good(plug)[0]
    for size in (0, 1, 2, 16, 1024, 70_000, 1_000_000):
        for _ in range(20 if size < 10_000 else 1):
            assert parse(plugin, vector, body=chance.randbytes(size)) is None
    for value in ("\x00", "é", "💥", "=" * 100, "a" * 100_000, "-1", "9" * 5000, "٣", "1e3"):
        for name in vector.headers:
            assert parse(plugin, vector, headers={**vector.headers, name: value}) is None, (name, value[:10])
    if vector.headers:
        assert parse(plugin, vector, headers={}) is None


@every_plugin
def test_a_replayed_event_has_the_same_id_and_the_same_facts(plug, plugin):
    for vector in good(plug):
        assert len({parse(plugin, vector).event_id for _ in range(3)}) == 1
        assert parse(plugin, vector) == parse(plugin, vector)
    ids = [parse(plugin, vector).event_id for vector in good(plug)]
    assert len(set(ids)) == len(ids), "different events have different ids"


@every_plugin
def test_the_order_of_events_changes_nothing_that_they_say(plug, plugin):
    """A plugin remembers nothing between events; the rooms decide what an order of facts means."""
    truth = {vector.name: parse(plugin, vector) for vector in plug.vectors}
    chance = random.Random(9)
    for _ in range(50):
        order = chance.sample(list(plug.vectors), len(plug.vectors))
        assert {vector.name: parse(plugin, vector) for vector in order} == truth


@every_plugin
def test_another_installations_keys_do_not_verify(plug, tmp_path):
    """The same plugin with other keys rejects every vector."""
    home = tmp_path / "other"
    home.mkdir()
    settings = plug.example(home, "https://gateway.example")
    for file in {value for value in settings.model_dump().values() if hasattr(value, "read_text")}:
        text = file.read_text()
        file.write_text(_another_key(text))
    stranger = plug.make(settings, Client())
    assert not [vector.name for vector in plug.vectors if parse(stranger, vector)]


def _another_key(text: str) -> str:
    if "PUBLIC KEY" in text:
        rsa_key = isinstance(load_pem_public_key(text.encode()), rsa.RSAPublicKey)
        key = rsa.generate_private_key(65537, 2048) if rsa_key else Ed25519PrivateKey.generate()
        return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    if "PRIVATE KEY" in text or "CERTIFICATE" in text:  # our own: no event is signed with it
        return text
    return text.translate(str.maketrans("0123456789", "1234567890"))
