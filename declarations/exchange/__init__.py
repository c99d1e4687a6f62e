"""What goes to customs and comes back: envelope, signature, check, outbox, inbox, receipts, transport."""
