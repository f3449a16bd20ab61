"""What is worked out without a database: seals, names of browsers, reminders, sites of passkeys, waits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topup.channels.web.account.entering import onward
from topup.kernel.errors import Invalid
from topup.people.subscribers.browsers import BROWSERS, SYSTEMS, name_of
from topup.people.subscribers.reminders import Reminders, Subject, Way, reminders_of
from topup.people.subscribers.sealing import PersonalSeal, new_secret, seal_of
from topup.people.webauthn import sites_of
from topup.platform.i18n import LOCALES, catalogue
from topup.platform.keys import NUMBERS, CannotOpen, KeyRing

AGENTS = {
    "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/141.0 Mobile Safari/537.36": "chrome.android",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1": "safari.iphone",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 MicroMessenger/8.0": "wechat.iphone",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/141.0 Safari/537.36 Edg/141.0": "edge.windows",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0": "firefox.mac",
    "curl/8": "other.other",
    "": "other.other",
}


@pytest.mark.parametrize(("agent", "name"), AGENTS.items(), ids=AGENTS.values())
def test_browsers_are_known_by_two_words(agent, name):
    assert name_of(agent) == name


@given(st.text(max_size=300))
def test_no_browser_brings_words_of_its_own(agent):
    browser, system = name_of(agent).split(".")
    assert browser in BROWSERS
    assert system in SYSTEMS


@pytest.mark.parametrize("locale", LOCALES)
def test_every_browser_and_system_has_a_name(locale):
    known = catalogue(locale, "account")
    assert {f"browser_{one}" for one in BROWSERS} | {f"system_{one}" for one in SYSTEMS} <= set(known)


@given(st.text(max_size=80), st.text(max_size=20), st.text(max_size=20))
def test_a_seal_opens_for_its_person_and_its_place(text, what, other):
    seal, stranger = PersonalSeal(b"k" * 32), PersonalSeal(b"x" * 32)
    sealed = seal.seal(text, what)
    assert seal.open(sealed, what) == text
    wrong = [(stranger, sealed, what), (seal, sealed[:-1], what), (seal, b"", what)]
    wrong += [(seal, sealed, other)] if other != what else []
    for one, changed, place in wrong:
        with pytest.raises(CannotOpen):
            one.open(changed, place)


def test_a_persons_key_opens_for_that_person_alone(tmp_path):
    keyring = KeyRing(tmp_path / "keys")
    secret = new_secret(keyring, subscriber_id="sub_a")
    sealed = seal_of(keyring, subscriber_id="sub_a", secret=secret).seal("Mum", "line:x")
    assert seal_of(keyring, subscriber_id="sub_a", secret=secret).open(sealed, "line:x") == "Mum"
    with pytest.raises(CannotOpen):
        seal_of(keyring, subscriber_id="sub_b", secret=secret)


def test_marks_of_numbers_and_of_vouchers_have_nothing_in_common(tmp_path):
    keyring = KeyRing(tmp_path / "keys")
    before = keyring.marks("+8613800138000", purpose=NUMBERS)
    assert before != keyring.marks("+8613800138000")
    keyring.rotate(NUMBERS)
    after = keyring.marks("+8613800138000", purpose=NUMBERS)
    assert after[1:] == before
    assert after[0] not in before


@given(
    st.dictionaries(st.sampled_from(Subject), st.frozensets(st.sampled_from(Way))),
    st.integers(0, 23),
    st.integers(0, 23),
)
def test_reminders_are_read_as_they_were_stored(ways, begins, ends):
    chosen = Reminders({**Reminders().ways, **ways}, begins, ends)
    assert reminders_of(chosen.stored()) == chosen


def test_what_was_never_chosen_is_as_usual():
    assert reminders_of({}) == Reminders()
    with pytest.raises(Invalid):
        Reminders(quiet_from=24)


@pytest.mark.parametrize(
    ("public_url", "sites"),
    [
        ("https://topup.example", {"topup.example": ("topup.example", "https://topup.example")}),
        ("https://topup.example:8443", {"topup.example": ("topup.example", "https://topup.example:8443")}),
        ("http://127.0.0.1:8080", {"localhost": ("localhost", "http://localhost:8080")}),
    ],
)
def test_passkeys_are_for_names(public_url, sites):
    assert {host: (site.host, site.origin) for host, site in sites_of(public_url).items()} == sites


@pytest.mark.parametrize(
    ("back", "path"),
    [
        ("", "/home"),
        ("/account/lines", "/account/lines"),
        ("https://evil.example", "/"),
        ("//evil.example", "/"),
        ("/account/sign-in", "/home"),
        ("/account/code/abc", "/home"),
    ],
)
def test_nobody_is_sent_elsewhere_after_coming_in(back, path):
    assert onward(back) == path
