"""Mail by SMTP: through a relay of the operator's own or of a provider's, over TLS."""

from topup.platform.plugs import Plug
from topup.plugins.messengers.smtp.doctor import check
from topup.plugins.messengers.smtp.messenger import Smtp
from topup.plugins.messengers.smtp.settings import SmtpSettings

PLUG = Plug(name=Smtp.name, settings=SmtpSettings, capabilities=frozenset({"mail"}), make=Smtp, check=check)
