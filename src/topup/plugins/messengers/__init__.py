"""plugins/messengers"""
