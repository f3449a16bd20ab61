"""Messages to people: written in the transaction that makes the news, sent afterwards, in the recipient's language.

A message is a template's name and typed parameters; it is given its (sealed) address and looks nobody up. One piece of
news, named by its key, becomes one message. Whether a message arrived can be unknown; such a one is sent once more and
never a third time.
"""
