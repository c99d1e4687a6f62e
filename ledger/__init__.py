"""Whatever has a balance: guarantee accounts, tax bills, and the tariff they rest on. Knows a document by its number only."""
