"""Where a page leads to stands in a header: what could end it, or what it cannot carry, is refused."""

import pytest

from topup.kernel.errors import Invalid
from topup.platform.web.pages import go_to


@pytest.mark.parametrize(
    "path", ["/counter/sales/x\r\nSet-Cookie: a=b", "/a\x00b", "/\x7f", "/orders/订单", "/caf\u00e9"]
)
def test_what_is_no_address_is_refused(path):
    with pytest.raises(Invalid, match="request_malformed"):
        go_to(path)


def test_an_address_with_a_query_is_led_to():
    assert go_to("/console/trail?q=a%20b&page=2").headers["Location"] == "/console/trail?q=a%20b&page=2"
