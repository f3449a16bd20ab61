"""The REST API: the top-up for programs, events of gateways and carriers, and what monitors ask.

`routes.create_api_router` gives the router of all of it, which `platform.web.application` takes, and
`hooks.create_hooks_router` that of the events alone, which is quick to load.
"""
