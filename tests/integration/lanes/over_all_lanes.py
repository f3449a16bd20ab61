"""What may look over all lanes, and why: `table by index`, as the database itself tells how it went."""

from tests.integration.lanes.of_cards import LINES_OVER_ALL_LANES

OVER_ALL_LANES = LINES_OVER_ALL_LANES | {
    # Sweeps find what is due by an index that has nothing else. What they then change, they change by lane.
    "ledger.buckets by buckets_due",
    "ledger.holds by holds_due",
    "orders.orders by orders_to_expire",
    "orders.orders by orders_with_offers_due",
    "orders.orders by orders_with_points_due",
    "orders.put_off by put_off_due",
    "orders.schedule_runs by schedule_runs_due",
    "orders.schedules by schedules_due",
    "orders.schedules by schedules_to_keep",
    "payments.instruments by instruments_to_forget",
    "payments.agreements by agreements_to_ask",
    "payments.keepings by keepings_to_ask",
    "payments.disputes by disputes_to_ask",
    "payments.payments by payments_to_ask",
    "payments.refunds by refunds_due",
    "payments.inbox by inbox_open",
    "charging.shares by shares_due",
    "payments.bank_entries by bank_entries_to_tell",
    "payments.credit_slips by credit_slips_shown",
    # How many codes are live is what guessing is measured against.
    "orders.pay_codes by pay_codes_ending",
    # A payment with which somebody leaves a card lies in its order's lane; it is not kept for who leaves the house.
    "payments.keepings by keepings_of_subscriber",
    # Somebody's schedules lie in the lanes of the lines they top up.
    "orders.schedules by schedules_of_subscriber",
    # Who is signed in tops up for the first time in no lane: their orders lie in those of the lines they topped up.
    "orders.orders by orders_of_payer",
    # A link lies in a lane of chance, which tells nothing of its number; who made it may list it.
    "orders.links by links_of_maker",
    "orders.links by links_ending",
    # What was sent to a line lies in its senders' lanes.
    "charging.shares by shares_received",
    # The bill of a day is of all payments of a method.
    "payments.balance_payments by balance_payments_paid",
    "payments.balance_refunds by balance_refunds_at",
    "payments.bank_entries by bank_entries_booked",
    "payments.card_backs by card_backs_by_day",
    "payments.card_charges by card_charges_by_day",
    "payments.cash_refunds by cash_refunds_by_day",
    "payments.cash_takings by cash_takings_by_day",
    "payments.credit_slips by credit_slips_by_day",
    "payments.transfer_returns by transfer_returns_sent",
    "payments.voucher_answers by voucher_answers_paid",
    # What a bank sent lies in the lane of its reference there, which is known before it is known whom it is for; a
    # person who is to find out is shown payments of the same amount.
    "payments.bank_entries by bank_entries_of_payment",
    "payments.transfer_codes by transfer_codes_of_amount",
    # A till is known by its name, and counted once a day over the payments that it took.
    "payments.till_sessions by till_sessions_open",
    "payments.till_sessions by till_sessions_of_keeper",
    "orders.counter_sales by counter_sales_of_session",
    # A terminal's batch is of all payments that it took since the one before.
    "payments.card_backs by card_backs_open",
    "payments.card_charges by card_charges_open",
    # A slip counts once in all of them, for what was paid and for what goes back.
    "payments.card_backs by card_backs_by_slip",
    "payments.card_charges by card_charges_by_slip",
    "payments.cash_refunds by cash_refunds_of_session",
    "payments.cash_takings by cash_takings_of_session",
    # A row for each lane and year.
    "orders.receipt_counters by receipt_counters_pkey",
    # A batch lies in all lanes; who is asked by a serial number has no PIN to say which.
    "payments.vouchers by vouchers_of_batch",
    "payments.vouchers by vouchers_by_serial",
}
"""Every way in which rows of a hot table are reached without their lane."""
