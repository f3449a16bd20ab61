"""What a person must decide, with the evidence, each thing listed once.

Other rooms list decisions with `operations.list_for_person`, inside the transaction that found the need; whoever
decides reads `queries.open_items`.
"""
