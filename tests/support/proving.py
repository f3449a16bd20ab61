"""What asks the staff whether it is still they, as the site of the tests has it."""

from tests.support.site import Site
from topup.people.proving import Proving
from topup.people.sessions import Lasting


def proving_of(site: Site) -> Proving:
    """Of a site, for its tables of addresses."""
    store = site.house.store
    return Proving(
        database=store.database, keyring=store.keyring, lasting=Lasting(), public_url=site.url, script=lambda: ""
    )
