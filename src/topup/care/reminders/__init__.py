"""Reminders: what somebody who has a line in their account is told of it, in the app and by whatever else they chose.

The room hears what comes about elsewhere (`hearing`): what is used up or ends, what a line becomes, what became of a
top-up. Each is a notice in the app at once, once for each cause. What of it goes by message, and when, is decided later
(`sending`), by what the reader has chosen by then. Each mail carries a link that stops its kind (`stopping`).
"""
