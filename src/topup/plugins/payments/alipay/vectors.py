"""Test vectors of Alipay's notices, made once with a key that was then thrown away.

Alipay publishes how notices are signed, and none with the key they were signed with; tests/integration/simulators has
its public SDK verify, and be verified by, what is here.
"""

from functools import cache
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from topup.platform.plugs import Vector
from topup.plugins.payments.alipay.settings import AlipaySettings

APP_ID: Final = "2021000000000001"
SELLER_ID: Final = "2088000000000001"
ALIPAY_KEY: Final = """\
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA0NzsQUAIEvAdH9dcfsKx
nSps8BdNU8mkTYqKrF6UXRoKvrDrW6xiKHSzMGV+6Ant9Q7EojkTcGJYKDrzb6Bi
1Cy7Ncn265VgM6qdYbr+dc9DNptcRKJjiwlUmJTGHIvkEslXg07P1tW6GwWkqBeb
+EXNrpglQxOtPCgvL6xEwO0FjDgFsX5yETN8R/fJTmpCbdFErFQULZiguxaKBWrX
9RGCQJKpx1GdRu1jPJyr9iMWrdo6W0DlDcpDlCHpWNzUmURZkzl0NF8h0GGS1IkP
JGkd73BeyZKVE/wLhkSivNda3x9m123vBWzaGGYqJ/9oy/V0Ayjyu9nGsobkq8Sp
dwIDAQAB
-----END PUBLIC KEY-----
"""

