"""The demonstration: invented trades, sample workbooks, and a clerk who takes them through the portal's own pages."""
