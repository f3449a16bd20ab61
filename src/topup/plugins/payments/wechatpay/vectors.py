"""Test vectors of WeChat Pay's events, signed once with a key that was then thrown away; and settings for them."""

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from topup.platform.plugs import Vector
from topup.plugins.payments.wechatpay.settings import WechatpaySettings

MERCHANT: Final = "1900000001"
APP: Final = "wx0000000000000001"

API_V3_KEY: Final = "VectorsOfTopupForWechatpayV3Key0"
SERIAL: Final = "PUB_KEY_ID_0116000000002026112000000000"
PLATFORM_KEY: Final = """\
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAtbmFUjvrdQbf5vGjRxhN
4kJFte+pqAQnp8CYBP2lM2KP5Y5JS59BSPBbPu04y1wYwkIy13kA6ECSStj185B0
ZMTnZcawXKgv+++NKzWl0Y4MOKnnhqvFGZxlkWhMdmaBL++bJ6pELVpiiLDmnULy
sQehhRLUltjg2zkhvjMigUuW4Yvf0+aSMVM2qs2NQigzY5lL8W/nD41VLHAT9q3j
qOVie043Hsp8RWRcoOp+7DnePZzEvvpE5JEnWHOyUMiGpnswm7bY4wOsPDnCTiui
vqwzKDYCga/jOnPy05AzuuID6D50uGff7qtCSAHVU/bXAOEcNC+MY3UUZUHTAbJW
nQIDAQAB
-----END PUBLIC KEY-----
"""

AT: Final = datetime(2026, 11, 20, 8, 15, 30, tzinfo=UTC)

