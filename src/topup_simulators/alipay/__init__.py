"""Alipay's open platform: gateway.do with RSA2, pages, QR codes, payment codes, notices as forms, the day's bill."""
