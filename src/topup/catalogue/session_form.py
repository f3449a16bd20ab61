"""The form of how usage is granted as it goes on."""

from typing import Final

from topup.catalogue.documents import UsageSessions
from topup.catalogue.offer_form import UNITS, Fields
from topup.catalogue.positions import Path
from topup.catalogue.reading import Reading, Wrong, quantity, shown
from topup.catalogue.shapes import Field, Quantity, Table, Whole

_USUAL: Final = UsageSessions()


def _sessions(fields: Fields, path: Path, reading: Reading) -> UsageSessions | Wrong:
    for asset, name in (("DATA", "data_bytes"), ("VOICE", "voice_s")):
        written = fields[name]
        if written is None:
            fields[name] = getattr(_USUAL, name)
            continue
        amount = quantity(written, UNITS[asset])
        if amount is None:
            place = (*path, "data" if asset == "DATA" else "voice")
            return reading.mistake(place, f"must be a quantity of {asset}, not {shown(written)}")
        fields[name] = amount
    return UsageSessions(**fields)


SESSIONS: Final = Table(
    _sessions,
    {
        "lasts_s": Field(Whole(10, 86_400), "so many seconds a grant is good for", default=_USUAL.lasts_s),
        "grace_s": Field(
            Whole(0, 3_600), "a session is closed that is silent for so much longer", default=_USUAL.grace_s
        ),
        "held_slices": Field(
            Whole(1, 16), "so many times what was asked for is held ahead at once", default=_USUAL.held_slices
        ),
        "most_slices": Field(
            Whole(1, 10_000), "never is more granted at once than so many slices", default=_USUAL.most_slices
        ),
        "data": Field(Quantity(), "the slice of data granted where none is asked for", into="data_bytes"),
        "voice": Field(Quantity(), "the slice of a call", into="voice_s"),
        "messages": Field(Whole(1, 100), "the slice of messages", default=_USUAL.messages),
    },
)