# Name, whether it must verify, its time, its nonce, the key it names, its signature, its body.
_ROWS: Final = (
    (
        "a payment",
        True,
        "1795162530",
        "7d717502df607ce4",
        SERIAL,
        "M1SO2UMzNvgD1oTcxWJjCM6vWmPKIG+IsdcwYGe1GMrC4pWoTfcJoPfOxHz8kp+AzYIp5s+2TQDLFNGmuyTB+ds2I25fcNEsCjUPBdGWo60MmveJS7DThQXaGZBfcf1ggtGXOyehlmNfpqp70smdKa4T6nTS1kWDK7D5dHO3YXPrSgwNHCpTYh3sgvrfzY1nBErF8W76Zu2Tuknai5t26hYFQp80bkb4MCam+6bCyWJlmTkypcvFPRXJDFXPeBbfEzCFSBlpkCitdrUkuSLC0COwNQFotOrBiE3Kopdw99tdqVpVAn1k3Wen5o6PTA0LB8O81r17S45Qo5aV6/KR4A==",
        '{"id":"EV-202611200001","create_time":"2026-11-20T16:15:30+08:00","resource_type":"encrypt-resource","event_type":"TRANSACTION.SUCCESS","summary":"支付成功","resource":{"original_type":"transaction","algorithm":"AEAD_AES_256_GCM","ciphertext":"cJmzLu2LhPt4526WaxKkVCrBxwX46LFXrlmD0mJc0FDYbn4rY91+bPwL8g+VO1M/5095Gg5+8ezHlTFpHbrNoXWv2uE19Cf+X5KoECMAPRyk1suwdLOXiVJL+s1cgN5OsGiEAHzGxIbwNKDh9PQ421rnZr/BEGnMKhKvhrWpza0eReNT2erqfj6ZQ+pt9el/JALMTD6jHFUPlSSvtOdFQ8tpBlyaN0YzDwVSLmpeCnBZCes8UWyfhC9XQhCsu+vw0z9cgWXd6WY701qd1a1rhdS+oZxXG26JBVk1EpmwccjF/6Nd1UrhtqUFLbAQA9I6z57f9p62HjthhaOa2I/AvnWENQ9a64v0IQNVYEPrHQAb9pkCLJg1alu0xBEqbMhxFpXlY0LoIczk4YqGQ2DGMjb+fIAVR+mB/bgu1WV6xmEZyO456/JOB/NQsHCoMZXNTSvMC2oqh6ABlXSb3vN8urfogeIOwmSrZkdIAmgs+UCX0R23zyRejaeQ2lYLpjeUWpDfo9Fbh8VoOBMQFA5SDLxtSu/3wIDr/SWyk1tuPIGFMMWR+vVDZnmsSgTo5ZyMjIzTWMldRvz1c8sMSMrke/+c4N4=","associated_data":"transaction","nonce":"c16b48a3cd6b"}}',
    ),
    (
        "a payment with a coupon of the wallet, and a field we do not know",
        True,
        "1795162530",
        "154decfee9961ec6",
        SERIAL,
        "FNPpVL8c73SBpdyGuc6S/mB0FxSrItf6WOYkYlfketnlieYQMhdfxd0Hyi3OH+XaPgW2WQpGvZFJiBYY0unV1wmwW3n3PtI8d8UTSFwdJzXWVaKuSMO1Q3HmZvq6IKm3kWyJLYFqQj+6j7ELJbKIZqlesuuuoDz9KcXAZ7TDI8Vh6hTMe7mHNOsTpDBsQMvLQyizJN0lYyDWzH/vXG1YcsSmuS8SbbthmAwn2NyxhyePt1E3mYFDnnggE5KryLDeM3Cayugrb9S19DXZjBa4J8+4nqE+yzUeX+o/74QsTrzGJRx5zX9ARK4t8u40+LyY5NSHyhjqpdyTEDVe1QffmA==",
        '{"id":"EV-202611200002","create_time":"2026-11-20T16:15:30+08:00","resource_type":"encrypt-resource","event_type":"TRANSACTION.SUCCESS","summary":"支付成功","resource":{"original_type":"transaction","algorithm":"AEAD_AES_256_GCM","ciphertext":"TpC4dY0gjZFfKf0cuuNHvnajA/Rps+9RbwRqOAluPVtzDR0ynuAlSOChn7ui2k++ZbnXk+TEpkMUKPofRz3RVg7TJT1qZc4Bg1tiNrOlcJzigHjtUXxIZy217q+MgKTDS639M07NgLfaBdLXwCOHZe1KZAG396mhXBYfWXP/XV6M7/GXnNGKy5GYVJrjQDbI8sOjIWcbQkl3z/Z7OMNpPeHS1l5c+m8kPsnPHjc676sBx/+GerwRxXqxboKjHuqHrpOGYDhFsAdshlBv/oMS9luJexpDER5SE7iAoNhv4GrD55rabpgvtAze89NzjSKB34TfLY4/R0c13VUPTRpSrWY1pUb6NVGTOGXqBPzrRqLUqEKkaXkGdoPTPL3fLsnCTBsLBIEHaKyZFxzFCdUYaMAJ4JO30DL9F432OKaXhU6+UdckzBqMyyXGCW4bv3tscd4MQbyZ4ZdNZURzg3BqBiLtbZOEFtkGlk0e+RUgV6yEomoRcf8fF2sDU5CMCaWtvg7DsjQ+niM30qgEH+lnkYRr6QUuKZKqR5j0TtHW9esko1sgmHyGc2r7XrAUwC53WXhbO0IqotPrGF308ULtRFxEUyaIutB1jSf0hEM2xuJu4GZN5glyPN4tQcrQ/YlB/9yYruGU8faYZ3QPvrT2mP3W3JxvASGWFLTUaJlQn6FQfw==","associated_data":"transaction","nonce":"7e16f0447847"}}',
    ),
    (
        "a refund",
        True,
        "1795162530",
        "41cde5250d43d0fe",
        SERIAL,
        "g7x9WtJB9WGgz73admhXoSQRKaOyvwi6iE03ZK+4BMUjlaq+wJ5IyoZpmdb7s+TZENu0q3xJSkd5Es5CNh3DJG1rjk/7mHtj7i5oaRzL+NvZkR46le2HXnmE1DfFVDzrPHNDA6jhEmutdba0F3fYI8e41//zTyDUniX4s+YCdBMpWm6F0FNPx3C56zMLeIzt6pvxaxhWTmSu1zHFAR3+T1HpgY/rNFZpCbRDT3QJJbhwuSA8YVrt7U9eKdHOf0DSyrryBtAIqW0MceczHQKKLWdpS0DcCiLtyneRdPdxGj4MDFd49XPJ03R28ytf77UcjRj9nqrtN16Q7xJPKE4PMQ==",
        '{"id":"EV-202611200003","create_time":"2026-11-20T16:15:30+08:00","resource_type":"encrypt-resource","event_type":"REFUND.SUCCESS","summary":"退款成功","resource":{"original_type":"refund","algorithm":"AEAD_AES_256_GCM","ciphertext":"a/ny+cGAW6EU23bNOAQP7Y7u7tpt6mUrLdMueag26DonFDuOpZKLHuRC93uOO13JgAyfoh3qUcOyyLFpF+THTQ7qDv1JDIBRyLei0gfRww7hL5lOcVKqxCMcc/vn3PJPcNCZ6nm11YA1YamP83jVfEeozEXzH1PqUeda5N2p55zC6hU/F+Vq2cu/3vRJMk3ISrb4knc2psE+r0pmKzYfwCfLpxKgrmT4d9JWDyBezJpAcHccva23BTRxu6miCRKiGLhnpnSlLSjeIUhIK9uIBfk23Rhf3Wd3qyNflCHVDieGSoWzTf+pX8DFrFpMb42P/qRXZWVWaWF7yklFCjhejFMU9ScbtiPwSW0LDaBA4eaK91X6OULyG6ufzdFUDHMMJ1l0xNLMPKLooaGwgT6lTX0Rl7h2AIrmO+qLjgf6SMZFU9EqXZEZsQVXa/A90MgoOUvkCv586uAx3KDTMCu0mk+e1Wcwr0wRrRYzfj03GMGKOIdtOzCQGc5Pe79QK5i5Ak2s70BZSGqWXya1S97Gq9BiZtv8vXQBXSRr9or6aEaWBw==","associated_data":"refund","nonce":"ffb58617c597"}}',
    ),
    (
        "a refund that the payer's card did not take",
        True,
        "1795162530",
        "4f9ddf5e6c84d551",
        SERIAL,
        "boNIbq5qavF8ocyHzpLh8cooR/YbG8NE6CO8uW+wHXH46wWDK+fT69/DllFElTuawUYJC6npeyBHHig8mAEp4vkxE3z+U3jOFylbMNBzDpb+FZ2wOofqOOKEdr4aUASUAGdUtW/5xFUIX5Out4yZ+itOLFBVYGXa+xm9HIKFfyRedTGrkDq/Ey7xI30fHK2sSgB9QyheyaVpkJr/bGEfH5cZbP9nEJKeEzYk73+zE/emF/bPJHlSrbELMUs2XAhNgL+b9aP6tNncnjM0ppl4jVETUB9c0Hi7dH9QLMvY8aSwTAF0+GcHgyoMKrZ+dZWGSjJuvQXTM39EXIiGXyWqRg==",
        '{"id":"EV-202611200004","create_time":"2026-11-20T16:15:30+08:00","resource_type":"encrypt-resource","event_type":"REFUND.ABNORMAL","summary":"退款异常","resource":{"original_type":"refund","algorithm":"AEAD_AES_256_GCM","ciphertext":"oe9tOXVfqgM24Jf6xfXPz98TM2uZB+zMf3PDVB0wIcpwM9hr5Bu+iuKwe3gA5FhffuCsfH/byEjVdzuFHbE/ZZ5mhgjc8TdwM7JQ1kCKC9J/HH6PE5shBNs59jIb+s10JPM9f0kaVyrXRTZ5pUya5qUTaC12H35i5eaNQVSXo8nETEZTSM/765WezYikzQ8tZVEF/70IeTyKfLE6Tl4iVDxOxsPwqseAm5LjnCSMLXiPiXYEkmEF2X5obNNKze5P6FbwkPNyLzHlGrU0YJbkzv3mslWskU+TZZxkuHNny5y9DtxpYQLoa5hrqYwf0KTvLobgDt43xe1I9O/2bIMAC52s4hxMsg9+blkXLbKdHUUpwoONSFl7snrbQToV+wcOOagTLaB+EQy7dD903zMyo57KhtFvkMj0mP7biLhZaK+lg/7HgXVnCuaEEBqHpfX4GpipvkWssn8rizD3RnyCjwN7fIH41d4iJDJHrz3baIZ7qD5mIeRmJw==","associated_data":"refund","nonce":"f64de0765a5d"}}',
    ),
    (
        "a closed refund",
        True,
        "1795162530",
        "6984c4924fa65ef2",
        SERIAL,
        "cqwBfkzwQNfEJFOE0texLr6Dkl1Fm5LCXl8vKFwqyLuRtOEFxMP2oYE9nmdR4QdWNHy6d1GcuDBxhqQH9vtJpwD2DZwSUsVqh3AljqNy+ifVAVFh/3dkJBxGYlRqPNYmhQp3CxOrbLCYe5vNxq/bdjOePRT7KEKtoUsZN3HhIuiabuG2Hyt/N7KCKnLGMIdPYQJ1PhNjLHZ2jFgDLk/YCsuS2V+jVW/znBaY8qyvBtlzDhnAzCS+WqNmcGWQJhZcSfawHZ5sMXj+a5ZoxW1pXsOb05M2ygLsGyakOrH2zvexWKorwuLEdcRQj8OpGCdmnBdcnjaWS1eQpeGEARi+kA==",
        '{"id":"EV-202611200005","create_time":"2026-11-20T16:15:30+08:00","resource_type":"encrypt-resource","event_type":"REFUND.CLOSED","summary":"退款关闭","resource":{"original_type":"refund","algorithm":"AEAD_AES_256_GCM","ciphertext":"YymM7qfQTnABYIW5Jnavc89eoeTNf+3ee8T8HNDTWAZ4iOFaNBz5HVqi2D3510admdn6Wb0/iv/J1PyDbb4BDRWhr9uj00o9WXHFxf64YIMdD9Pi9ikRwvTjIbLsuCGMXTPMsYIWqU+A3RU6vXQIhp3eFZKMlAEr++Hy4U4DkLug7deni2bybLLwjL2LWdIzAWoTcBaNGwf/MPyjt5s0cg+ZT1ySkO3YmHBL+NFM8NuUgFQwN3gsMMuHF7BZ09sVqVQcr3h/5kNVW7S4uJB//Bj6nRyh+LCYt+OiDxvwlOlhGCpeXxn1P9UadS0Yuz9yPp+vzekfrOpDu6wnzsDK4e9acMU0CGRKgQisg8l7DVnE0O/dghKk2yQs+j0C5bIP4uF8xNSCqkdizPyvfF3v36qRwZPuRZIJOr9E8DmBz0NYQWj9DQFnI+MspSfnB33O+JVY/nc6C24qhajuIDQwkmKsl9Io9ccDBXFHHVNoINAHitpUqKA=","associated_data":"refund","nonce":"8bc483e11fd9"}}',
    ),
    (
        "a refund of a cancelled payment",
        True,
        "1795162530",
        "a54cc5485bcf135b",
        SERIAL,
        "nd4nXEn19ECrZHNDowB/5gBgAAYboV33jTaeipibjrqVO4cgb22zDbbMJirVtNsY70EKk929YF0nYloAs3smpHkUfgmV8b737Ym+StAtOqj1mtGWJeczqoPJErXDC0QMLYqL5ts7iH5FoQSVXrRuYtqrZpM9P4j2dnYV78W5hwzufP8Zts1OqtEoPSIswygpFmjB/DqZfE/zePg76XIIvWsuVNN7qpmJPY8I9DCHvWpx0/hc68ZBW1as1RCKJkf9bAC/K51DPV7/+uY0kYkNuXDAKfDEA2jwhalqnC4qnwmRp11651ZYVYcolK5IktbLgjgC/K2QZmlurlIm2DK75A==",
        '{"id":"EV-202611200006","create_time":"2026-11-20T16:15:30+08:00","resource_type":"encrypt-resource","event_type":"REFUND.SUCCESS","summary":"退款成功","resource":{"original_type":"refund","algorithm":"AEAD_AES_256_GCM","ciphertext":"21wURRZooH3PLf6O0xVcJblmtIzEBBDKfzHbrUfLk9DNoddkLYrGU3wf3K3MZQlFMz03krRbKI8gatTa2xPAFl2W3dWx6A21Va23Qw759Q0IM7mcJxUrzjIYJ/WoEh6dFEJjrPYfazN2qz9EsXvXccFGt8m2WL0mVxyfd6e6IpnTqGKX6o6mwq3qfOGxqooSNH51sMEV3OmbgyOQGVP1Z042rTPBq5xD7IcMch0nI4tVAFsyhGktaTMCXCpOd8AbKUoqv7daTaWPYCjqMBtmHErnPgQb/5uGdRj56Us/U0OyxY7wEoq4ouWmXRrX8ZX6Wix9LEUntBcuAvXdsf+Ilg2UwilvXiH8p8OK3jS9D6OCs4/INkTZdcHUuyQUudvmFm4+dsGDfefD5FierGhuU9OjXa9/DXjLjK4nwXB627cXxZVel4NL8lqaaGEh2xIRMQg4I1QYqkvug2Jn7qhCJDVpkH8hzKQvA2RytdVj/NULTYnB3VW4/KtPk1pi2/59ehMhvf+hcPSsl3kqhkUNIi0zr/BcfjdSac+fZz21W8xiTY8CjPtLjhI=","associated_data":"refund","nonce":"d995d56e687d"}}',
    ),
    (
        "a type we do not know",
        True,
        "1795162530",
        "41f74f33bc9d0ddb",
        SERIAL,
        "RIsZz4l5+jPb7t80/T2KqF+MU7jUONN3K0cPjcBKoFw0toTDmeVCkLeH+S5Rpboqv0BeXh/VXBBHLD51iZNPojjAvWQF2EHFniXrYGH1DVMXzA9cXacNry5Jw3ei2rzhRm7nQCXgCtB2hDmMye8V92EiOchgFN0Kg6UIoOQDUfBYsabEMehVJCy13LO77uy7cgvdMAIjVM8vyBwm0tx6/CUNtiN95oQU0K9ryil2SEL0lTpUDvQzcZ18KDokdRCWuY5fUUb180F8FtV3ksgLrZ2tBhOkEEzsVsBYVzEBFgZTtsYx9GkttJq0JgrIhFzyBi2o4kbzokWVgFQjr5I3GQ==",
        '{"id":"EV-202611200007","create_time":"2026-11-20T16:15:30+08:00","resource_type":"encrypt-resource","event_type":"COUPON.USE","summary":"代金券核销","resource":{"original_type":"coupon","algorithm":"AEAD_AES_256_GCM","ciphertext":"4nbs2ov84zmdZUbAZWebyFZeoWBQ2AKz/bMyCbfKC2Ub","associated_data":"coupon","nonce":"8e25c81ab3be"}}',
    ),
    (
        "another merchant's payment",
        False,
        "1795162530",
        "513f2604f5100c8e",
        SERIAL,
        "WWTBi7C8SOqCYFQF3s20GQVt6kqXt01EbbqaBoWWa1xldj1Jy74YOzkjaMimuj1k9JnLgKUj4Fz7LNnDFdvMhtSR/TEoaucOZsaJKWfC4QUEtYaZFr2ZhqAHTbj89JbFYo0/Ss3xdx5tZ5xsZBY7yKWNpgxf9sRr91ewV/wsHJUSigTgDadVS4aXhIvik6nqcePGKcXLxACMgWqPp3BrtDFvA36jAHPEjc+vr/L229aZSYAJ2YkcYx5q2PANNedwDmmJojPMHPOHiG89xZyjxGOJWhRrRyE+gZnPJoDTQgjqFmBcFClcFNer6gIUUteOPmKAvMMS5Fbe/WdP5dGbJg==",
        '{"id":"EV-202611200008","create_time":"2026-11-20T16:15:30+08:00","resource_type":"encrypt-resource","event_type":"TRANSACTION.SUCCESS","summary":"支付成功","resource":{"original_type":"transaction","algorithm":"AEAD_AES_256_GCM","ciphertext":"C0H/jtg/OyUp9TsyWhP1QxmeRNl4JVnTSJ2AmCFgOrtsn6lhMyOBsB6C8IAPFQn//oCMiLqZiMC+mRQOMtKxyzEJEVXz534uj7kNVQuKUV1Pq+Ui9o1XtwrLVciTFiQ4gzM8EQoNovEYNg+FvVuzzcCx9BgCW+zhewr6qSz85Qu6alrsi7afzU+c9eK3UGSdRjFe0x1sCR8j2vR0y3S7z5a64b/GG4NpRuUeaou4rBDmodJQ02a/crwCl66FASNKe71p0UbfwMajoK0jjnK3dBVte7EXlj+6nYPEnHO4PXUr6ean7R2PZTG4dxa6IMAFLRiconVffWTh7xjbfvJLF2TJA7lywGmNL7ckjnlX1TujjodWRiuba5J44XruBHOF5DVSfe14qQSQFxOez+KssqOhfzdSJ9AzcS+BrwoxsTdp3mTQRIxyUPtwjje83VKivKaNpqG13RSy3foyzbcfilG4mr9XdDXa0vKHlvN5Kpe0d8n0BnwMK7a64tiAQw/hQaTMQcSqcIkaL0vK8xMfrtLRnJxZfhU84dgqArJTq2JtHjX5BSeLMnk5KMcQHYi9647AP8VtbyMGLt3nlJAN8AubUmc=","associated_data":"transaction","nonce":"0c1fd2563ad5"}}',
    ),
    (
        "another app's payment",
        False,
        "1795162530",
        "e46654adfad1eb1a",
        SERIAL,
        "UdB5BH1zAAPh+Q/hI9TLmOg3JYWjX2tXoyAGYbtCsskUMA5+Uz461PC+xqvq1HXNBh6QCi4rbwlsW5GVZWzSybr3x+Fh9I5ZIjspoWP2r79HPEJ9oKb8N8ovccFvxLkrIy0jObax+SPJoVBvxdcwcdRF8+KOpRAU5ojr0nHtL5IerSMUgSzAOdYL6/XA7is3pK980WrIOqSf/YxWI7sUWhf3vFWR+sc+EwYrGE0nDTjDQ+DRuB0ELoAFPpqepnX/Hu+Nx2TTO4+/Tcn8cjyBgeXXpNwN5KMVlGiY0RWSvpU2Fu6T1YiM9gXu5x650+YI/p2t+t09xrvj7H4QVW3lgA==",
        '{"id":"EV-202611200009","create_time":"2026-11-20T16:15:30+08:00","resource_type":"encrypt-resource","event_type":"TRANSACTION.SUCCESS","summary":"支付成功","resource":{"original_type":"transaction","algorithm":"AEAD_AES_256_GCM","ciphertext":"hvPsoPSYmMgAZ2RNMQFEY2P6vbTmaJAhJtN+KcbrJIVFDAP16IBbx62uVJs7wnG1vp/gOofciu2DnRPVcS2UKS4tTbgJ1k/iDSs5x9bn8x2eBnJ4yRsUswclwrQEqjfmSvE33BTi6egu3yhRqF7Ad+XKd9yXBtBG/HBczKkGFTwM9ueJ8jrhmUbnJb+OjjbN1YE9kz6nAckvNd8uXEyFEscPvxe+vXCQZwix3qUv9lxO49AcJ4FQnFo4rR1EIMl2aLhgscjk0rQd481iMwNBjiKIaF9ay7uDgHqEdc7EkXc3rqcXNSd+j2Iu5EY9WWEMEYUdUr1FC4x/opt9XCxHxtX/xN9SXI/jnh6ZNhkAdBEkBF3Pt/tXk8LEmhCxQltxVDX3UNGAS54AjPNyknQqCcpxFr5+6t0NicPB7cfwIVlJdllrt0T3WbW9XaNCk4una6SYS24eb8sSG3U0ttz1sASyjdmP9Mt2cm//M8VQ5ctRxecn18MceQl7ByAgvyDCUENXFl/v67UWBBboccArqE1TNb35o08honC3SinPduaeo4gnmw6zkYNa0nxxmjUJXrV0feEJ9//KUbJzoh6c5UWQBSM=","associated_data":"transaction","nonce":"5e76c9e5a3a7"}}',
    ),
    (
        "a payment without an app",
        False,
        "1795162530",
        "0d7f727b5af20b73",
        SERIAL,
        "AaywKli+lJXWQY+xqnXwbhpYMkGtMk9CY2aTK+7HiA847YQnTMRMOWh9QzgElKh9I7wMYEKlLhFHQF88YOEEqs9td1E2hgnjCCOcDigUBirssNM8v4x265u//tv0/BKjI0H/CrvsKc/IbT649ysYbphR5aSzXII8n0nkSbNhX2zH9oaLSFS+ITDKCk6DRC6fE2YEeruWw/bld8cjmYhN7C78sNYQtv7GOY38g9f3giB+dSoCA+N0+XPyc9ZG0BY8DXddTC68IDYkVFwmvWTYrkXidh0aBOY8mOPpXWOj4DQqTT8t4dO+kVS7KMDyD3gDsSQccIafygMR4lGKUtsPXQ==",
        '{"id":"EV-202611200010","create_time":"2026-11-20T16:15:30+08:00","resource_type":"encrypt-resource","event_type":"TRANSACTION.SUCCESS","summary":"支付成功","resource":{"original_type":"transaction","algorithm":"AEAD_AES_256_GCM","ciphertext":"Fnmo8L7Y6oUxrRlcrebJ1oDyP1erPsR6wr5zrrU+mXGreldcEs59TP8ZIi0d/B+2bhxRZpDckfpgBcfXGEJSb9XkXjlptp/1BjvuueaJ13jT8xoV0qM5p//D4P2dAEaZ7Vdovp8i4kzzbmfsrXmR3v8lqkof5eTuPNwuM/C9meARoEZv1Bnp8boO49PHEgaXtsZJ8jCLgJvUMsToWZgRYW41oRd/ntcx6HEJF6oD7aG4eC4XDE4diIDvHdMjZiwdfoEAOA3LbLZpwuh+6oRvRK0cZ3CD9yMMLK3QzcsaWsYc6nsDNzMtEfjm8ap0Lhssv2VjDk0g6S62MpfLevezj89UEbGkYSoIuFQq11PMbcEvwe2RqcvFiYwB4AzJwIadledLZIjmUKG8p7yeALc0/7cUuDl6jcAVwPSeK/U3G2AnwqwAVBGBmSTf/wH9OL3s6OH5hwMRnRiBJLG/TcuidCnCrG5tmpZuTIDXA1n6HopYeIOi8rAM1cUOLd47YfmVTNs2OqA9nI6KHVhtCC0gpa4EKuHi5ldmlPRuriBA6huMfxhTYRNv","associated_data":"transaction","nonce":"ade8121696a9"}}',
    ),
    (
        "a payment that is not paid",
        False,
        "1795162530",
        "412cc4768fe31b0e",
        SERIAL,
        "PD4LcZzpEfzp3LX+klKzMYv9vpFtVACTQkigvG7CD1NmCElpbkUHN5ycbon/9eI3Wan4y4rqDnbr+8VHIydVogXwe5m2ILqFYKAWrf8ycg89kzj3ChYTlT7AjV17WMlUdzCh3dX7Z2tr+c8m15Ojedtnt8umVD0puEeir/oCHuWNPCVg5xKnukZ0QePItkMkz0/mCQRrMxkyn/N4ISdgSzt5KEWA2f4hcTMZRWJMIcF/fF0G5R7Y7ePmJbvEK9ZKWrGr8ivG5tj0lTOCbJbhaGhyWDDvE8Vm8l/Tp7Dk8M4whhsCEtQ14dHK7VL0vYMjEmE1nRtEodyL6x3lW7IlvA==",
        '{"id":"EV-202611200011","create_time":"2026-11-20T16:15:30+08:00","resource_type":"encrypt-resource","event_type":"TRANSACTION.SUCCESS","summary":"支付成功","resource":{"original_type":"transaction","algorithm":"AEAD_AES_256_GCM","ciphertext":"vuk6PDb/Yo3WlcG0TEYIZ6FCDXfd5Lt8GAWWD5Vsq7dSeMf/k3R8Bon92k9S3qF5tLNCCxa61jbhpImjy+bKMgu8kn9YhAIk6mFqLd1MsOnAfhl9R8Y+4ZGvtwuE/FdxvAH4KfnToWMiioK4ledfv6hN9SywQTxV8iyBcE2yfQUDryosUOQXu4qg+TwkvZS6qM6rfGu5FXHqaK2bgLhRusO9oASUlxph6pWcjKP6NxGMunW6JvAUDTNykJIR9FX3JeeDhhyr6PS1uJs5ruySjScLT+YE4oKMImoLuJgzdXmzouqgk8oKE9GaU/lmWHFP98L6nZdWXewkHJXnQfkMexDKUrP1LNEMXXrJHR8Oe20l+/LfiHSn32EhDl0e11EcqquFgS3fO5+NFRNtszfbcKp+R64hLuPHTWdo36+1YJwWYHJeeQfSdU3Y1+XqYNcoaJU4d+SI4ee1PYAzzgo3BuxdLO8DRlKovwg5zFGFzh+7V76pgIpBrOIGxjzKmz/MjJ6xhcAmifR2RplxVN03HqN3+H768F1aAlze/4Z8GtnRdqiUXuhwccLH6/QH0E3Yve2f5aebauaqywQ1hxq8wGQRrA==","associated_data":"transaction","nonce":"e82164975e36"}}',
    ),
    (
        "an order in a state that is on no list",
        False,
        "1795162530",
        "33d250818bce6e11",
        SERIAL,
        "Yhybt4yTDzf+HRz796RaX6t5f0Oklr2+Y31+gKlm+Z/JUMe12F9OAofsFZHqSyjMyV4mdZu/3H5iycefXJ76IQpziNhXHKlztvhgPhe3GLLXAvi4/86OOOissm4en4EBlG9V/of/hGyLzGQOTvk/6q8RzFY4XusA8XndOP5MwsAHA8tDwberOVKzcnufqwqZr1iyVpaI92KfkjdbdHm37b1EfNznqJEoITQFgKdKVBiJETPhW17YPS66NABP7ZYbK2DzuR3FbhF2KI2hIhEjyz7zWEjzGfuRdiA1IDv1EfiNkh0SlEUiirRIfjNrkhzKNgieoIYWJIxGd37aeo9SWA==",
        '{"id":"EV-202611200012","create_time":"2026-11-20T16:15:30+08:00","resource_type":"encrypt-resource","event_type":"TRANSACTION.SUCCESS","summary":"支付成功","resource":{"original_type":"transaction","algorithm":"AEAD_AES_256_GCM","ciphertext":"9J4OUhMUt/KNZtWmmRVe5NZ+mUzJUr9Jf2BqBZobSrlf6febkALbX0RdwMI4idj2hcAbg0TRjW2/YU0DA/p+00z9H44vYUUl5NiwsgaNdyQHDbniSCc0q6OSifT9v86KnUbXPPefBlJtoyDX8jefiIwKWyEHZfKPFjRbseuTE2D6q0K7jNomWEVkuxHB4YdNhBOxTVmfv/+YE1oS9ViyNlg5tLq5KF5Tn61ur1H13O5ctrrkq7pgj2M6HvbajKukpX1d4y93RPPUwl9u5NI8Oa7T6HAQoM7wjpCnMO/rtFZLl3MtAPlNVlAnrxttAYH94w3DPGOkySuU4jFHlnMmRnVxvXcM0WxujYrT+tLXyYyQoOh/SBJI2U3gpyZ1BmKsLBhB9WFPAZXQGMSDrgtQ2O/GuQ1TNLRztI46EoAbasKH+6lGGQx++Rt350LJ6X06Uq+5JshsmkCcRpyrXDHyRDU6Lqbli9SAom656tAY3nicR0pgzaerjtgzhUdRcyiJMGJcUBcfpvbWPVElgHLJCUVfJgmGDasoAbqd7VXAyGgaL2YoT3Wtqk8VuEC928ZpArcJpkYKoIpFblS0gtkFSgM=","associated_data":"transaction","nonce":"a667e0ab9396"}}',
    ),
    (
        "an amount that is no integer",
        False,
        "1795162530",
        "d06fc072ec24b0c8",
        SERIAL,
        "HcXLKNzQLtd2MIIp+qRVMMnkcr6YaX/mmxkMHTI7O880sP+VymGDfveL0nF/LWx0pLAlGVgvS5f+tPLKL+FiQ9F37seiokmms76AQObJ8DoPM5CFIQcQstEHoQmhAPBVoTehAltzODa9CAPtyKAy0OeyR8JPYvBi6VsbSu1knvCQ0V1V2BQUwCjew1oFk+5rfhaR7A3FxRNBEfMJEdQfzALlkPoDEMM6L4TzZg+tzD/pKg2VVX6ViRPVK1F09jyCmjV6KzhqSwRWy3rrUYQhXtzfFMh6rUIopHjUKu3iF1a4rnqD7l6L/hEe1+Ql7GnRkwX1PBDjPkFW9SViST4C+w==",
        '{"id":"EV-202611200013","create_time":"2026-11-20T16:15:30+08:00","resource_type":"encrypt-resource","event_type":"TRANSACTION.SUCCESS","summary":"支付成功","resource":{"original_type":"transaction","algorithm":"AEAD_AES_256_GCM","ciphertext":"/348ulxUdYKMOPGqeLmXbo3OjCJXbTkvOmxjK3Gqm8TiN0kAcyuW8K9C1m3iuVjGubXBqTB7l6nBnFsjAiwwPPepvNqFtYK7UPWS1sYHKug1P9NFY9PbsERf7AFQrhUcRbopzLSq3+crtfiaYWXGKsvpKl8Wo9WN4PGJDPxxhlPd26YZVnzlFoR8y6w0eRoOngT78YoRyt4XRH4qnL2I8WLgFzjXAWaygNrVzYA7AmvA+0dMD+h9R6hGECTPsVvck9qcRBPH8/TG1vnOg+zKCmdsk7eo+F0b5EIyRfEtr6nWMF82Xi/4EDcMcl5cWtd/7iRyjldTxteoEj+9SwrEvjvM250QzZUbgYWcS7s/efwbWff9H1DDj0nEVCVRWBcwOYZY+R5V3CXOee24aTdbJOYB6MDj6DOY1ztA7HaNJk/QJGTWqqNIN8UdH1HeuZOsmSVeoHAeYnqATbin60rgSQ5uWNDXWdo91bmbatlu9saVjWOUbqfqkbE484mQiq/w047XHRjF2/KFh6FcGfMMSfwDQNyq8oiBVQg=","associated_data":"transaction","nonce":"424114b66a9e"}}',
    ),
    (
        "a negative amount",
        False,
        "1795162530",
        "dd85b47b3fb1778a",
        SERIAL,
        "rckOfEv12E7CabA2aGWpB5Rz/xN3cA1Aldi2HeFm7Aey8rwGnJ6cu/9fbFpMVxJq0ies7+7XfVhdFwJVNfYt+WywzWeDr9GoDZ3juvLhgLcUMLow/LxfJTii/AFa2HiCZNPimxdcVke2L7mvAlvxoSDFfaNfRr0dlcn3os5+KNooTx/0gNxA7nbZ+yjqQniacCAwIHCrQucPsHaVjKFJthPzit50aY9rHnPq/GVbCXxOWTyiG2Bm1vdZM1RfMPqkvpKdBfJqvIFU54bfBFbrhor4fDqN0zd0dSkxXNaaL6xj7Sr8lAcitgt5muU1ws9CaLYaJzRYfm9e3WgT+ql+yQ==",
        '{"id":"EV-202611200014","create_time":"2026-11-20T16:15:30+08:00","resource_type":"encrypt-resource","event_type":"TRANSACTION.SUCCESS","summary":"支付成功","resource":{"original_type":"transaction","algorithm":"AEAD_AES_256_GCM","ciphertext":"ewj1d87Z/nf8+no8xiATLiVuBLVUn7fmjiajcgsp2B5jQO0MZ2yprqYQOV7WmmsYX9KMF/P8ZfWj9BhlT1QJkNDMhnY/iwLhiGXjTC4MVobXOCCszxGIUVW6bpegDSq/c6tUBRTm6rhrB2SbsQSflMMz6RirLO4cTC0lzG5k/A3rxIThwranoU5jy1aCiQq+TAoBH8PdRJJlUIPzjymQcUGnmc+LU/fw2nEmrd3GNmrl591oEZ/mKBsgmgwwbihagnBg5JX1c+cvp3McB/17EG37kfEYi2VwFuHOihAQSRsVOV8n20GdbpxQ0PGvdvVfkQLQ/ZXOZjBNtCVyEhLlqZrzwIawJTHOOfLApebbtj+B0dcSIIBjolPkqQAEp6G+39PwL8/+PNQvKtSFY8MgXJqGVpNrkL6XOYqT77WqrfLvA+4hiejvS6i83bsPH1OMACcjS6HM1+2zuUB2pn6CX7AYpUe3xkfA9KLv1me0Lm+tYxDvJ4ZFZoSWrDBAxPqyZkYeXjvBaVJCB4MDd8JkFj/i4DcwaFp3Z733","associated_data":"transaction","nonce":"b79f83a01f7e"}}',
    ),
    (
        "a currency that is none",
        False,
        "1795162530",
        "19c3a74066b176d4",
        SERIAL,
        "A5NYOlf2LnmHVtS0hZNERUqvQDqHwmNfQJ4GGAmYWJnm4JZLP2dbDUt9PrlJiva8R7+NkvodUxYPaBESJMMQlG7rqUEzkPS5fV2pQnSg9sAiw2CsB8Ubg4XEUshR7g7VB/hd3PP2/Lodb7BnAsVKrvBjzFeF/PF+WNZ8eE6LGAGhezxQaffd+mo4hfWyprxjzc9NTJTbpG8mdw/XRYRzkaiaPd0wvCCnoV1/IAsDCCAUQQLnV/kZ9eglp0l1wTXYXTGacdF9m4pr6J29gPqbbLtZfys1hlRiou6ETMSwadazVNrfTIvuzyJrogTEvsxOzc/lHZdsv6J0LCfiRuyXCw==",
        '{"id":"EV-202611200015","create_time":"2026-11-20T16:15:30+08:00","resource_type":"encrypt-resource","event_type":"TRANSACTION.SUCCESS","summary":"支付成功","resource":{"original_type":"transaction","algorithm":"AEAD_AES_256_GCM","ciphertext":"K9z6LJEbP6xq9N5vT4e/Wbg/QIbTW+Oi6pnRZGQzidFaIj2XKBg/v7aBbSiv2JHBqdvq2KO23UAgZBESISZE5Rv5UpuHob30fsNIJu5bFLJOKHdYrFEydkH9M0difnTgOwzYgPmnBUzGKr+eySJ2/+phNqY4VoKQYUXbAf2Np7wdnVoFWpGxtAAgsMlYsJYQ9vmT4JoOzeJbItIlz+jb7Zq2wXkW3wEqt9QzfDB5JtKnqdF5GLv3PpJUlCW/l7XMnbWBcyn3/Dnn6mU6nLrHXGPlPFRWRpU7z7sA1o1Q6APC6FG/lZTkl1256l6SGOrxzSDy9XjBCctQAG7U15hQc6hqIBrQU3CfuEd+ex5zgoUoxpNUjN5Yx9Iv8jAMD1xcum8MKL/Or9RNZ/loP9JoxU/c83GmiCGbnkVgvSbvcJhN+jLEVN9T2vObCs0p6TB3UGNpAjOQyFP+iUkfaqcMs+HyyUGZdICmD1NyTw5fdHwhgF5k1nIIq0vx0YwDC7PxHYenp6asMHkABNQFdjood+3Mv1NXAdt8/iCm","associated_data":"transaction","nonce":"66be7e334e48"}}',
    ),
    (
        "a payment without an amount",
        False,
        "1795162530",
        "3006317ae21153de",
        SERIAL,
        "KVIlvGIupiaEbRTE6lno940FHmF63kdG8Rmad5sJ0dYXJd2DsFlqsLdeX3dkCsdIGu8SfeRMlJWsGlVtVr8iXf7r8KnTBkNEwyJKOhucUQxT8Sj7HBMA6l3cWyL2s42eQ7a9/hCCxf5D8wpuAKmLnHCP8g9WC8lvin9BHm+gAwUvmZnd5owHd7m5985niW1KWZD5gOtkmjUK7gJ7/PjcIaiSo4/5HirrQqQUOtCukPECHWGOSw2W4ay30w0zd1J4g/Xz6/xzgNKh3qWS+yUhXGHaG8oJoInTIDgR9tBe15MhQk6DtQpugn3hwc37l2otEI65D1fEYRZ4SC0gGTuw4A==",
        '{"id":"EV-202611200016","create_time":"2026-11-20T16:15:30+08:00","resource_type":"encrypt-resource","event_type":"TRANSACTION.SUCCESS","summary":"支付成功","resource":{"original_type":"transaction","algorithm":"AEAD_AES_256_GCM","ciphertext":"GqDa+PfBAitgl2obByCRdIbW/Py9gOLJrRiQKZA2+BqO1fRIsUpD1GZINtR5VrOel/Ix27CR2q8nwk3944MkF7kJBm20k1TA67W/RLjma5b87xaNUT/JwLNt8Erueaj2vJ4CdUfTmovaXACT1p/n+6A769aR/JjvDTeIK6gaR1whH/8z6WO0QlM61m3inRJhOy3lqkqrFeJtTlqUARhd1kpn3DD1WSkSKzigko69ygB1JWDZ6Wvh3mMmCLp3B4bC4W9b7zjPBMO+hYy1t0XRoKkImbpE1I5NxBLBk8ekQ2+Yhob4fJrnoh357HSuSTG7C2wDzl1st+s1o3xr2AurQXxRZD6dAn2ZB99qCmpRifDpqmQ9bWR2UmEraN0zITAzZ8szsU5IRMZfW5qHbt262WTjOzc9bygd7+Ism4iKCQKjqg24gm7TqbgznNoC0sppyQu98LEcNoA+WGBlFxihcG4+EQZE7BuiNXS13KISp9Lf","associated_data":"transaction","nonce":"30385d3ba1fa"}}',
    ),
    (
        "a time without a zone",
        False,
        "1795162530",
        "958cc4345765204b",
        SERIAL,
        "PAGwid7G44kwPW26w4y7pG4h1JY5D1LY96guAJnavQQ+fBL7ye25XuRWg0DxiUhFOHfgIWQAJyS6jumjdJT40v/MJj5FJ+VkxSGXp/cL9ygP3ewpDeFNlIyKsr7lfR4O89bnxz2h5+j5fj4vaNYITDzn3eRRyIzhtrGN7WXa0u9PZVRtuozosDXXVYnfcceo1NPEH25SRH3fosgk/hPkUcVQigQjx2uw0p1UN3gFQ01uErH4ieemS+n5qunX44FCXXkgYl26LFLTS+JW6FTAADdAU7HRPocxV5c5qQmLEKJbYuBJ2gFDzUnwGV/VyBQ7yr09zJgd4vjTzgEyvUisSw==",
        '{"id":"EV-202611200017","create_time":"2026-11-20T16:15:30+08:00","resource_type":"encrypt-resource","event_type":"TRANSACTION.SUCCESS","summary":"支付成功","resource":{"original_type":"transaction","algorithm":"AEAD_AES_256_GCM","ciphertext":"BNKyxcidjKTasOYouHrRrlKcexUQ4XjiLEI+uvBVBlFYFQXAF4v/wwzHvE4Hs2penfjXQ4/PwByulwExAOX3ii9QxNUeUkaD260p+AHa6Ifk843TCgZrWXy5R3IBhH2GpwUEmnR6CCA0ompop+Jqq59kJlmYzQJ5XKvwX7NhHA7M/QGUX0TZUq2r+jQnQkVhgAW9RAwQ/c6B7I8qf8KINnABTDb0tmueidam1AmKDErsVUQcra9Rfq2C+/c79hFiLSiEiKOQA0F4x8r6VYaHpOfGhCGSwSHFVPGX49gQ96v5VlfJiHekM7fjb5kwT0yLobfAZyTgPBFDiZ8GWw5VgPaoxi8mN2t31nVYCsGRk6E0pQcxq+dWajkwBhTUaSvL4/Gs3BZ/7AwrWJspXdbN9LeW4rw/ZH9g1irvH9gfOGVRmfxxxM3qA+4t2kyWoZEScni5ruxqVV6cJXRlrKaIhwrPOpEDkZ4iawTp9hB4sUVrMmN2RLB9lYz23DjZy2Cdih/maJo/DQHNeQ6lapbu+ckqPLg1quRLEgYe3iupxo70x3lp2r42brO8d8YAdEpxXpOlVEVq7Ujq2Es3L4g=","associated_data":"transaction","nonce":"6debfc3a4912"}}',
    ),
    (
        "a payment without a time",
        False,
        "1795162530",
        "721646c3651f1dcd",
        SERIAL,
        "FUcvrY5qfyukb1YVaookzG5v/eW59Af9nOXYgRQ7+3syNqwccAunrA7mpgp/Jp+bB/CWkT2BtCp2Oj1+mp1VVaGJYyYleZ/uvKEVAp/zTaUaYyaeRZXqk0xZm4ukAcqEE2/6cjiQKGMELcsdTivZeGbEmdQVusS7Ys/Bh/PVlMUOua+giFXuyUCsTqc2aSRz2+V0LfMeaHmUA9NUAW5ePsjXw2hDHqJOWmsypC4IU7KyKc0m/u+3IKkfHc3zOwKskcYxccJ31wWhFFch5NmH+AFZTIZLeO+8H50v1lrTl8by26LfIcnTy1VHyM6rkCnEZebGJJrFMl4ThwodYzOYug==",
        '{"id":"EV-202611200018","create_time":"2026-11-20T16:15:30+08:00","resource_type":"encrypt-resource","event_type":"TRANSACTION.SUCCESS","summary":"支付成功","resource":{"original_type":"transaction","algorithm":"AEAD_AES_256_GCM","ciphertext":"AA8I2PM38ZbalwHzUoSFT8S62BxnWadW9prNtfzuCDq9s9Zwbw7RtlS+22kWhRsq9U83dge0m2WXXkEsZyq10gFU8blWXqTOTApEfEvNxdenXTakaL8H64lLzVrD/e5ft9qBEZM3bJlNkxgX2Sn/FL0e0nqWzlg/LAuvBM5uILDZRx1VKGtKV0v3PcQ65qdy+3lAcCbPmTnzVLrbT5cWwZXkr5cDmytIEwdTiJey0E6lpvHNyyZVZvltoRLT7oyUpOuLCT5mMcstTIfiX+stdN2Qkb+D8NIV++N0h9ssCvTn2lrg0oC9A9UWyqnYKT83oQ3RjRckuXUyX4d9TiER12cOWjWzHstktG+dYjJ1MvOZIU+6YWqfsJ+MxT9Qri+exkvZ6IOgagvnooFdZCEsvYeIdKUCb2z00FusURPCT3oLZlHBnFWDugL3VIkKJXtFxGi5CYilh4tl2RCemM8qnB4ABP0GucvBvFHVmQDNivdERcrFlJTg8EbAMsbndR6D7wiyB8oQ1SHIlG/fAjVBlTwZhlw9vFgDZA==","associated_data":"transaction","nonce":"d667ed56f511"}}',
    ),
    (
        "another merchant's refund",
        False,
        "1795162530",
        "005a260cdb5ea009",
        SERIAL,
        "LYSnyICxzZmTDRcxM6T4cmbuoUFubjLFS6vPvcfzYNTZia+IPSNBJZhIk/PsIQfRAAFhEI1h7YyVBeY3uXC4GhMG+Uf43sjDd7zh7ZjR+Nl7lvS6mXzi9uHclRXmO902/zGZ8una2aZ8U6xq4FrvXA1hFtF7RBfl8QVKDY+Een+vE1HchvfKIH6komTDNj28BLyi4NKChyoxajG05ylABLlzf/K2ZH856Y1CTizu1idBWz4VTIP9JsOV/T0ZcASFaV22BFXvXk4x3Tp3ygrTYkJyevRvImA6StrNltF51DbyfXWcTQp0ipu4Rl/1dttZ4g2jjAC9vTn9pdsHRstjjA==",
        '{"id":"EV-202611200019","create_time":"2026-11-20T16:15:30+08:00","resource_type":"encrypt-resource","event_type":"REFUND.SUCCESS","summary":"退款成功","resource":{"original_type":"refund","algorithm":"AEAD_AES_256_GCM","ciphertext":"nNeTSeNavljkgMNz0+msG2+DV7m5RU2AJh46yW5AUHSB92tSARgR1rLYeQm8bojxezoUdFVvGJXFNAIwUfYB5IYYmMXW843gqimg3zftcP1ponyVVlVdWkS/H5JkxAac8jU528LOIJwC0y40ro8hwDudxv2J+8UzkSOWManZv9wjYvADiW/mi89AMa+UXlwZnkVf3LBzYeF97rEU2wCRJMIzOoGwFY88pYcl8iJtLrIcOb4K2awUMO3Cz09YUTOj/TJ9L5HNEXZCe1RGaD6gbsoDJfIMrv4Ln4gbQE3MnglJmxpkM15vqjYjocZW/CyVVAcqaybG+SeWV1VBN/7VhjHkV07smODSOa/68JdzgJIzssOk9AfGRU8pPjnNDk5GXqsX0woP4UWPfFggfcrzD/XTMEyAlXau6QYKDouRsxzm/4rmUzIWnpJxgaIfISowbuOkmwQMZovk/9A3RriYz87g72iL2jUJ2FhYiD1hQCxEBb5kczSkyYpMmGSuaUcNItkVVyrssWYRwr20uMxLlaqos3Ckcfe7ZMojEe45lSQx7Q==","associated_data":"refund","nonce":"fa175be27dae"}}',
    ),
    (
        "a refund that has not ended",
        False,
        "1795162530",
        "0dbbb5078fc1d781",
        SERIAL,
        "VsktQbR7s0CA/EA9I9h6BJ4VJUHbPnSyCQyZwfEjB1GDP9ro+KglDH5S1iJ+7zQKFZ62S8SYO5+8jKtNXbfJGVQzJ5PMgNYBb/MdBax3MhhEIdfreKHV7pSKADV2Vu5MbPIGCs7hLiotxvfwX2b8dAzHCnxXVPllms1cRBfDPokiDyGQEENrdxgwYEhoMXrPbeSUVttxk7DoM+jd227GJQyujXQwsrdzPq0zZfKBlOMjjGTKdJDwcK1LarkRFsFF6KvzrEpYCHWjNS5L0g3QoDJYGqdo/uOfimMnzeqefeSIaRNe7gpO+Ue4i2VPxCWHHdjqYHbVAGhB3PgDbV93Eg==",
        '{"id":"EV-202611200020","create_time":"2026-11-20T16:15:30+08:00","resource_type":"encrypt-resource","event_type":"REFUND.SUCCESS","summary":"退款成功","resource":{"original_type":"refund","algorithm":"AEAD_AES_256_GCM","ciphertext":"pRpcrqj4DOCwMk6p2mrt8ZQZC+Ne2Ub3etjqtDfRj3NxBT0ICAhHZ2VvfEG8ln6nIYV9eDGPvUrwi41KArsKUvTONNCzI3C7Y/JXhhJITGh5RJnsJNdq2MBlIZnKmcTCDJ6ruuhP0reR+CbwuurOyDebaMa1G4VI9E77wKNyH3z6vWpeH6W2Wn+5fzXOe2muwsZqOX6wvVftbW0uDZ9c7bwVYfRX6V5IrzEWthqLrReMIEM6PyVT9JKiboqHoFg1M9EM17ltng3LASSQqEWx+b5oY4L9DROuLa4WV1glVNdZYF04NDDw4VLmePg9S25Bwcm42HJYZk9flaw7CPkS08+pmfHivhI8c2HPEnuI+0S39EBeEoHUzIQ0RcXc2quEluZBYVOuZpHc29rVl4Mb9Wb4lBTil0oihZq4ebN8wbApWcJTbU7VcsGcxuwAOEuyspvz23Unv0viImfw+hgCEVVAX7ryn4QDttc/o1jCHtSRxnaYH3Per0VxzDjhW0gHaVBBMpjUonPtxRPthvG6lXcp3qBSHxtiKQ0+GEj2ZP9U9qoQSw==","associated_data":"refund","nonce":"837882957efe"}}',
    ),
    (
        "a refund that is not ours",
        False,
        "1795162530",
        "31b90c07e90e0858",
        SERIAL,
        "YfjidjN44dgAt8JLhZ652puw3eFeAqU8iS9+d8Oo345WE1nJKZfi/KzPK7nsWMXZFf6HB7JhCKBt0trfzhWVzquz8ML3cLL8qIz9vFGahe25mprmigydoV1zh5brc2rHMxaW5yYCjNxOJJKI11Sa65G5qRUTY6lVY45wjmn0+P+2Qcx/G9F0iqGwBr4xvCITfZzSrszD5GZW0juG/xYmHvcnAu0Wc3eIiJ9tHGFtQ99ZN9Efe2Qias+AjNmwX2CVbufjtLf2m9uTFBdS4+yjNGyeGuBg/DXHRDSLagGI12rNpCb0dwlDU26kI5SmxcpHcCvmHMFeJ1+a7aVGFSFdHQ==",
        '{"id":"EV-202611200021","create_time":"2026-11-20T16:15:30+08:00","resource_type":"encrypt-resource","event_type":"REFUND.SUCCESS","summary":"退款成功","resource":{"original_type":"refund","algorithm":"AEAD_AES_256_GCM","ciphertext":"rNFn6MnIvD7iGZW6a63b1lq1vT8d+Wqdx89nT1qL0iRyTYbecpQi8Mh8SZCkJS3XXqC3f8YnGO0VQfrt6EaecwukZRVrLPEAL8HxTgLTXllitNKTnttCxZXOZckYe117RIYCQHElqgbqFsnHdDrnlH5M2QbEQRwBIYXsdBnyq2MS41T1ReOlaOq4wkqCbxgbgwpaxR22zIGxiUKkLRloUhnyyC40lDjgPLUYZGEFV0gTcu7+3Px2CkumtMkp5pTgoU30UfWeR7Fiq0MnsfW6AwslTiRhMQJN9qmWhWXVJA0QsHL05BTZnfZd7Op4prq8fM9xJZ4OWLQWcXhCOH0wQiOaNPFqTurYxj37zjcXei/mxWntCPb0S3n6yYAGiHx8uHPsyZfBnvYzRoGzL2L16EHi0HW8NI72PXHI1qVzR80yGJe7e3AXBfRPauShlLVwuy+iL/Y79NE/vB0T2UvJYDyWnB3rAGFWJjg7lmBF9tqJ0C4YuYC2RA0HZStga9dtCo+X4ifG","associated_data":"refund","nonce":"392ef2af7074"}}',
    ),
    (
        "sealed with another key",
        False,
        "1795162530",
        "da43db9a85cdffb7",
        SERIAL,
        "ApGfx3LLpAk2Z1/eMdy68zoSunxCFYLKkadLiDyofRK3Ks+XUacCFHAXIYbk/ytwEYjrif2nC8ylhUqg99yGBVcVQEEYFiRDQtD697H/RE4PcJwPTS5dVWrhOYJssxukagH/MVnJ0auAM/yOW5dN7TIyV3jDF5WkRNNVWcaxS+ZpToEnvgafZGVkzLMgjojEH+brnNl1jDN/GAtZqJ1rQPy/PHZbwqPnL9vrhEuQcKQsaCgETO4f6gkOUqMrVVeYOWTIOjSnaJ7I+HvzVpoSl5DIoapfpbZ4qH/J6V9whng0spZrguLVLy8PKhZ9bgwtGsxuSqQLfkZQu9pEWBtpAA==",
        '{"id":"EV-202611200022","create_time":"2026-11-20T16:15:30+08:00","resource_type":"encrypt-resource","event_type":"TRANSACTION.SUCCESS","summary":"支付成功","resource":{"original_type":"transaction","algorithm":"AEAD_AES_256_GCM","ciphertext":"epnIRQMVr2pYE9EHIDQ3nm3yyD0ImUZNr3DjOYique8uXZavCuPsjyk9WLzkZZEr/bS5ErcF8hLdgQfT7UUliXwD0k2BXQ950oK0ZGKHLxXdMaH/H99Mb5RjY9gijz5TFigngbG5kPT20U5tk2gcwAM9/LwMgegqPCJzP9r9L1KC4GSylgD0f4O4Ey5U2mefcdcqrgztlBNabpzAfVgh471E5CTbXPlM/RJ9UOXvdSwfDytSImpFU2vacajvvDIH4ZdMs2GOleCLV3Oy4vyHg/uPz13BAUjBk02vSi/jYHJEIw3RnUKZoCtDE/4AF9sGcHEA2oQZl1PDUUD1DUKnGTBh9jCvink3X6MQpGdXGuA8EkW2tvYDocViVIu5e48vPv0Vx01SsDPiVR33nbagyfu99JndTMJL3wqoPSFFOHkdLIfn3oAQ0Utq5cz2lh1FgWgWMCnP/kBU3nNg+7leDnq90qDEKMO5xaO9VENAUwRzUbzLKIywyReU8Knqq6kZwor96zLpgDc8ny++ZVKS4f+YHWT1C0oAI/rdCFIoteaZfQOeu0PHLiE9VnKNR7yGT2Bh1I1tisRAPLtnBiLzRxCpH1A=","associated_data":"transaction","nonce":"c3dc55d4a04e"}}',
    ),
    (
        "sealed for something else",
        False,
        "1795162530",
        "7a8af892ed0d3122",
        SERIAL,
        "eszdLvMWLNexrt6YGwzL/97wukAd+342t5K9NV0VjlIU9LJegkeg6iC2s68w0JEevoPnVpzLIT/J7WEzxuor6vOQ6xQgFHpZ3KkA6TcyNDSylPBbh3+NJjuqRsc/XnSnpHuQ65OHMmIWOtytlijxQ9CRcCxPkfpwXtprig5IDKoW5XLlgTIQCXwoFvQ2IDQGXY0+Oy0C0lVxcPIdmfxaLkY0obaAOx7Nc+aCNiYVKCou5gRMtE1H+yM/3tep5EcBDZlUsfv8rH1zPNZvVuFsbjs5YOMHNSBOr3L7YxK8CJBujDqredSz0ZT7Q8h1jRnSVvas0IsTTFlvVt3rLnAhnw==",
        '{"id":"EV-202611200023","create_time":"2026-11-20T16:15:30+08:00","resource_type":"encrypt-resource","event_type":"TRANSACTION.SUCCESS","summary":"支付成功","resource":{"original_type":"transaction","algorithm":"AEAD_AES_256_GCM","ciphertext":"uMhUJ24lWkwbh0HkJp6rdSzqQ/xm16dOfZODN2ucds0XmKAjcKtujt2Gw1SsSEkWow+FxvkV2p1yft5eAVD6sO+LxBRpGx1OqwWttQv48UUdLwNp/HUV/UMbYS87mlIFsNAlzcrcyDAbqxM2e8WoalcuExug/JiDtHZ7odLZUGz2K2sAcHZCqySduTIEN+6VN7iQ5YpQ2ovrsLWYGNE/htOet3D/L+bZ9XyJxZZUQmMwPR2QzSZvmUZopj4gz5E6jZnh1xfs0sFvC0r5ej30maPj5LAjnxWRptE9/7nZAFb+7Z1CAenM9atSUR99IOtbK2ntu0h2bfv9XF9y6eUvWOmFACNVQIShSsOQjVnK425vqGMeGccAj5Z7aljtU09tTLkK9SA+7MjF6VMO8M0FcRCEIbO1VGlxLFsZT4QUo5Zje22iV54Z3OM0bKM+P2lWwLfMtYBdYRKPHdFrPwxIPwTHyHtRiWVupPnJ9nTh4IoCkmByXCkN4DqNVRztTj/Kk/GPtoLfCLu8Ah3VB2CizFXjKOfNcYvvYX2ySS0vmvmoIvK7aVB0+vrRg7NKxN2M6dSNaOP6Qbwhh9v2mbkfkHnpiv4=","associated_data":"refund","nonce":"9ae812248dba"}}',
    ),
    (
        "sealed by an algorithm we do not know",
        False,
        "1795162530",
        "995308ff8149631e",
        SERIAL,
        "mlc0j8GH0LATloZBWYhq3Zt8tEHJiQ/057MH9dHL4HQVps7sMTA9jgqkrJs8fs0/IPgAEQX8SzU9JSw9lcVI653fjLLiHA+cT3X9J2sQQHTMr8gXZA2aPTMM6L3Nim2VCvmVGVAlqpfBkGo2UFee/Yha29FgpwFH9bKneLkcbhQdaQ47wBH07IN6ZSigHTKwDu+ih00d2WjHp9PMEjL57YTI8POD0XLV78OmPwno5KFh/v4cjbIJCt3BYX9c228pH5oWQN+DtEX4RTbfd8FStdkMBxzm069/3BM0qVQolMkhWGKgnNVeOI0/X77ZCiu2YnMcDg39sXQEUekTAGo2IQ==",
        '{"id":"EV-202611200024","create_time":"2026-11-20T16:15:30+08:00","resource_type":"encrypt-resource","event_type":"TRANSACTION.SUCCESS","summary":"支付成功","resource":{"original_type":"transaction","algorithm":"AEAD_SM4_GCM","ciphertext":"NPFnk031C59s65zWEDZvmqP0EbkqzrXZhBlAsDSwe1KEZzJ12zlU/6h/MOuAJh4yb78saUGD1jb+q27QXYtePGJz6n+JYKMsLumR0b1R7krRxz1sy4a6JmReYtUKIhAzcHj+2l4j/wGklbr5k2GN89RCUNz0HaUCyzRD/HRwCuLpFv7RPbCRqJ0bql+Mi/J/vuTxLVkl73oVQMmkilm+Cb+CEl36YnKRkEJJ15SQom7sWh68xyxoMnwACLqTcBOXZdCA4n4bUNs3AfhIk+JwVgLQUis0diTsurU+iK4RF+6BJxIc3vqHu45sRCZJvKy7JiaWgsi1dqo0FkI9CQk3JzNghKhAnW/C0RKk0vKEJyyrYTgfX28bKvTPGEtk9Xm8ILxztzzvfAJYagUlbmWkLD+m838Db1D9RotXn6xPpTBjqe0uKyS++C+pQAI5BMaZ9glSoN6a7iL8ENp3qO0ao0v3MxOSHevybxFEDZZFhcTF0drj4Tf+jA3CO2U9RXlNcez8+XAJ1mN/+Q7fAyqmbB++Xh3LGLpMGPi3EFhVC9el3PYyyn2nraHx5Wkgo4gn/CocLhxuP95dKiQ496WB5rzBQ+M=","associated_data":"transaction","nonce":"90309c4a0efe"}}',
    ),
    (
        "sealed, and no JSON",
        False,
        "1795162530",
        "6246d3898c85c576",
        SERIAL,
        "ZQXeRx5njmtsPk7isJ53nJqgKvupA6cK7xEx/ZJSuBckOHqNAnNsxwf4KizU+c0DdyE2BG2NZm4kNEAFaI4pkEcHap8S29Db3hKxkdtJ63rkY4lS0Vk4PPXvHArZ98lyqh/si+scsZYYUMVy6hpVweOXpKp/ffQsaHiG+4KpP/7HY/f4TXdWsMpLXAxRWZSyp6zaQ/jBIAZyoOgC1Fvud+q7dSS/NT1Kz/A44559pU5tQDrQGAKKusgh7Y+QoPhB1E8Gq7pXW3/lG1wEsMl3ZxwgkEoyuacBH1z2jORt7M8vcZ+LgYPU4uW37jRQywOpn1B96Kf5ISRVkhToTMbTzA==",
        '{"id":"EV-202611200025","create_time":"2026-11-20T16:15:30+08:00","resource_type":"encrypt-resource","event_type":"TRANSACTION.SUCCESS","summary":"支付成功","resource":{"original_type":"transaction","algorithm":"AEAD_AES_256_GCM","ciphertext":"9fRpaqsVJeNI80or0mPFQubxa/E=","associated_data":"transaction","nonce":"9a4efab47d6b"}}',
    ),
    (
        "not JSON",
        False,
        "1795162530",
        "8c5446d1b4345be3",
        SERIAL,
        "YZanc4jPpf2k6PWQxvUPnNlLzHcU3LUiDRUStwXDLn7fBbhnVJwfiARQaWzUUjDXcBbPURVzZZwY6JSWF+mZiV9Dv+KJMXX8ABHgCUxanr7g5F5IZc61nqGQe8hWMF/r6HsQC426NpbvZQesSqJbz3mq48AAVMfu9OkFuZvV6K1BfxVkudPQmgpCzoUD6NrREbOPaDUsqu/D9ADAa01llYw+g3XR325ED+wo7D4Xjq48D9OdLDX41GZ8dXQ6uVuv1Z3d6tjIpJEq8aFPJggaAEZpP6RoQvkmOr8GakllL80NA+97ottipkcQejG1BkBWnbf2Ygrn6rLiiq2ozAcYEw==",
        "TRANSACTION.SUCCESS",
    ),
    (
        "too old",
        False,
        "1795162229",
        "3c4028a3077d55cd",
        SERIAL,
        "gKTqZzEoArYj+VIUMsIQ3FROgGv2cLaCQhWeQjEuOQvVTdSPlEBWFF7tmEqunX7Vn3wi56ok/1UDAbBC40w92lqjZQuPgYhH4rptCu7xH5F+rKu3XJvzVqk69GNO1hNLeay196ENq3fTVvDcMV+QKxKawGtYNOEodtZ8yEtgwadj91gOyO0hJBWMjFAu7vlOYGwxYAig8qFopnrKgNKPxGCOqVmWcMWB0iX2DULPQfVI6F/Ip97x0XO/6ZNp3ULdi2cIwrljsgfW1hXO3emGK9jRWvtX24K8IUCw1TXRdc6c0+/MuFDH4UMuUp9qSlg2dkYtSAPUfILiwTpGoPG1zQ==",
        '{"id":"EV-202611200026","create_time":"2026-11-20T16:15:30+08:00","resource_type":"encrypt-resource","event_type":"TRANSACTION.SUCCESS","summary":"支付成功","resource":{"original_type":"transaction","algorithm":"AEAD_AES_256_GCM","ciphertext":"B1MiYJmAfCr+hbrKo42VggzcmD8/zbOw5vFqqHMi+wkOUi8/Rl4alXnKIYI85r80kMS2ojU5YlOHH0xn8oaEmfAKrbnYzKP9xB9dT/SwcAAeB4RNiE+MW2uenyeP37pjQStLG49YjOWIAK4LdtjWNVeeDtyblUD2Bvne5rA07e/mutIU/V6erY13ckKoCZG6h3cRYVk03gvYoXzn99zrreJ7MFofg8kf+KPcwpV9F7s3c5/t2OOENtvY9w8xCEEJ1VSohSzeNatjLVJt0sacWyqQi6ApAzZILs+xqECabBV3nLNcJ2b04DBYnKt7DuMErM9KFkUndHv2VnjRK81j+xcC42qqwzfv5nhOsRaL8o7ne1lUpM4mv/+elsqUIPw0I2EGS3+2S1wC7P6/NNbqqf2Es8L2ipMTx6b2tpOEDMLuimQXw+gZIw73qHajVrCkoxTKVDa5r9LSoZ/tPPiLE6aXT2CBBoo+eZC5yySxPGCXT1s90PJGKFzVdXMvtu8SLnHVu2E4ADYbuPf8M9ot0niWF9Qqrw/A4ZnCtN7DLg+znZJXTjgfl/u8REatSI40/hgE4JkjjA9w+MupYAsfiy+1G70=","associated_data":"transaction","nonce":"394558bd3b45"}}',
    ),
    (
        "from the future",
        False,
        "1795162831",
        "d822b9504f31fe5f",
        SERIAL,
        "kt93lSe5PXDp/8THFrgx+Gnr8HYCHqvckFQPPjGm4vX95zXUU0bc4XqY8sqTVZ1u7MfpYNlPHRs0SIZLledG17Gr6kKzcLQPhGhemBQJbMgPn/pE405RX1RpCRSyMHIXRQ+LggGoO/RmsI+iMC84v/MK+hFPFYqh6e5uGJqcVgrR4s997Awd1OJC3qOEzd58WRKCgORV4Vufv+uiT8+f8nBVk2uXxqF07KoqRORV66ex59AXlrQX8+jALJIVeNkGhl2W/2lu8fPX3Ylt04nSU0RHlUCkpGh8uWYeArKS2/SNctOCDSX00oa6sZObFrNSkpiJ+vZDmGHrKgnzbXR6hg==",
        '{"id":"EV-202611200026","create_time":"2026-11-20T16:15:30+08:00","resource_type":"encrypt-resource","event_type":"TRANSACTION.SUCCESS","summary":"支付成功","resource":{"original_type":"transaction","algorithm":"AEAD_AES_256_GCM","ciphertext":"B1MiYJmAfCr+hbrKo42VggzcmD8/zbOw5vFqqHMi+wkOUi8/Rl4alXnKIYI85r80kMS2ojU5YlOHH0xn8oaEmfAKrbnYzKP9xB9dT/SwcAAeB4RNiE+MW2uenyeP37pjQStLG49YjOWIAK4LdtjWNVeeDtyblUD2Bvne5rA07e/mutIU/V6erY13ckKoCZG6h3cRYVk03gvYoXzn99zrreJ7MFofg8kf+KPcwpV9F7s3c5/t2OOENtvY9w8xCEEJ1VSohSzeNatjLVJt0sacWyqQi6ApAzZILs+xqECabBV3nLNcJ2b04DBYnKt7DuMErM9KFkUndHv2VnjRK81j+xcC42qqwzfv5nhOsRaL8o7ne1lUpM4mv/+elsqUIPw0I2EGS3+2S1wC7P6/NNbqqf2Es8L2ipMTx6b2tpOEDMLuimQXw+gZIw73qHajVrCkoxTKVDa5r9LSoZ/tPPiLE6aXT2CBBoo+eZC5yySxPGCXT1s90PJGKFzVdXMvtu8SLnHVu2E4ADYbuPf8M9ot0niWF9Qqrw/A4ZnCtN7DLg+znZJXTjgfl/u8REatSI40/hgE4JkjjA9w+MupYAsfiy+1G70=","associated_data":"transaction","nonce":"394558bd3b45"}}',
    ),
    (
        "no signature",
        False,
        "1795162530",
        "39c72276d7e78a7d",
        SERIAL,
        "",
        '{"id":"EV-202611200026","create_time":"2026-11-20T16:15:30+08:00","resource_type":"encrypt-resource","event_type":"TRANSACTION.SUCCESS","summary":"支付成功","resource":{"original_type":"transaction","algorithm":"AEAD_AES_256_GCM","ciphertext":"B1MiYJmAfCr+hbrKo42VggzcmD8/zbOw5vFqqHMi+wkOUi8/Rl4alXnKIYI85r80kMS2ojU5YlOHH0xn8oaEmfAKrbnYzKP9xB9dT/SwcAAeB4RNiE+MW2uenyeP37pjQStLG49YjOWIAK4LdtjWNVeeDtyblUD2Bvne5rA07e/mutIU/V6erY13ckKoCZG6h3cRYVk03gvYoXzn99zrreJ7MFofg8kf+KPcwpV9F7s3c5/t2OOENtvY9w8xCEEJ1VSohSzeNatjLVJt0sacWyqQi6ApAzZILs+xqECabBV3nLNcJ2b04DBYnKt7DuMErM9KFkUndHv2VnjRK81j+xcC42qqwzfv5nhOsRaL8o7ne1lUpM4mv/+elsqUIPw0I2EGS3+2S1wC7P6/NNbqqf2Es8L2ipMTx6b2tpOEDMLuimQXw+gZIw73qHajVrCkoxTKVDa5r9LSoZ/tPPiLE6aXT2CBBoo+eZC5yySxPGCXT1s90PJGKFzVdXMvtu8SLnHVu2E4ADYbuPf8M9ot0niWF9Qqrw/A4ZnCtN7DLg+znZJXTjgfl/u8REatSI40/hgE4JkjjA9w+MupYAsfiy+1G70=","associated_data":"transaction","nonce":"394558bd3b45"}}',
    ),
    (
        "a signature that is no base64",
        False,
        "1795162530",
        "0119dd6f81af3a64",
        SERIAL,
        "****",
        '{"id":"EV-202611200026","create_time":"2026-11-20T16:15:30+08:00","resource_type":"encrypt-resource","event_type":"TRANSACTION.SUCCESS","summary":"支付成功","resource":{"original_type":"transaction","algorithm":"AEAD_AES_256_GCM","ciphertext":"B1MiYJmAfCr+hbrKo42VggzcmD8/zbOw5vFqqHMi+wkOUi8/Rl4alXnKIYI85r80kMS2ojU5YlOHH0xn8oaEmfAKrbnYzKP9xB9dT/SwcAAeB4RNiE+MW2uenyeP37pjQStLG49YjOWIAK4LdtjWNVeeDtyblUD2Bvne5rA07e/mutIU/V6erY13ckKoCZG6h3cRYVk03gvYoXzn99zrreJ7MFofg8kf+KPcwpV9F7s3c5/t2OOENtvY9w8xCEEJ1VSohSzeNatjLVJt0sacWyqQi6ApAzZILs+xqECabBV3nLNcJ2b04DBYnKt7DuMErM9KFkUndHv2VnjRK81j+xcC42qqwzfv5nhOsRaL8o7ne1lUpM4mv/+elsqUIPw0I2EGS3+2S1wC7P6/NNbqqf2Es8L2ipMTx6b2tpOEDMLuimQXw+gZIw73qHajVrCkoxTKVDa5r9LSoZ/tPPiLE6aXT2CBBoo+eZC5yySxPGCXT1s90PJGKFzVdXMvtu8SLnHVu2E4ADYbuPf8M9ot0niWF9Qqrw/A4ZnCtN7DLg+znZJXTjgfl/u8REatSI40/hgE4JkjjA9w+MupYAsfiy+1G70=","associated_data":"transaction","nonce":"394558bd3b45"}}',
    ),
    (
        "a probe",
        False,
        "1795162530",
        "aae9b32c5dd8a36b",
        SERIAL,
        "WECHATPAY/SIGNTEST/2t4Thl3oDZeC8W67oIj+MxJZAztGdpdWEwVyfWISbwFhanGW0xr+p3mWHl1DbahzfQtb+JicxDeYLJqNAijs4Zi5yJiH00bjE68PGQIZGU/c0n3WGvV1OMz15EzYq7+R5lXxWbJF4Fdno2UKKrIYYziOTSxBaftGZCe42a49oFgg9CUKX+S/1+l/XdhS1YTjIW6A28gSUQa70dN8fMosCwxBpUKKoJ6CAtHhdjIqoPOVzgpYnvyCEt7ECOIQUZV6eCOjpiPgJ19xotu/aBFgs9++XtMD+CgfiuoI5VL/GzGG/ma1w9nhu45xieSpHy8tO0g==",
        '{"id":"EV-202611200026","create_time":"2026-11-20T16:15:30+08:00","resource_type":"encrypt-resource","event_type":"TRANSACTION.SUCCESS","summary":"支付成功","resource":{"original_type":"transaction","algorithm":"AEAD_AES_256_GCM","ciphertext":"B1MiYJmAfCr+hbrKo42VggzcmD8/zbOw5vFqqHMi+wkOUi8/Rl4alXnKIYI85r80kMS2ojU5YlOHH0xn8oaEmfAKrbnYzKP9xB9dT/SwcAAeB4RNiE+MW2uenyeP37pjQStLG49YjOWIAK4LdtjWNVeeDtyblUD2Bvne5rA07e/mutIU/V6erY13ckKoCZG6h3cRYVk03gvYoXzn99zrreJ7MFofg8kf+KPcwpV9F7s3c5/t2OOENtvY9w8xCEEJ1VSohSzeNatjLVJt0sacWyqQi6ApAzZILs+xqECabBV3nLNcJ2b04DBYnKt7DuMErM9KFkUndHv2VnjRK81j+xcC42qqwzfv5nhOsRaL8o7ne1lUpM4mv/+elsqUIPw0I2EGS3+2S1wC7P6/NNbqqf2Es8L2ipMTx6b2tpOEDMLuimQXw+gZIw73qHajVrCkoxTKVDa5r9LSoZ/tPPiLE6aXT2CBBoo+eZC5yySxPGCXT1s90PJGKFzVdXMvtu8SLnHVu2E4ADYbuPf8M9ot0niWF9Qqrw/A4ZnCtN7DLg+znZJXTjgfl/u8REatSI40/hgE4JkjjA9w+MupYAsfiy+1G70=","associated_data":"transaction","nonce":"394558bd3b45"}}',
    ),
    (
        "a key that is not WeChat Pay's",
        False,
        "1795162530",
        "4dd80ea650d05466",
        "PUB_KEY_ID_0000000000000000000000000000",
        "aeneQ6fzRIRl2CWofOnMScsKAa5OdYADgXBCJtLruGlvDtI7YQWq3wjrgOPwnUgsLQEM2CjlwD8y2v2WTwz8EpnSnFBrG4E82v4+SJ99fmD0/+eZQjbV2vpDrpGTXhLR6PxBudBUqKCqkTlhKArbxxzFVZS5ixipnhhXssXHNeWQU22gNSDUm0IwKQpUOeUePeCadvunA/bt3b8DY2Hzr3R7HyPxpG6Qr2om7GjIma3KWNdl06gx9WlLVMzH3eOtDKgtLQkaDZsqYdKZu0KdQxeNrMXbCQACf847eKhEtgyOG8nZ8MVPFkfRgi0g8POBCcNaaKQ8k7/ULH9Zi+zJzg==",
        '{"id":"EV-202611200026","create_time":"2026-11-20T16:15:30+08:00","resource_type":"encrypt-resource","event_type":"TRANSACTION.SUCCESS","summary":"支付成功","resource":{"original_type":"transaction","algorithm":"AEAD_AES_256_GCM","ciphertext":"B1MiYJmAfCr+hbrKo42VggzcmD8/zbOw5vFqqHMi+wkOUi8/Rl4alXnKIYI85r80kMS2ojU5YlOHH0xn8oaEmfAKrbnYzKP9xB9dT/SwcAAeB4RNiE+MW2uenyeP37pjQStLG49YjOWIAK4LdtjWNVeeDtyblUD2Bvne5rA07e/mutIU/V6erY13ckKoCZG6h3cRYVk03gvYoXzn99zrreJ7MFofg8kf+KPcwpV9F7s3c5/t2OOENtvY9w8xCEEJ1VSohSzeNatjLVJt0sacWyqQi6ApAzZILs+xqECabBV3nLNcJ2b04DBYnKt7DuMErM9KFkUndHv2VnjRK81j+xcC42qqwzfv5nhOsRaL8o7ne1lUpM4mv/+elsqUIPw0I2EGS3+2S1wC7P6/NNbqqf2Es8L2ipMTx6b2tpOEDMLuimQXw+gZIw73qHajVrCkoxTKVDa5r9LSoZ/tPPiLE6aXT2CBBoo+eZC5yySxPGCXT1s90PJGKFzVdXMvtu8SLnHVu2E4ADYbuPf8M9ot0niWF9Qqrw/A4ZnCtN7DLg+znZJXTjgfl/u8REatSI40/hgE4JkjjA9w+MupYAsfiy+1G70=","associated_data":"transaction","nonce":"394558bd3b45"}}',
    ),
    (
        "a certificate that is not known",
        False,
        "1795162530",
        "9135b55399a587b9",
        "5157F09EFDC096DE15EBE81A47057A7232F1B8E1",
        "XbicMSweVwgT4p7ROjxaBDJtofHmFPBs0hBw1T2OKbFy++wJLgfyhp7ihrrgWBPyvvgTvXyOQxfnam59KAShIn0tkVuh483ehUPs6jv6DqZudwNRu5yovyzHjnivXF9IPbD/coZBQxWZwd/c9Z6QQ2aTXihSrDszopUQqCwC1spZNoxvvL0Ta76T/WZyO9UUNi5qWENvdRrr5Uw+yVDSvxQelkXBdKqElHr9nhKctr4FA4G/VKaBy71OJeoWfO+ddi2TuU+whwZn/BneUIus04J/DB+B2jsvgPA0rtt1cuf7ABQUQYiHkD4f68KTcBP4xpQEcgVQfjblRcv9Ekt/HA==",
        '{"id":"EV-202611200026","create_time":"2026-11-20T16:15:30+08:00","resource_type":"encrypt-resource","event_type":"TRANSACTION.SUCCESS","summary":"支付成功","resource":{"original_type":"transaction","algorithm":"AEAD_AES_256_GCM","ciphertext":"B1MiYJmAfCr+hbrKo42VggzcmD8/zbOw5vFqqHMi+wkOUi8/Rl4alXnKIYI85r80kMS2ojU5YlOHH0xn8oaEmfAKrbnYzKP9xB9dT/SwcAAeB4RNiE+MW2uenyeP37pjQStLG49YjOWIAK4LdtjWNVeeDtyblUD2Bvne5rA07e/mutIU/V6erY13ckKoCZG6h3cRYVk03gvYoXzn99zrreJ7MFofg8kf+KPcwpV9F7s3c5/t2OOENtvY9w8xCEEJ1VSohSzeNatjLVJt0sacWyqQi6ApAzZILs+xqECabBV3nLNcJ2b04DBYnKt7DuMErM9KFkUndHv2VnjRK81j+xcC42qqwzfv5nhOsRaL8o7ne1lUpM4mv/+elsqUIPw0I2EGS3+2S1wC7P6/NNbqqf2Es8L2ipMTx6b2tpOEDMLuimQXw+gZIw73qHajVrCkoxTKVDa5r9LSoZ/tPPiLE6aXT2CBBoo+eZC5yySxPGCXT1s90PJGKFzVdXMvtu8SLnHVu2E4ADYbuPf8M9ot0niWF9Qqrw/A4ZnCtN7DLg+znZJXTjgfl/u8REatSI40/hgE4JkjjA9w+MupYAsfiy+1G70=","associated_data":"transaction","nonce":"394558bd3b45"}}',
    ),
)

