"""The ways in and the pages, written once for all kinds of document."""
