"""What those who look after an installation are shown of it."""

from datetime import datetime

from topup.bootstrap.house import Furnished
from topup.bootstrap.plugins import FILE, KINDS, checked
from topup.channels.console.installation import Installed, SettingGroup
from topup.channels.console.keeping import Findings, Watch
from topup.platform.setting_facts import Source, environment_facts, table_facts
from topup.platform.settings import Settings
from topup.platform.web import load_web_settings


def installed(house: Furnished, settings: Settings) -> Installed:
    """The settings of this process and of the plugins it uses. Raises WrongSetting, as `load_web_settings` does."""
    groups = [
        SettingGroup("process", "", environment_facts(settings)),
        SettingGroup("web", "", environment_facts(load_web_settings())),
    ]
    for kind in KINDS:
        # A demonstration reads nothing but its devices from the file: all else is its simulators'.
        given = Source.DEMONSTRATION if house.store.installation.demo and kind != "devices" else Source.FILE
        tables = {name: values for name, (_, values) in house.chosen.plugs.get(kind, {}).items()}
        tables |= house.chosen.own if kind == "payments" else {}
        groups += [
            SettingGroup(kind, name, table_facts(values, given=given)) for name, values in sorted(tables.items())
        ]
    path = settings.data_dir / FILE
    demo = house.store.installation.demo

    async def findings(now: datetime) -> Findings:
        return await checked(house.chosen, now=now, demo=demo)

    return Installed(groups, path, path.is_file(), Watch(findings))
