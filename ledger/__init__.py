"""Whatever has a balance: guarantee accounts, tax bills, a buyer's yearly quota.

Empty until the first of them exists; it stands here so that the direction declarations → ledger → accounts is
checked from the first day.
"""
