"""`topup doctor` says of each plugin what its own check found, in words, with what to do."""

import json
from datetime import UTC, datetime

import pytest

from topup.bootstrap.plugins import checked, choose
from topup.platform.plugs import Health
from topup.platform.settings import Settings

ALIPAY = """
[payments.alipay]
app_id = "2021000000000001"
seller_id = "2088000000000001"
private_key_file = "{folder}/absent.pem"
alipay_public_key_file = "{folder}/wrong.pem"
"""


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "wrong.pem").write_text("no key")
    (tmp_path / "plugins.toml").write_text(ALIPAY.format(folder=tmp_path))
    return Settings(data_dir=tmp_path)


async def test_keys_that_cannot_be_read_are_named_and_nothing_is_called(settings):
    found = await checked(choose(settings, demo=False), now=datetime.now(UTC), demo=False)
    healths = {finding.subject: finding.health for finding in found["alipay"]}
    assert healths["private_key"] is Health.WRONG
    assert healths["alipay_public_key"] is Health.WRONG
    assert healths["reachable"] is Health.UNKNOWN
    assert "no key" not in json.dumps([dict(finding.parameters) for finding in found["alipay"]])
