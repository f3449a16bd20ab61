"""Keys: what is signed verifies for ever and for its purpose only; what is sealed opens for its owner only."""

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from threading import Barrier

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from topup.kernel.errors import Unavailable
from topup.platform.keys import CannotOpen, KeyRing

_shared = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)


@pytest.fixture(scope="session")
def ring(tmp_path_factory):
    return KeyRing(tmp_path_factory.mktemp("ring") / "keys")


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "keys"


@_shared
@given(message=st.binary(max_size=200), position=st.integers(0, 63), bit=st.integers(0, 7))
def test_what_was_signed_verifies_and_nothing_else_does(ring, message, position, bit):
    kid, signature = ring.sign("receipts", message)
    assert ring.verify("receipts", kid, signature, message)
    assert not ring.verify("receipts", kid, signature, message + b"\0")
    assert not ring.verify("quotes", kid, signature, message)
    changed = bytearray(signature)
    changed[position] ^= 1 << bit
    assert not ring.verify("receipts", kid, bytes(changed), message)


@pytest.mark.parametrize("kid", ["", "../receipts/x", "0" * 16, "0" * 15 + "\n", "g" * 16, "０" * 16, "a" * 10_000])
def test_a_key_nobody_made_verifies_nothing(ring, kid):
    _, signature = ring.sign("receipts", b"x")
    assert not ring.verify("receipts", kid, signature, b"x")


def test_signing_again_uses_the_same_key_and_so_does_another_ring(directory):
    first, _ = KeyRing(directory).sign("quotes", b"x")
    again, signature = KeyRing(directory).sign("quotes", b"x")
    assert first == again
    assert KeyRing(directory).verify("quotes", first, signature, b"x")


def test_after_a_rotation_old_signatures_verify_and_every_ring_signs_with_the_new_key(directory):
    mine, other = KeyRing(directory), KeyRing(directory)
    old, signature = other.sign("receipts", b"x")
    new = mine.rotate("receipts")
    assert new != old
    assert other.sign("receipts", b"y")[0] == mine.sign("receipts", b"y")[0] == new
    assert KeyRing(directory).verify("receipts", old, signature, b"x")
    assert set(mine.public_keys("receipts")) == {old, new}
    assert [file.stem for file in (directory / "receipts").glob("*.private")] == [new]


def test_only_the_owner_may_read_the_files(directory):
    ring = KeyRing(directory)
    ring.sign("receipts", b"x")
    ring.seal(b"x", "y")
    everything = [directory, *directory.rglob("*")]
    assert {path.stat().st_mode & 0o777 for path in everything if path.is_dir()} == {0o700}
    assert {path.stat().st_mode & 0o777 for path in everything if path.is_file()} == {0o600}


def _sign(directory):
    ring = KeyRing(directory)
    return (*ring.sign("receipts", b"x"), ring.seal(b"news", "con_1"))


def test_processes_that_start_together_make_one_key(directory):
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        made = list(pool.map(_sign, [directory] * 8))
    ring = KeyRing(directory)
    assert len({kid for kid, _, _ in made}) == 1
    assert all(ring.verify("receipts", kid, signature, b"x") for kid, signature, _ in made)
    assert {ring.unseal(sealed, "con_1") for _, _, sealed in made} == {b"news"}


def test_those_who_sign_first_at_one_moment_agree_on_the_key(directory):
    people = 8
    for purpose in ("quotes", "receipts", "ledger-heads", "notes"):
        together = Barrier(people)

        def sign(_number, purpose=purpose, together=together):
            ring = KeyRing(directory)
            together.wait()
            return ring.sign(purpose, b"x")[0]

        with ThreadPoolExecutor(people) as pool:
            assert len(set(pool.map(sign, range(people)))) == 1
        assert len(KeyRing(directory).public_keys(purpose)) == 1


@_shared
@given(plaintext=st.binary(max_size=300), owner=st.text(max_size=40))
def test_what_was_sealed_opens_for_its_owner_only(ring, plaintext, owner):
    sealed = ring.seal(plaintext, owner)
    assert ring.unseal(sealed, owner) == plaintext
    assert plaintext not in sealed or len(plaintext) < 4
    with pytest.raises(CannotOpen):
        ring.unseal(sealed, owner + "x")


@_shared
@given(data=st.data())
def test_a_sealed_thing_that_was_changed_does_not_open(ring, data):
    sealed = bytearray(ring.seal(b"+8613800138000", "con_1"))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(CannotOpen):
        ring.unseal(bytes(sealed), "con_1")


@_shared
@given(rubbish=st.binary(max_size=60))
def test_rubbish_does_not_open(ring, rubbish):
    with pytest.raises(CannotOpen):
        ring.unseal(rubbish, "con_1")


def test_sealing_the_same_twice_looks_different(ring):
    assert ring.seal(b"x", "y") != ring.seal(b"x", "y")


def test_after_a_rotation_of_the_data_key_older_things_still_open(directory):
    ring, other = KeyRing(directory), KeyRing(directory)
    old = other.seal(b"x", "y")
    kid = ring.rotate("data")
    assert other.seal(b"x", "y")[:8].hex() == kid
    assert KeyRing(directory).unseal(old, "y") == b"x"


