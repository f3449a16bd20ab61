"""The form of what top-ups that run by themselves keep to."""

from typing import Any, Final

from topup.catalogue.documents import Automatic
from topup.catalogue.positions import Path
from topup.catalogue.reading import Reading
from topup.catalogue.shapes import Amount, Field, Table, Whole

LONGEST_INTERVAL_DAYS: Final = 60


def _automatic(fields: dict[str, Any], _path: Path, _reading: Reading) -> Automatic:
    return Automatic(interval_days=fields["interval_days"], cap_minor=fields["cap"])


AUTOMATIC: Final = Table(
    _automatic,
    {
        "cap": Field(Amount(), "at most so much is topped up by itself in a calendar month; any where it is left out"),
        "interval_days": Field(
            Whole(0, LONGEST_INTERVAL_DAYS), "so many days between two top-ups that run by themselves", default=0
        ),
    },
)
