"""The plan of one's own line: what it includes and when it renews, the others by what one really used, and changing it.

Public face: `routes.plan_routes`.
"""