_HEADERS: Final = ("wechatpay-timestamp", "wechatpay-nonce", "wechatpay-serial", "wechatpay-signature")
VECTORS: Final = tuple(
    Vector(name, dict(zip(_HEADERS, headers, strict=True)), body.encode(), accepted, at=AT)
    for name, accepted, *headers, body in _ROWS
)


def example(directory: Path, base_url: str) -> WechatpaySettings:
    """Settings under which VECTORS hold, with a merchant key of this process."""
    key, certificate = _merchant()
    files = {
        "apiclient_key.pem": key,
        "apiclient_cert.pem": certificate,
        "apiv3.key": API_V3_KEY,
        "pub_key.pem": PLATFORM_KEY,
    }
    for name, content in files.items():
        (directory / name).write_text(content)
    return WechatpaySettings(
        base_url=base_url,
        merchant_id=MERCHANT,
        app_id=APP,
        private_key_file=directory / "apiclient_key.pem",
        certificate_file=directory / "apiclient_cert.pem",
        api_v3_key_file=directory / "apiv3.key",
        platform_public_key_id=SERIAL,
        platform_public_key_file=directory / "pub_key.pem",
        timeout_s=2.0,
    )


@cache
def _merchant() -> tuple[str, str]:
    """A merchant's key and certificate, PEM."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, MERCHANT)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(AT - timedelta(days=365))
        .not_valid_after(AT + timedelta(days=1825))
        .sign(key, SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pem.decode(), certificate.public_bytes(serialization.Encoding.PEM).decode()
