"""Help: finding out what is the matter and whose turn it is, tickets, what is asked for afterwards, what is official.

The room promises: every diagnosis ends in who must act and one next step, and shows what was checked; what is asked for
goes through the operations of orders, never around them; of a wrong number nothing is promised that cannot be kept;
what people write is sealed; a link that is asked about is read as text, and never fetched.

Public face: `desk.Care`.
"""
