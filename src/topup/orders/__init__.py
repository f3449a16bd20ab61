"""The one life of a top-up, whatever the channel: quote -> pay -> deliver -> settle | refund.

The room promises: a price that was signed is the price that is paid; one order keeps at most one payment, and every
other money that comes goes back; what was paid for is delivered once or refunded; what is unknown is asked about; each
change of state is written with its history in one transaction.

Public face: `desk.Desk` (what every channel calls), `views` (what it shows), `tasks` (what runs by itself).
"""
