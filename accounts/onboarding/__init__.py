"""From a visitor to an enterprise that may file: what is applied for, by whom it is decided, what it then changes."""
