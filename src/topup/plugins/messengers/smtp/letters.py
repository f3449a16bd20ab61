"""A message as mail (RFC 5322): one text, one recipient, headers that nothing in the message can add to."""

from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import Final

from topup.notifications.ports import OutgoingMessage
from topup.plugins.messengers.smtp.settings import SmtpSettings, address_of

_LONGEST_SUBJECT: Final = 200


class Unmailable(ValueError):
    """Not an address that mail goes to."""


def recipient_of(message: OutgoingMessage) -> Address:
    """Whom the message goes to. Raises Unmailable."""
    text = message.address
    if not text.isascii() or not text.isprintable() or " " in text:
        raise Unmailable
    try:
        return Address(addr_spec=text)
    except (ValueError, IndexError, HeaderParseError) as error:  # the standard library fails so on an odd text
        raise Unmailable from error


def letter(message: OutgoingMessage, settings: SmtpSettings) -> bytes:
    """The bytes to hand over, in ASCII: any relay takes them. Raises Unmailable.

    Repeating a message gives the same bytes and the same Message-ID, so that mailboxes that look can tell. Where the
    message can be stopped, the headers of one-click unsubscription (RFC 8058) say so.
    """
    sender = address_of(settings.sender)
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    mail["To"] = recipient_of(message)
    if settings.reply_to:
        mail["Reply-To"] = address_of(settings.reply_to)
    mail["Subject"] = _one_line(message.subject)
    if message.written_at is not None:
        mail["Date"] = message.written_at
    mail["Message-ID"] = f"<{message.message_id}@{sender.domain}>"
    # Written by a program: nobody's holiday notice should answer (RFC 3834).
    mail["Auto-Submitted"] = "auto-generated"
    if message.stop_url:
        mail["List-Unsubscribe"] = f"<{message.stop_url}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail.set_content(message.body, charset="utf-8", cte="quoted-printable" if message.locale == "en" else "base64")
    # After the content, which takes away what its headers were.
    mail["Content-Language"] = message.locale.replace("_", "-")
    return bytes(mail)


def _one_line(text: str) -> str:
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:_LONGEST_SUBJECT]
