"""The customer's display at /counter/display: a page that a till's second screen shows, and that follows by itself.

Public face: `router.create_display_router`.
"""
