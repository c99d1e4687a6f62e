"""What the pages of the ledger show, worked out for the templates; the views only fetch and render."""
