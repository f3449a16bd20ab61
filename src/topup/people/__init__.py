"""The only home of personal data but line owners: where to send news, and who may call us.

Contacts are stored sealed, each bound to its own id, and are opened only to send. API keys are stored hashed.
Others use `operations`, `queries`, and the table of `permissions`.
"""