@pytest.mark.parametrize("purpose", ["", "../etc", "Receipts", "a/b", "x" * 41])
def test_a_purpose_is_a_plain_word(ring, purpose):
    with pytest.raises(ValueError, match="not a purpose"):
        ring.sign(purpose, b"x")


PURPOSES = ("quotes", "receipts", "data")


def refused(directory, act):
    """The code and the files of a refusal."""
    with pytest.raises(Unavailable) as caught:
        act(KeyRing(directory, kept=PURPOSES))
    files = caught.value.parameters["files"]
    assert isinstance(files, list)
    return caught.value.code, [file.removeprefix(f"{directory}/") for file in files]


@pytest.fixture
def made(directory):
    """The kid of each purpose of keys that were made and tried."""
    ring = KeyRing(directory)
    ring.try_out(PURPOSES)
    KeyRing(directory, kept=PURPOSES).check(PURPOSES)
    return {purpose: (directory / purpose / "current").read_text() for purpose in PURPOSES}


def test_keys_that_are_gone_are_not_made_anew_but_missed(directory):
    for act in (lambda ring: ring.sign("receipts", b"x"), lambda ring: ring.seal(b"x", "y")):
        assert refused(directory, act)[0] == "keys_missing"
    assert refused(directory, lambda ring: ring.check(PURPOSES)) == ("keys_missing", list(PURPOSES))
    assert not directory.exists()


@pytest.mark.parametrize("purpose", PURPOSES)
@pytest.mark.parametrize("ending", ["current", "private", "public", "secret"])
def test_each_file_is_missed_when_it_is_lost(directory, made, purpose, ending):
    name = ending if ending == "current" else f"{made[purpose]}.{ending}"
    file = directory / purpose / name
    if not file.exists():
        pytest.skip("no such file for this purpose")
    file.unlink()
    code = "keys_public_missing" if ending == "public" else "keys_missing"
    assert refused(directory, lambda ring: ring.check(PURPOSES)) == (code, [f"{purpose}/{name}"])
    assert refused(directory, lambda ring: ring.try_out(PURPOSES)) == (code, [f"{purpose}/{name}"])


def test_a_public_key_follows_from_its_private_one_and_from_no_other(directory, made):
    file = directory / "quotes" / f"{made['quotes']}.public"
    content = file.read_bytes()
    file.unlink()
    assert KeyRing(directory).restore_public() == [file]
    assert file.read_bytes() == content
    assert KeyRing(directory).restore_public() == []
    KeyRing(directory, kept=PURPOSES).check(PURPOSES)
    file.unlink()
    file.with_suffix(".private").write_bytes(bytes(32))
    assert KeyRing(directory).restore_public() == []
    assert refused(directory, lambda ring: ring.check(PURPOSES))[0] == "keys_missing"
    assert not file.exists()


@pytest.mark.parametrize("purpose", PURPOSES)
@pytest.mark.parametrize("ending", ["current", "private", "public", "secret"])
@pytest.mark.parametrize("content", [b"", b"short", bytes(32), bytes(33), bytes(16), b"\xff" * 16])
def test_each_file_is_seen_to_be_damaged(directory, made, purpose, ending, content):
    name = ending if ending == "current" else f"{made[purpose]}.{ending}"
    file = directory / purpose / name
    if not file.exists() or (ending == "secret" and len(content) == 32):
        pytest.skip("no such file for this purpose, or nobody can tell")
    file.write_bytes(content)
    assert refused(directory, lambda ring: ring.check(PURPOSES)) == ("keys_damaged", [f"{purpose}/{name}"])


def test_a_damaged_public_key_is_our_trouble_and_calls_no_receipt_false(directory):
    kid, signature = KeyRing(directory).sign("receipts", b"x")
    (directory / "receipts" / f"{kid}.public").write_bytes(bytes(32))
    said = refused(directory, lambda ring: ring.verify("receipts", kid, signature, b"x"))
    assert said == ("keys_damaged", [f"receipts/{kid}.public"])


def test_a_lost_key_of_old_receipts_is_missed_until_it_is_given_up(directory, made):
    old = made["receipts"]
    KeyRing(directory).rotate("receipts")
    kids = {old, (directory / "receipts" / "current").read_text()}
    KeyRing(directory).check_verifying("receipts", kids)
    (directory / "receipts" / f"{old}.public").unlink()
    said = refused(directory, lambda ring: ring.check_verifying("receipts", kids))
    assert said == ("keys_missing", [f"receipts/{old}.public"])
    (directory / "receipts" / f"{old}.lost").touch()
    KeyRing(directory).check_verifying("receipts", kids)


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_key_that_signs_no_more_is_replaced_by_a_rotation(directory, made, purpose):
    for name in ("current", f"{made[purpose]}.private", f"{made[purpose]}.secret"):
        (directory / purpose / name).unlink(missing_ok=True)
    KeyRing(directory).rotate(purpose)
    ring = KeyRing(directory, kept=PURPOSES)
    ring.check(PURPOSES)
    ring.try_out(PURPOSES)
