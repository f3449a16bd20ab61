"""Test vectors of the simulated gateway's events, made once with a key that was then thrown away."""

from typing import Final

from topup.platform.plugs import Vector

MERCHANT: Final = "vectors"
GATEWAY_KEY: Final = """\
-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEA7a2ZFnU/BmWiP8Bgz3YU8+wJ36JsgGrBN6RCsud49UM=
-----END PUBLIC KEY-----
"""
_KID: Final = "c5ff3c2a50673743"

# Name, whether it must verify, the key it names, its signature, its body.
_ROWS: Final = (
    (
        "a payment",
        True,
        _KID,
        "f1v3rpBJtfid7k9TweePHry8tk72XIF8/C0hEw+reE+ljU1kH7Q578+Rc4jJJFxggL7vBI5wjXkvllKczfiiDQ==",
        '{"event_id":"evt-1","type":"payment.paid","merchant":"vectors","payment_id":"pay_06b2c3d4e5f6g7h8j9kamnpqrs","reference":"SG20261120A1","amount_minor":5000,"currency":"CNY","paid_at":"2026-11-20T08:15:30+00:00"}',
    ),
    (
        "a payment in another currency, with a field we do not know",
        True,
        _KID,
        "fdpfPkFG4QTO7hz9Tc22wVJcSCJOz6sG39TdHK06x1zVbHsN9oPArtyr5Fs0nAqvYHiUshOrvS0hHgq3UeuvCg==",
        '{"event_id":"evt-2","type":"payment.paid","merchant":"vectors","payment_id":"pay_06b2c3d4e5f6g7h8j9kamnpqrs","reference":"SG20261120A2","amount_minor":1,"currency":"JPY","paid_at":"2026-11-20T16:15:30.250000+08:00","wallet":"沙箱"}',
    ),
    (
        "a declined payment",
        True,
        _KID,
        "jWT272yNBrxQdXAIsx3EdVPJzas58Drv/OP6zDDFFN2RC0PoVMcha59aF4zBFJeeEjNcDZxlQT09WUeH4WAnBQ==",
        '{"event_id":"evt-3","type":"payment.declined","merchant":"vectors","payment_id":"pay_06b2c3d4e5f6g7h8j9kamnpqrs"}',
    ),
    (
        "a closed payment",
        True,
        _KID,
        "6iquiRcqa6ULZknIvy4H4sUpvaAjk46LW7Kpioc3cei6ie/qrg/G2IxhwAKdVCWMit1IvKhaC6xXurai59VaCQ==",
        '{"event_id":"evt-4","type":"payment.closed","merchant":"vectors","payment_id":"pay_06b2c3d4e5f6g7h8j9kamnpqrs"}',
    ),
    (
        "a refund",
        True,
        _KID,
        "2+aHNZ9Q5m7JPkR2dpXZbOecE4epdkBEMX3hzc+S4Ulujl2OvxAvQ7y8jioQsjqKg+AbEsxgwX+DFedaW1WWBA==",
        '{"event_id":"evt-5","type":"refund.done","merchant":"vectors","payment_id":"pay_06b2c3d4e5f6g7h8j9kamnpqrs","refund_id":"ref_06b2c3d4e5f6g7h8j9kamnpqrs","reference":"SGR1","amount_minor":5000,"currency":"CNY"}',
    ),
    (
        "a refused refund",
        True,
        _KID,
        "cQ3y16rWF/Cg1dF20SVbL1YpBGj4Bv28W5+HawYS5EZIWiHRtUaX2dI9Lw89lcNOvI5YDa7Vsm8AdmbS7u2rBw==",
        '{"event_id":"evt-6","type":"refund.refused","merchant":"vectors","payment_id":"pay_06b2c3d4e5f6g7h8j9kamnpqrs","refund_id":"ref_06b2c3d4e5f6g7h8j9kamnpqrs","reason":"ACCOUNT_CLOSED"}',
    ),
    (
        "a type we do not know",
        True,
        _KID,
        "601vaVcNixemKfrUVbLeA2YLTrggPxI/0o4siU+EINLVBhYzi9gddPIff3DRw//ox8k27PJ7V0Me4For4vq/Dg==",
        '{"event_id":"evt-7","type":"payment.disputed","merchant":"vectors","payment_id":"pay_06b2c3d4e5f6g7h8j9kamnpqrs"}',
    ),
    (
        "another merchant's payment",
        False,
        _KID,
        "fMdshKCLp3gm3+pQ0KhS3M3EqD6Obl8w/bluZXqy5A99UwJ5yzwX55rCmn57OQRzoloQgH4iO1k3WdnL/UJRBQ==",
        '{"event_id":"evt-8","type":"payment.paid","merchant":"somebody-else","payment_id":"pay_06b2c3d4e5f6g7h8j9kamnpqrs","reference":"SG1","amount_minor":5000,"currency":"CNY","paid_at":"2026-11-20T08:15:30+00:00"}',
    ),
    (
        "an amount that is no integer",
        False,
        _KID,
        "G3LwotcRGZR+XJ4TzZB9gITGNshM9aKJZBMrADDVDIDB0DZYS4XHf3g2nJR9BNn0Q/ZrWK3gTxZAfaIftcSrCw==",
        '{"event_id":"evt-9","type":"payment.paid","merchant":"vectors","payment_id":"pay_06b2c3d4e5f6g7h8j9kamnpqrs","reference":"SG1","amount_minor":50.5,"currency":"CNY","paid_at":"2026-11-20T08:15:30+00:00"}',
    ),
    (
        "a negative amount",
        False,
        _KID,
        "LgniRLb7+erNg85FN5DwBMlUoz7LiEIusW9t6zNfjIiOrkBwerdM4VLW2xa15dVF/u9n5+Qg5kITkz5n02TUCw==",
        '{"event_id":"evt-10","type":"payment.paid","merchant":"vectors","payment_id":"pay_06b2c3d4e5f6g7h8j9kamnpqrs","reference":"SG1","amount_minor":-5000,"currency":"CNY","paid_at":"2026-11-20T08:15:30+00:00"}',
    ),
    (
        "a currency that is none",
        False,
        _KID,
        "xWbxLYHgTqAfVY/QmTnl6MubKMjD0GaCmnWe0IRbgl4lky3VdJmVjKP3o6Ya7PoH0xXoTV+/2fljdUdd6PX0DA==",
        '{"event_id":"evt-11","type":"payment.paid","merchant":"vectors","payment_id":"pay_06b2c3d4e5f6g7h8j9kamnpqrs","reference":"SG1","amount_minor":5000,"currency":"yuan","paid_at":"2026-11-20T08:15:30+00:00"}',
    ),
    (
        "a time without a zone",
        False,
        _KID,
        "zAWM2IF3M0OTogLWwyHumI1CCQKVLjjFtqARhFHmRakugKeu+NmeCtongSw84ZZ6qySD8DrU4SzaR4H4vpqSBw==",
        '{"event_id":"evt-12","type":"payment.paid","merchant":"vectors","payment_id":"pay_06b2c3d4e5f6g7h8j9kamnpqrs","reference":"SG1","amount_minor":5000,"currency":"CNY","paid_at":"2026-11-20T08:15:30"}',
    ),
    (
        "a payment without an amount",
        False,
        _KID,
        "OoSzu7Xc3qxScmFt7yzP03AIcgzPCWfTrYBkHFJYkb2/O0ldWjaJ6z2BfC3DWND3Vgn9RC6XI7fdpmJoZLflDw==",
        '{"event_id":"evt-13","type":"payment.paid","merchant":"vectors","payment_id":"pay_06b2c3d4e5f6g7h8j9kamnpqrs","reference":"SG1","paid_at":"2026-11-20T08:15:30+00:00"}',
    ),
    (
        "signed as something else than an event",
        False,
        _KID,
        "MPwcW6zUukbzySeq6i2oMY31JWKF6oOScryVRf5VrZ6m/cl/9Q6a6Vy+J8gvLZu/fF2athbbjHd8lg+Re+IvBA==",
        '{"event_id":"evt-1","type":"payment.paid","merchant":"vectors","payment_id":"pay_06b2c3d4e5f6g7h8j9kamnpqrs","reference":"SG20261120A1","amount_minor":5000,"currency":"CNY","paid_at":"2026-11-20T08:15:30+00:00"}',
    ),
    (
        "not JSON",
        False,
        _KID,
        "5BQ7hGRCKK8m7m7xWoklRfL58KZfA4KyWIYTkMaQfV5YISMX1CCxeAmr9Ng9XpT+tE3nlgJh/ntMsyaTJf0EDg==",
        "payment.paid",
    ),
    (
        "no signature",
        False,
        _KID,
        "",
        '{"event_id":"evt-1","type":"payment.paid","merchant":"vectors","payment_id":"pay_06b2c3d4e5f6g7h8j9kamnpqrs","reference":"SG20261120A1","amount_minor":5000,"currency":"CNY","paid_at":"2026-11-20T08:15:30+00:00"}',
    ),
    (
        "a signature that is no base64",
        False,
        _KID,
        "****",
        '{"event_id":"evt-1","type":"payment.paid","merchant":"vectors","payment_id":"pay_06b2c3d4e5f6g7h8j9kamnpqrs","reference":"SG20261120A1","amount_minor":5000,"currency":"CNY","paid_at":"2026-11-20T08:15:30+00:00"}',
    ),
    (
        "a key that is not the gateway's",
        False,
        "0000000000000000",
        "f1v3rpBJtfid7k9TweePHry8tk72XIF8/C0hEw+reE+ljU1kH7Q578+Rc4jJJFxggL7vBI5wjXkvllKczfiiDQ==",
        '{"event_id":"evt-1","type":"payment.paid","merchant":"vectors","payment_id":"pay_06b2c3d4e5f6g7h8j9kamnpqrs","reference":"SG20261120A1","amount_minor":5000,"currency":"CNY","paid_at":"2026-11-20T08:15:30+00:00"}',
    ),
)

VECTORS: Final = tuple(
    Vector(name, {"x-sandbox-kid": kid, "x-sandbox-signature": signature}, body.encode(), accepted)
    for name, accepted, kid, signature, body in _ROWS
)
