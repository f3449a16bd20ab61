"""plugins/payments"""
