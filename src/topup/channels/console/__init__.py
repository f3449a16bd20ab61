"""The console: where staff sign in, see what a person must decide, and decide it, two of them where money is at stake.

The room promises: nothing is shown or done without a session and the permission it needs; every form carries the
session's token; what is done is in the audit trail; all of it works with keys alone and without JavaScript.

Public face: `router.create_console_router`.
"""
