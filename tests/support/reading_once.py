"""What each client and each plugin reads anew, and a test process reads once: these are always the same bytes."""

import functools

import httpx._transports.default
import pytest
from cryptography.hazmat.primitives import serialization


@pytest.fixture(scope="session", autouse=True)
def _certificates_are_read_once():
    """Each of httpx's clients reads the certificates of the whole world, for a fiftieth of a second: one for every call
    of a simulator's controls was a third of what the providers' tests took.
    """
    place = httpx._transports.default
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(place, "create_ssl_context", functools.cache(place.create_ssl_context))
        yield


@pytest.fixture(scope="session", autouse=True)
def _a_key_is_examined_once():
    """Whether an RSA key's numbers are primes is examined at each reading, for a fiftieth of a second too: of what the
    plugins' calls took half was that, as each was made by a plugin of its own. What is no key is refused each time.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(serialization, "load_pem_private_key", functools.cache(serialization.load_pem_private_key))
        yield
