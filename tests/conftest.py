"""Fixtures for all tests. Each lives in a module of tests/support, named in `pytest_plugins`."""

pytest_plugins = [
    "tests.support.sockets",
    "tests.support.database",
    "tests.support.embedded",
    "tests.support.properties",
    "tests.support.desk",
    "tests.support.figures",
    "tests.support.simulators",
    "tests.support.browsing",
    "tests.support.sharing",
    "tests.support.usage",
    "tests.support.usage_sessions",
]
