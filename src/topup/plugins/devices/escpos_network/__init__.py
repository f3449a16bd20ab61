"""Receipt printers on the network that speak ESC/POS: thermal printers of 80 and 58 mm, in Chinese by GB18030."""

from topup.platform.plugs import Plug
from topup.plugins.devices.escpos_network.doctor import check
from topup.plugins.devices.escpos_network.printers import EscposNetwork
from topup.plugins.devices.escpos_network.settings import EscposSettings
from topup.shops.printing.ports import DeviceCapability

PLUG = Plug(
    name=EscposNetwork.name,
    settings=EscposSettings,
    capabilities=frozenset({DeviceCapability.RECEIPT.value, DeviceCapability.DRAWER.value}),
    make=EscposNetwork,
    check=check,
)
