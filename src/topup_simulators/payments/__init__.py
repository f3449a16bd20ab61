"""What the simulators of payment gateways have in common, whatever wire they speak.

The book of payments and refunds, what a payer does, magic amounts, notices on a schedule, the controls of tests and the
frame of the pay page. A gateway adds its wire: how it reads what a merchant signed (`Enter`), how it tells the merchant
(`Voice`), and its interface, which turns the answers of `Cashier` into its own.
"""
