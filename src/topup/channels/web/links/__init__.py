"""Links that open a prepared top-up: the page a link leads to, and one's own links.

Public face: `routes.link_routes`.
"""
