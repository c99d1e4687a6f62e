"""Values of a column that begin with a text, found by its index also behind the wall between enterprises."""

from django.db.models import Q

_LAST = chr(0x10FFFF)


def begins(column: str, text: str) -> Q:
    """As two comparisons: under row-level security an index serves only conditions the database calls leakproof.

    LIKE is none of them. The column has the collation C.
    """
    return Q(**{f"{column}__gte": text, f"{column}__lt": text + _LAST})
