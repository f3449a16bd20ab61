"""Addresses people give us for news of their order, read as they type them."""

import re
import unicodedata
from typing import Final

from topup.kernel.errors import Invalid

_LONGEST: Final = 254
"""Of an address as SMTP can carry it (RFC 5321, 4.5.3.1.3, and its erratum 1690)."""
_LOCAL: Final = re.compile(r"(?!\.)(?!.*\.\.)[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}(?<!\.)", re.ASCII)
_LABEL: Final = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)", re.ASCII)


class UnreadableContact(Invalid):
    """`contact_unreadable`: not an e-mail address."""


def parse_contact(text: str) -> str:
    """An e-mail address as people type it: spaces around it, full-width letters, a domain in their own script.

    The domain comes back in lower case and in ASCII (IDNA); the local part is left as typed. Quoted local parts and
    address literals are refused: no customer has one. Raises UnreadableContact.
    """
    if len(text) > 2 * _LONGEST:
        raise UnreadableContact("contact_unreadable")
    plain = unicodedata.normalize("NFKC", text).strip()
    local, _, domain = plain.rpartition("@")
    try:
        domain = domain.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise UnreadableContact("contact_unreadable") from None
    labels = domain.split(".")
    readable = (
        _LOCAL.fullmatch(local) is not None
        and len(labels) > 1
        and all(_LABEL.fullmatch(label) for label in labels)
        and not labels[-1].isdigit()
        and len(local) + 1 + len(domain) <= _LONGEST
    )
    if not readable:
        raise UnreadableContact("contact_unreadable")
    return f"{local}@{domain}"
