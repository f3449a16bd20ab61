"""What happened to an account that its owner should see, in the app: above their account until they say that they have
seen it, and among their messages, where it stays.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from topup.kernel.ids import new_id
from topup.notifications import notices
from topup.notifications.notices import Notice
from topup.notifications.templates import LocalTime, Parameter, Words
from topup.people.subscribers.news import DOMAIN, ZONE, device_words
from topup.platform.database import Connection

SHOWN: Final = 20
SAFETY: Final = "safety"
"""The kind of their notices. Nobody chooses whether to be told."""

_ADD = "INSERT INTO people.alerts (id, subscriber_id, kind, device, at) VALUES (%s, %s, %s, %s, %s)"
_LATEST = """
SELECT id, kind, device, at, seen_at FROM people.alerts WHERE subscriber_id = %s ORDER BY at DESC, id DESC LIMIT %s
"""
_ZONE = "SELECT zone FROM people.subscribers WHERE id = %s"
_SEEN = "UPDATE people.alerts SET seen_at = %s WHERE subscriber_id = %s AND seen_at IS NULL"


class AlertKind(StrEnum):
    """What happened."""

    NEW_DEVICE = "new_device"
    """Somebody signed in with a browser that was never seen in this account."""
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - the name of an event
    PASSWORD_REMOVED = "password_removed"  # noqa: S105 - the name of an event
    PASSKEY_ADDED = "passkey_added"
    PASSKEY_REMOVED = "passkey_removed"
    NUMBER_CHANGED = "number_changed"
    EMAIL_CHANGED = "email_changed"
    SIGNED_OUT = "signed_out"
    """All other devices were signed out."""
    LINE_BOUND = "line_bound"
    LINE_GONE = "line_gone"
    """A line left the account by itself: it ended, or went to another carrier."""
    CARD_REPLACED = "card_replaced"
    """Another SIM card was given out for a line in the account."""
    LEAVES = "leaves"
    """The account is to end: its owner wants it so, in the app or in writing."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One of them. `device` is the name of a device, or empty."""

    id: str
    kind: AlertKind
    device: str
    at: datetime
    seen_at: datetime | None


async def alert(
    connection: Connection, *, subscriber_id: str, kind: AlertKind, now: datetime, device: str = ""
) -> None:
    """Write down what happened. What is sent of it besides, the caller sends."""
    alert_id = new_id("alert", 0)
    await connection.execute(_ADD, (alert_id, subscriber_id, kind.value, device, now))
    row = await (await connection.execute(_ZONE, [subscriber_id])).fetchone()
    zone = (row[0] if row else None) or ZONE
    template, said = _said(kind, device)
    parameters = {**said, "at": LocalTime(now, zone)}
    told = Notice(subscriber_id, alert_id, SAFETY, template, parameters, zone, shown_only=True)
    await notices.add(connection, [told], now)


def _said(kind: AlertKind, device: str) -> tuple[str, dict[str, Parameter]]:
    if kind is AlertKind.NEW_DEVICE:
        return "new_device", {"device": device_words(device)}
    if kind is AlertKind.LINE_GONE:
        return "line_gone", {}
    return "account_changed", {"what": Words(DOMAIN, f"alert_{kind.value}")}


async def latest(connection: Connection, *, subscriber_id: str) -> list[Alert]:
    """The latest of somebody, at most SHOWN."""
    cursor = await connection.execute(_LATEST, (subscriber_id, SHOWN))
    return [Alert(row[0], AlertKind(row[1]), *row[2:]) for row in await cursor.fetchall()]


async def seen(connection: Connection, *, subscriber_id: str, now: datetime) -> None:
    """Somebody has seen all there are."""
    await connection.execute(_SEEN, (now, subscriber_id))
