"""plugins/carriers"""
