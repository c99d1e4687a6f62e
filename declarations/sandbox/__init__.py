"""Pretended customs: a process and a database of its own. XML comes in over HTTP, receipts go out over HTTP, later.

Step 7 of the walk. Nothing of the portal is imported here but `declarations.published`, the facts that both sides may read.
The order of reading: gateway (bytes come in) → customs (what is decided) → release (from 120 on, step by step) →
delivery (receipts go out).
"""