# Name, whether it must verify, and the body as it was posted: the signature is among its fields, nothing in headers.
_ROWS: Final = (
    (
        "a payment",
        True,
        "gmt_create=2026-11-20+16%3A15%3A02&charset=utf-8&seller_email=shop%40example.com&subject=%E8%AF%9D%E8%B4%B9%E5%85%85%E5%80%BC+138+0013+8000&buyer_id=2088102116773037&invoice_amount=50.00&notify_id=2026112000222161530019871408&notify_type=trade_status_sync&fund_bill_list=%5B%7B%22amount%22%3A%2250.00%22%2C%22fundChannel%22%3A%22ALIPAYACCOUNT%22%7D%5D&trade_status=TRADE_SUCCESS&receipt_amount=50.00&buyer_pay_amount=50.00&app_id=2021000000000001&seller_id=2088000000000001&gmt_payment=2026-11-20+16%3A15%3A30&notify_time=2026-11-20+16%3A15%3A31&version=1.0&out_trade_no=pay_06b2c3d4e5f6g7h8j9kamnpqrs&total_amount=50.00&trade_no=2026112022001473030500100001&auth_app_id=2021000000000001&point_amount=0.00&sign_type=RSA2&sign=xLYSxn2To%2FoypnM5e8cmNt1BywjRUZQnzuuN%2FBK6T1KeHKjO5AF6fjT6sSnn0uHoGI7c9g20571O9kRhXBin0ILfLz9aUm%2BJ9%2B7fabwr0okg78Hjigq83%2B6aigJMxNlydG%2F8UgBt1hrhlNsBlka2vdUSiERcJh%2Fp15lOjVeZ2XL%2FPw2MXdrZfx4frgyuD%2BzwvfNENEGbnygXiH7JrLS9AVZB9AywpbOp4Su44MvejbYUfv6c8106J9PJ9KIE7PgPTgh91pW6DnVfGl1auvL9LzJXo2PNnKGyDIy%2FpkOwRGh4%2Fj4XdguCZ0odymDrgcaUG8nLBpnoA54a35eJ5zLGrg%3D%3D",
    ),
    (
        "a payment, with the fewest fields",
        True,
        "charset=utf-8&subject=%E8%AF%9D%E8%B4%B9%E5%85%85%E5%80%BC+138+0013+8000&notify_id=2026112000222161530019871409&notify_type=trade_status_sync&trade_status=TRADE_SUCCESS&app_id=2021000000000001&seller_id=2088000000000001&gmt_payment=2026-11-20+16%3A15%3A30&out_trade_no=pay_06b2c3d4e5f6g7h8j9kamnpqrs&total_amount=50.00&trade_no=2026112022001473030500100001&sign_type=RSA2&sign=sGY5URUP7qbeiiCFj0FFwsNWC2eWKGf6zkf1qgzPpAHB%2FUL6kbvMN3R9qtK%2BfcYw0TQEum%2FzLHbEEGzJJx4Oe5bre%2Fr9lzXh8%2BfOrCcPwpRxYeXsAq%2FDFIIiK2YXIJlo8UhOPeMW%2Fv43KKhm9GDzmUZfuv019rwqcZoXwCGlgeRBkuOdc9Ka1EfgBc9znQzmHyH93wMQvnk82kEuiySjNYJZ39kkHXzzrOarZNCbqDoiu2C%2B16ZPpxPxjk1BQlOQrjbr%2BuWd0f7B63fQbWRYlMHo16xNZjM8R7XrFsnqVIEuAFQjzcwsi1n0%2B%2BnY5W7XCGPi4kPJJCNUqLYNVXXW2w%3D%3D",
    ),
    (
        "the same trade, for refunds no more",
        True,
        "charset=utf-8&subject=%E8%AF%9D%E8%B4%B9%E5%85%85%E5%80%BC+138+0013+8000&notify_id=2026112000222161530019871410&notify_type=trade_status_sync&trade_status=TRADE_FINISHED&app_id=2021000000000001&seller_id=2088000000000001&gmt_payment=2026-11-20+16%3A15%3A30&out_trade_no=pay_06b2c3d4e5f6g7h8j9kamnpqrs&total_amount=50.00&trade_no=2026112022001473030500100001&gmt_close=2027-02-20+16%3A15%3A30&sign_type=RSA2&sign=gAr8lH37EUYaX2SqhTYyAzM9Tcr2LssHHWWXzWGKKpDrDlHQjIYoijH6IN%2F296LCkRIqfml61np0NwGZAjIUGSqkFmXcgcifktiNu54JU2dJriBylm7C3QkPtuNnJID4PFOQjhCSkj%2F1u2wDcARD66jHFf5acq7BjfuI7W6v2q30s%2BBuHZT1pJLmmsUiYoesqI3KnZUY%2BiWz4TlAk9bBFc2WrG3y0s6OMW3vW9%2BYaCRTsXew36KpjGrNP1L%2BLxtm%2ByxbjEtDn2iFZNxRAneMNbUcZZLMFXO0hMx59rPZvb1O0ZDxmKrArDyVistX%2FME%2BqMIzzzo19q75YzOjongiDw%3D%3D",
    ),
    (
        "one that waits for its payer",
        True,
        "charset=utf-8&subject=%E8%AF%9D%E8%B4%B9%E5%85%85%E5%80%BC+138+0013+8000&notify_id=2026112000222161530019871411&notify_type=trade_status_sync&trade_status=WAIT_BUYER_PAY&app_id=2021000000000001&seller_id=2088000000000001&out_trade_no=pay_06b2c3d4e5f6g7h8j9kamnpqrs&total_amount=50.00&trade_no=2026112022001473030500100001&sign_type=RSA2&sign=wF3gK%2FIz1SY3Q3cHcI6tFYEFNxpmihTsTP5QckvJNpb%2B1rdwcOKvfCZh%2F0NtXXGaEqSwXF2cl8W2UCyPmPh6KFPOLt9LFImTA0SXbJShsNRgaxfoZa2xqib83C3lhfr8vfgKbUMS%2Fm4TpUXC8lI9AN0vBXqYj8xCHXV7HfM3HW0elx5R0DGoorI7ItrxV0c0snnDahwCoTOBUUdmgguK9sSUz44fkWDhIViYVciZs4elGnW%2BW8vCBB2UjYfE6ml5LJpYZIr%2FIPuq7evojuPH5R2I0ra7u%2BW9ZZaoPOSlfJhs1oXdWHQWCDXx3ZIIywfxNZdTX3W28jztgTvfSjsUEw%3D%3D",
    ),
    (
        "a trade closed unpaid",
        True,
        "charset=utf-8&subject=%E8%AF%9D%E8%B4%B9%E5%85%85%E5%80%BC+138+0013+8000&notify_id=2026112000222161530019871412&notify_type=trade_status_sync&trade_status=TRADE_CLOSED&app_id=2021000000000001&seller_id=2088000000000001&out_trade_no=pay_06b2c3d4e5f6g7h8j9kamnpqrs&total_amount=50.00&trade_no=2026112022001473030500100001&gmt_close=2026-11-20+16%3A30%3A00&sign_type=RSA2&sign=Nr6eHSkbVWJOD5W5KFl24WX95w9SOH96YqGAvNzbZGTGu%2FsrCVT5YHfNwjlyxhETvKwkjvX0bKdggU0pY5uK42ljMaWpGCqJIYDNGGJXCB2zb1EmECMYE5H7theWR6zo0O6Wam7o2wwfY%2FUWiASCMN3wqu2Ex1ylB0%2FVJdaA1KDrLrfaQSD%2FN8zluVziuZmkGQDs4zjLNw%2FfsCOu4t5vl%2BvuAOGcJbvI8nqV%2BJ7j2tuKuBCPDNg4vjM%2Bn0QE492l3W4vPXwJ3Le%2BxB%2FHM6zy148IMVU%2B67rUhTpKi0E%2Fb0k3ddvTA7evl9xKVO73B79tWFg5P96NbX03Kr4fBRSUsQ%3D%3D",
    ),
    (
        "a partial refund",
        True,
        "charset=utf-8&subject=%E8%AF%9D%E8%B4%B9%E5%85%85%E5%80%BC+138+0013+8000&notify_id=2026112000222161530019871413&notify_type=trade_status_sync&trade_status=TRADE_SUCCESS&app_id=2021000000000001&seller_id=2088000000000001&gmt_payment=2026-11-20+16%3A15%3A30&out_trade_no=pay_06b2c3d4e5f6g7h8j9kamnpqrs&total_amount=50.00&trade_no=2026112022001473030500100001&gmt_refund=2026-11-20+16%3A20%3A00.123&refund_fee=10.00&out_biz_no=ref_06b2c3d4e5f6g7h8j9kamnpqrs&sign_type=RSA2&sign=fsWTGJU%2FrDGheyTrOgY02FJTs32dqfBlkY7pcQrep%2FHj05t3hj4AAmWPVG3m1U2SgfJnWAaka9ce%2B7ymHmsTqPzmQtyNZjHEKlOTc%2Ffp%2B19Klf6YCWRb1ABc2WHCb5WYXQWJHG7gN%2BL8yFCsXQGp3uPCyS7l6P7YTi3Dh8qPDb3ydj67%2BIZy1j%2FL9Vc8KcS%2BBIDvkdnR509hAn8e%2FLiD0FfO9wyxeFgcg8OmYBreq38eckrH6By9LNHqYKcUxvObacmDM5IrevfgDo2qPXF0jdT%2B02%2BsF7GOZWxWQv9%2F%2BGn4N7yq6iU5PO41SASTp%2F918g5Bn0WOYLDCyTmscnwf%2FQ%3D%3D",
    ),
    (
        "a trade closed by a full refund",
        True,
        "charset=utf-8&subject=%E8%AF%9D%E8%B4%B9%E5%85%85%E5%80%BC+138+0013+8000&notify_id=2026112000222161530019871414&notify_type=trade_status_sync&trade_status=TRADE_CLOSED&app_id=2021000000000001&seller_id=2088000000000001&gmt_payment=2026-11-20+16%3A15%3A30&out_trade_no=pay_06b2c3d4e5f6g7h8j9kamnpqrs&total_amount=50.00&trade_no=2026112022001473030500100001&gmt_refund=2026-11-20+16%3A25%3A00.001&refund_fee=50.00&out_biz_no=ref_06b2c3d4e5f6g7h8j9kamnpqrt&gmt_close=2026-11-20+16%3A25%3A00&sign_type=RSA2&sign=KwUooC7rRnHUNWg6hfWWowwvcXgCb0rVo06FJjsSNMAiaPoot82mdA3i%2BQKMnj%2FjjMCmdqTJE%2FfsjzJktFaM0vgPra2hssMaXXuEndwtnSMSR%2F5azfFWESrjAEBkCtWb%2B9RuiH8mdn2exvMySOHkwtnmSHLRVp%2B3U6kE7Co2r3T7XxlCnXus5pXAAROhMfDt0TQhFYvpo8Cb128opF2JuVUNYIis1K%2FlSY9j0eNZ0ytek33EcjOxQue5shvXVzCg6Ov%2BkY%2FHxR2PCnAWyCgyo2mUZD04ObtdtZ1gNguaYDJwKp60buE%2BmmuCWLpNhodSbFC7AYYAZsHigseLpWOiiA%3D%3D",
    ),
    (
        "a payment of a fen, with a field we do not know",
        True,
        "charset=utf-8&subject=%E8%AF%9D%E8%B4%B9%E5%85%85%E5%80%BC+138+0013+8000&notify_id=2026112000222161530019871415&notify_type=trade_status_sync&trade_status=TRADE_SUCCESS&app_id=2021000000000001&seller_id=2088000000000001&gmt_payment=2026-11-20+16%3A15%3A30&out_trade_no=pay_06b2c3d4e5f6g7h8j9kamnpqrs&total_amount=0.01&trade_no=2026112022001473030500100002&mdiscount_note=%2B+%25+%26+~&sign_type=RSA2&sign=X6DVf7btHpwcqZ2V1fEHSj1DXWpOdbChdhSqhX2pBVC%2FTg4QEUYAd35UOCV7xWIPjOI7%2Bm06YEiipyeEFDssmmUCiXeaMXXvW7SjOuv6X2Pw11tAu5r85OFSyjNouApobl18RdWaZMx5dCHCKg0bBSt5kevzZTlWQXqXgk8ml9t53imc9njyto2aj2s08dQSswN%2FQJUjNIHIxQBb0BMbm%2FsqFUKasqcAFohylP9YQzhIbd7IFTXYM5R6Aw6Lqa7Xv%2FnvOJl4JqVSOlRf1xwqhb%2Bb%2Fw97SyoRbxdwxTfVFLBppSy1neA45qjQifri8qp0u1TyBRknF1v9qzWAUuE0PA%3D%3D",
    ),
    (
        "a payment that is none of ours",
        True,
        "charset=utf-8&subject=%E8%AF%9D%E8%B4%B9%E5%85%85%E5%80%BC+138+0013+8000&notify_id=2026112000222161530019871416&notify_type=trade_status_sync&trade_status=TRADE_SUCCESS&app_id=2021000000000001&seller_id=2088000000000001&gmt_payment=2026-11-20+16%3A15%3A30&out_trade_no=A-1&total_amount=50.00&trade_no=2026112022001473030500100001&sign_type=RSA2&sign=pmYLfT%2FwydIkhjefCNcUU94zbiD53bmQ90WhgwROdTiH%2BxfI9O6tJqXkYdiwdk0vAytd1PRfIiljCYP0QV22l1sZjaH5NO9fuGInW3oiKAc3OR8R8oGDpAFp1K21ejgzLKm9fnGKZr9vYyXNAtr9jcSynZFa9xVe39RAM1VqkM9KUpG5AVaJEcxm01tntRBdBl68yNcsZ4SKNH2GSygk%2F57F2mKPXTUzBF63%2FqOEkDprRALoBe3ISVeQjikP9arwuBqHqnFFy8zaXw7DJc4Iy%2Fru9mJcYE7qrWK8sQdI2P7WrB86RhGHzAzIdSXbEEXet1cI8%2BMo2MSwthDbVPvjMg%3D%3D",
    ),
    (
        "another amount",
        False,
        "charset=utf-8&subject=%E8%AF%9D%E8%B4%B9%E5%85%85%E5%80%BC+138+0013+8000&notify_id=2026112000222161530019871409&notify_type=trade_status_sync&trade_status=TRADE_SUCCESS&app_id=2021000000000001&seller_id=2088000000000001&gmt_payment=2026-11-20+16%3A15%3A30&out_trade_no=pay_06b2c3d4e5f6g7h8j9kamnpqrs&total_amount=5.00&trade_no=2026112022001473030500100001&sign_type=RSA2&sign=sGY5URUP7qbeiiCFj0FFwsNWC2eWKGf6zkf1qgzPpAHB%2FUL6kbvMN3R9qtK%2BfcYw0TQEum%2FzLHbEEGzJJx4Oe5bre%2Fr9lzXh8%2BfOrCcPwpRxYeXsAq%2FDFIIiK2YXIJlo8UhOPeMW%2Fv43KKhm9GDzmUZfuv019rwqcZoXwCGlgeRBkuOdc9Ka1EfgBc9znQzmHyH93wMQvnk82kEuiySjNYJZ39kkHXzzrOarZNCbqDoiu2C%2B16ZPpxPxjk1BQlOQrjbr%2BuWd0f7B63fQbWRYlMHo16xNZjM8R7XrFsnqVIEuAFQjzcwsi1n0%2B%2BnY5W7XCGPi4kPJJCNUqLYNVXXW2w%3D%3D",
    ),
    (
        "signed with RSA, not RSA2",
        False,
        "charset=utf-8&subject=%E8%AF%9D%E8%B4%B9%E5%85%85%E5%80%BC+138+0013+8000&notify_id=2026112000222161530019871409&notify_type=trade_status_sync&trade_status=TRADE_SUCCESS&app_id=2021000000000001&seller_id=2088000000000001&gmt_payment=2026-11-20+16%3A15%3A30&out_trade_no=pay_06b2c3d4e5f6g7h8j9kamnpqrs&total_amount=50.00&trade_no=2026112022001473030500100001&sign_type=RSA&sign=sGY5URUP7qbeiiCFj0FFwsNWC2eWKGf6zkf1qgzPpAHB%2FUL6kbvMN3R9qtK%2BfcYw0TQEum%2FzLHbEEGzJJx4Oe5bre%2Fr9lzXh8%2BfOrCcPwpRxYeXsAq%2FDFIIiK2YXIJlo8UhOPeMW%2Fv43KKhm9GDzmUZfuv019rwqcZoXwCGlgeRBkuOdc9Ka1EfgBc9znQzmHyH93wMQvnk82kEuiySjNYJZ39kkHXzzrOarZNCbqDoiu2C%2B16ZPpxPxjk1BQlOQrjbr%2BuWd0f7B63fQbWRYlMHo16xNZjM8R7XrFsnqVIEuAFQjzcwsi1n0%2B%2BnY5W7XCGPi4kPJJCNUqLYNVXXW2w%3D%3D",
    ),
    (
        "no signature",
        False,
        "charset=utf-8&subject=%E8%AF%9D%E8%B4%B9%E5%85%85%E5%80%BC+138+0013+8000&notify_id=2026112000222161530019871409&notify_type=trade_status_sync&trade_status=TRADE_SUCCESS&app_id=2021000000000001&seller_id=2088000000000001&gmt_payment=2026-11-20+16%3A15%3A30&out_trade_no=pay_06b2c3d4e5f6g7h8j9kamnpqrs&total_amount=50.00&trade_no=2026112022001473030500100001&sign_type=RSA2&sign=",
    ),
    (
        "a signature that is no base64",
        False,
        "charset=utf-8&subject=%E8%AF%9D%E8%B4%B9%E5%85%85%E5%80%BC+138+0013+8000&notify_id=2026112000222161530019871409&notify_type=trade_status_sync&trade_status=TRADE_SUCCESS&app_id=2021000000000001&seller_id=2088000000000001&gmt_payment=2026-11-20+16%3A15%3A30&out_trade_no=pay_06b2c3d4e5f6g7h8j9kamnpqrs&total_amount=50.00&trade_no=2026112022001473030500100001&sign_type=RSA2&sign=%2A%2A%2A%2A",
    ),
    (
        "another merchant",
        False,
        "charset=utf-8&subject=%E8%AF%9D%E8%B4%B9%E5%85%85%E5%80%BC+138+0013+8000&notify_id=2026112000222161530019871409&notify_type=trade_status_sync&trade_status=TRADE_SUCCESS&app_id=2021000000000001&seller_id=2088000000000002&gmt_payment=2026-11-20+16%3A15%3A30&out_trade_no=pay_06b2c3d4e5f6g7h8j9kamnpqrs&total_amount=50.00&trade_no=2026112022001473030500100001&sign_type=RSA2&sign=Y9tSjU%2BjwFPAVvqVPO3YJJvwxazyKjA7%2FGrZ6EXsjLn3IxrTo0%2BG6naG%2Fq2RDtk9OaJqziroQ%2B6JFb36QOcgphaLVTQPRx1PTtdqHAhOXcaqIPS4LNB37juYrtdOIWhgS827FS3ZbWCpOOlXZhSpnmwfuLpvMErDqH7YK7s5IbgvPQciHOie0xETi5rf5l%2Bus48QmIF8LIXjc0DkffX5z2Mfneenb9bpP4A1P7KkMyJ%2BGyL6z5bJEQ3Pub%2F0PJHG8VqYn8bf5%2Fa0k8Zm3LtSSeBIx7%2FZQuBzcNBQSk13YbbYx%2Fb4Ol00323vYivf2sQQaiwrYMGRIOx1pnGsPTib9Q%3D%3D",
    ),
    (
        "another application",
        False,
        "charset=utf-8&subject=%E8%AF%9D%E8%B4%B9%E5%85%85%E5%80%BC+138+0013+8000&notify_id=2026112000222161530019871409&notify_type=trade_status_sync&trade_status=TRADE_SUCCESS&app_id=2021000000000002&seller_id=2088000000000001&gmt_payment=2026-11-20+16%3A15%3A30&out_trade_no=pay_06b2c3d4e5f6g7h8j9kamnpqrs&total_amount=50.00&trade_no=2026112022001473030500100001&sign_type=RSA2&sign=acSsOj3L5r%2BuvI1umSuHbjpRhW%2BItXNj9BmxtpLkmM6YbjoIIyU1tJL3F78AmWTcT4E6Uf9B5oHpvwsUvgdLSM39UV6OAmufrksFMIY0flkI%2B%2FTGnhr7%2FnvePKadmP9sZleMsz6EdopJvLTPZsLYHqLhBBJ4AL01JSgRwODGqRzryH9Tap6dBTATYFtxeZ2dWx1r4vu4KvpvP7KYCb3RZncAuZrkZebjWyy%2FMNTuPSKVDAOlyKHlYn0FKZFkPmkLXrpLzuHINCKEvIoSp47JZmwM5o66l5SKskrVMtaL%2FrIwU9P69GPJHvJ8wID3hYF%2F6NSXyajYVdtiJRiPpH9WKQ%3D%3D",
    ),
    (
        "no merchant",
        False,
        "charset=utf-8&subject=%E8%AF%9D%E8%B4%B9%E5%85%85%E5%80%BC+138+0013+8000&notify_id=2026112000222161530019871409&notify_type=trade_status_sync&trade_status=TRADE_SUCCESS&app_id=2021000000000001&gmt_payment=2026-11-20+16%3A15%3A30&out_trade_no=pay_06b2c3d4e5f6g7h8j9kamnpqrs&total_amount=50.00&trade_no=2026112022001473030500100001&sign_type=RSA2&sign=VLPcCAiIW24hkQDe0eLQgfcinufibD0gI55HQJPRd3k56G2qytGwJHouFWeTAaEMutwLY1%2FhXyKxTOgDFsbq%2BFEndjGHzjfM%2BsIoV3lfEuKg7E9X0lQBx0cOGUppmCGM%2B0S72rgGWMd2MDqVauxeBVc%2BGDSxc7ih7CDj1FCFNAqcXXgTOH3ReevljreT9x5gfNXwVi1EyoFEDF%2BhPssTfDc9LCXHwO5SyZjkKRmaafwN9JaYSBReGtrtYCv9VNiTk8BzS84BUiv5s%2Fq8tGz6IdGPq75P9VLy0GcAU%2BU36e8mohhnuGkpDPJXLuHORRX6d%2FNDQXi5bJgSZHKIv7KBoQ%3D%3D",
    ),
    (
        "in another charset",
        False,
        "charset=GBK&subject=%E8%AF%9D%E8%B4%B9%E5%85%85%E5%80%BC+138+0013+8000&notify_id=2026112000222161530019871409&notify_type=trade_status_sync&trade_status=TRADE_SUCCESS&app_id=2021000000000001&seller_id=2088000000000001&gmt_payment=2026-11-20+16%3A15%3A30&out_trade_no=pay_06b2c3d4e5f6g7h8j9kamnpqrs&total_amount=50.00&trade_no=2026112022001473030500100001&sign_type=RSA2&sign=Qru2RavAGGk7vvJIYPx6K88ILFaFT5j3V2wqcwhXYClGARb5GaeaYxiHoGOLnqPCNRy0oSdD%2By62sl6hCAabcPQmzclO8gYlqdCDi91zBbQdy2qyj2H8nOsOzmA6dk8S8qFYkaH6l8m5fIaoB06X%2FmZ5Or7CzCMLFPyKO76HZAVL%2BFcHodkpU%2FKYMplzPhROLUxiwyfCgXyVXH2rK1ReESbrREf9HNqXw6t8HDZKzM1dMV8jBTGXuyeGfuoWwq4o9zmm3Mq%2BufH9%2Fgb5PEDlkrAF0c8Qh81IYRxBAiyv8CQcLNIpBr9H%2BpzudV0lgzVMNUyf2HNRuZ0pIxz7xv1Nyg%3D%3D",
    ),
    (
        "a field twice",
        False,
        "charset=utf-8&subject=%E8%AF%9D%E8%B4%B9%E5%85%85%E5%80%BC+138+0013+8000&notify_id=2026112000222161530019871409&notify_type=trade_status_sync&trade_status=TRADE_SUCCESS&app_id=2021000000000001&seller_id=2088000000000001&gmt_payment=2026-11-20+16%3A15%3A30&out_trade_no=pay_06b2c3d4e5f6g7h8j9kamnpqrs&total_amount=50.00&trade_no=2026112022001473030500100001&sign_type=RSA2&sign=sGY5URUP7qbeiiCFj0FFwsNWC2eWKGf6zkf1qgzPpAHB%2FUL6kbvMN3R9qtK%2BfcYw0TQEum%2FzLHbEEGzJJx4Oe5bre%2Fr9lzXh8%2BfOrCcPwpRxYeXsAq%2FDFIIiK2YXIJlo8UhOPeMW%2Fv43KKhm9GDzmUZfuv019rwqcZoXwCGlgeRBkuOdc9Ka1EfgBc9znQzmHyH93wMQvnk82kEuiySjNYJZ39kkHXzzrOarZNCbqDoiu2C%2B16ZPpxPxjk1BQlOQrjbr%2BuWd0f7B63fQbWRYlMHo16xNZjM8R7XrFsnqVIEuAFQjzcwsi1n0%2B%2BnY5W7XCGPi4kPJJCNUqLYNVXXW2w%3D%3D&total_amount=5.00",
    ),
    (
        "no number of the notice",
        False,
        "charset=utf-8&subject=%E8%AF%9D%E8%B4%B9%E5%85%85%E5%80%BC+138+0013+8000&notify_type=trade_status_sync&trade_status=TRADE_SUCCESS&app_id=2021000000000001&seller_id=2088000000000001&gmt_payment=2026-11-20+16%3A15%3A30&out_trade_no=pay_06b2c3d4e5f6g7h8j9kamnpqrs&total_amount=50.00&trade_no=2026112022001473030500100001&sign_type=RSA2&sign=o6sU0fvsUCZuxnizwhOfhrilC0x4WAbVnkWaHbKWdq3%2BlEJ83CvcJXTuS%2FFwv2UckBMg1CY7FQ5%2Byz1Wtd8IzqyvbCee0fatfEEBdGqz7YiNuJXeG6jI%2BcipTHLkNrV9zSthl4TOc44gLUUVCEUVTYJEptaNp%2ByIZj8lMaoZeNCBae0bDD85JXXxQgnNqLSWnml0mB2SbD1sBsA3gXA4EOKwxGljR8afJ1Tq7WIqyQ1cYwFLrikzEFEA5zcj1ukHKdz81S4d7XLWdpfSFMuSZapg2TgatBnQGGTZ54hHeiKprsqSyvc5XIpiCBDuh0uOCO8%2FmBhMpX0FYNT52zDRew%3D%3D",
    ),
    (
        "paid, without saying when",
        False,
        "charset=utf-8&subject=%E8%AF%9D%E8%B4%B9%E5%85%85%E5%80%BC+138+0013+8000&notify_id=2026112000222161530019871409&notify_type=trade_status_sync&trade_status=TRADE_SUCCESS&app_id=2021000000000001&seller_id=2088000000000001&out_trade_no=pay_06b2c3d4e5f6g7h8j9kamnpqrs&total_amount=50.00&trade_no=2026112022001473030500100001&sign_type=RSA2&sign=TgA1rlcUYwTUmK9YVcXb98l7j5isc9j4fWBDQOmZjSuKQnSIJbgqafT7COmRs65Zuqz9to1KWNj5ULqf63hA5aBMjbGLH%2FxrxFek2nBjEayUbdDIfv3%2Fdp8%2BO7DsObgImdkaTjpHW9PTqA%2BGyz6V%2FPefmWUGnnwlZWvMtPifmlpgMOvZiU2fNf2fOWeNfW5dub6cbeXLDZ1QRPbWTypyVfwhSGxJASG5%2BCpwruskrxfOCYlAUDc83OoYmWSURBVSd6kgUD1%2F9WFkvxCmluvX163qDt0U8Jys2ghmRLziwY367cxJpc070rAYwj5kPf6MwM%2FSd5cBax%2Fm0Ot7tllouA%3D%3D",
    ),
    (
        "paid, with an amount that is none",
        False,
        "charset=utf-8&subject=%E8%AF%9D%E8%B4%B9%E5%85%85%E5%80%BC+138+0013+8000&notify_id=2026112000222161530019871409&notify_type=trade_status_sync&trade_status=TRADE_SUCCESS&app_id=2021000000000001&seller_id=2088000000000001&gmt_payment=2026-11-20+16%3A15%3A30&out_trade_no=pay_06b2c3d4e5f6g7h8j9kamnpqrs&total_amount=5e1&trade_no=2026112022001473030500100001&sign_type=RSA2&sign=eeC0kekKTaZP8sNodeVsSuZEqs1NQwbffdUiCuyoeX4imyl7Dv3Z7KM%2BLnN6tLB8jmWQWvetrY7Zq54rMbORAW3yv5qWoV3kR6Qs54yqSo6fedBpEU%2B%2BfnCg3zu9khbPBG67FCTEBvJsSdRZ%2F7lTavpc5bpiuVHpTbuY53jIMoqQ53QJvKq21OMUf7TVW8GgwJUO5wVG2XQ2jpok9oZ5QTV7bc7gp6y1TDSZ%2FU5kguDqp51WCG6DTqxfjdzDdav4jSYMlmun65rObFFbtnwARKYAlXb3ctuosV0X%2BjPJzfBPfTcFsFudx7iemTaYfPdkMV1BAzYOITNq5HcBy6NTkg%3D%3D",
    ),
    (
        "paid, with a third decimal",
        False,
        "charset=utf-8&subject=%E8%AF%9D%E8%B4%B9%E5%85%85%E5%80%BC+138+0013+8000&notify_id=2026112000222161530019871409&notify_type=trade_status_sync&trade_status=TRADE_SUCCESS&app_id=2021000000000001&seller_id=2088000000000001&gmt_payment=2026-11-20+16%3A15%3A30&out_trade_no=pay_06b2c3d4e5f6g7h8j9kamnpqrs&total_amount=50.001&trade_no=2026112022001473030500100001&sign_type=RSA2&sign=a49Uip9xGr%2BQoESGCpenNdBXuhIqwfWHzWueLx4tzpoWI6%2Fj0z0d2N%2FNjBo9%2BFCCAaQvUd8%2FF%2BrIapAaxahm3WlNaB7Jv8yCOLxq2Sx2zKywzEr0Cq5YD9J%2B%2BakGslVeu3bo9AajzxxzUXpvvu8eTPHTQbYuZudinaD4x0hRDev%2BeJXwJnwxENRxkgLGGGNjwuiKvZn2sXbBYyUpjy4mACRigvtWGDJ4KPd2bop7zndegrF%2BTVCwhgvarC1vYHz4%2Bzs%2F%2FFxkF%2F9bGQ38zzkjMlcw6EvpAyzrr0DIVdlCwYfFntEq7QGkz3ap4%2Fu%2F%2FmiTSQ6YNpDGFD57caUqv8hT%2Bg%3D%3D",
    ),
    (
        "paid nothing",
        False,
        "charset=utf-8&subject=%E8%AF%9D%E8%B4%B9%E5%85%85%E5%80%BC+138+0013+8000&notify_id=2026112000222161530019871409&notify_type=trade_status_sync&trade_status=TRADE_SUCCESS&app_id=2021000000000001&seller_id=2088000000000001&gmt_payment=2026-11-20+16%3A15%3A30&out_trade_no=pay_06b2c3d4e5f6g7h8j9kamnpqrs&total_amount=0.00&trade_no=2026112022001473030500100001&sign_type=RSA2&sign=uX68OMDieH8K7aajChGW5Xlk0FqkEM5viUDPhugugvV3dEBcqLDMD106ZXwUmrXOHnaYaMVoPm5nHqmDGiU0SuNB8e6JxhMpyR41spACGgMWB7F7u2prDZ2qSssgkHptemQKGBx%2FAJVlhoRfGBXGvUABcJbXr%2FB%2FGFN5E2txZwSR62AxiBrautRqpfJzIKrgINg2v1lkyiUkdpCMDrNQE1Sawx182PYWNnJb5Qhc7NlauEZlyUkRt5UNNuGyZU1p7kzsvsRlbr2UWNe795qeNYXMB9nmAfwRjXXtvJJfZ%2Bke4KFR7UAqpr43ABjN11wBTyGIZu9mY03jg3F9%2BbwJvQ%3D%3D",
    ),
    (
        "read in another way",
        False,
        "charset=utf-8&subject=x&notify_id=2026112000222161530019871409&notify_type=trade_status_sync&trade_status=TRADE_SUCCESS&app_id=2021000000000001&seller_id=2088000000000001&gmt_payment=2026-11-20+16%3A15%3A30&out_trade_no=pay_06b2c3d4e5f6g7h8j9kamnpqrs&total_amount=99.00&trade_no=2026112022001473030500100001&trade=y%26total_amount%3D50.00&sign_type=RSA2&sign=bwSR3Yap89wFkp2i1YnT7jqOSX2uSl5mbGaV3Am4rx%2BxtiKnDmLmBeNt0hQQ%2B1bISaLaPT30hiJY%2FKtjBLq7vQykjl9FziCUjsbgXX0M5IFdBP54U9y1GQKJr9TDPFP0huIjT6A3Bog%2FaL0dZ1EzOMsPMoy3ybbZpPcw28UwxIwXG8rlWPJ56M8ZL2Y9wt7bSxkMz7mzMZ3lb%2FdLv8zLqo4Qr6OPmhqxQUFi2aO8OGOBXFj6alCswABzsm4TR5UnDO0A%2FnqBTg1OKCHAkW0CFwkwG9b9%2BeEwf57AiJ1NwdSeARHocxq6Z9RcUn1vVkKCjH%2F3k%2B6iW7xenKngZedgkg%3D%3D",
    ),
    (
        "one that could be read in another way",
        False,
        "charset=utf-8&subject=x%26total_amount%3D99.00%26trade%3Dy&notify_id=2026112000222161530019871409&notify_type=trade_status_sync&trade_status=TRADE_SUCCESS&app_id=2021000000000001&seller_id=2088000000000001&gmt_payment=2026-11-20+16%3A15%3A30&out_trade_no=pay_06b2c3d4e5f6g7h8j9kamnpqrs&total_amount=50.00&trade_no=2026112022001473030500100001&sign_type=RSA2&sign=bwSR3Yap89wFkp2i1YnT7jqOSX2uSl5mbGaV3Am4rx%2BxtiKnDmLmBeNt0hQQ%2B1bISaLaPT30hiJY%2FKtjBLq7vQykjl9FziCUjsbgXX0M5IFdBP54U9y1GQKJr9TDPFP0huIjT6A3Bog%2FaL0dZ1EzOMsPMoy3ybbZpPcw28UwxIwXG8rlWPJ56M8ZL2Y9wt7bSxkMz7mzMZ3lb%2FdLv8zLqo4Qr6OPmhqxQUFi2aO8OGOBXFj6alCswABzsm4TR5UnDO0A%2FnqBTg1OKCHAkW0CFwkwG9b9%2BeEwf57AiJ1NwdSeARHocxq6Z9RcUn1vVkKCjH%2F3k%2B6iW7xenKngZedgkg%3D%3D",
    ),
)

VECTORS: Final = tuple(Vector(name, {}, body.encode(), accepted) for name, accepted, body in _ROWS)


def example(directory: Path, base_url: str) -> AlipaySettings:
    """Settings under which the vectors hold, with a key of this process in `directory`."""
    ours, theirs = directory / "app.key.pem", directory / "alipay.pub.pem"
    if not ours.exists():
        ours.touch(mode=0o600)
        ours.write_bytes(_app_key())
    theirs.write_text(ALIPAY_KEY)
    return AlipaySettings(
        base_url=base_url,
        app_id=APP_ID,
        seller_id=SELLER_ID,
        private_key_file=ours,
        alipay_public_key_file=theirs,
        withholding="CYCLE_PAY_AUTH",
        withholding_scene="INDUSTRY|EXAMPLE",
        timeout_s=2.0,
    )


@cache
def _app_key() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
