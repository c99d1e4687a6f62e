"""Whether the portal moves: the ages of the oldest unsent and the oldest unread message, for whoever watches it."""

from datetime import datetime

from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

#: A message older than this is late: sweeps run every two seconds, the longest wait between attempts is five minutes.
LATE_SECONDS = 600


@never_cache
@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """Always 200 while pages and database answer; ``status`` is ``late`` when messages pile up. Ages in seconds."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT unsent, unread FROM declarations_oldest()")
        unsent, unread = cursor.fetchone()
    ages = {"oldest_unsent_seconds": _age(unsent), "oldest_unread_seconds": _age(unread)}
    late = any(age > LATE_SECONDS for age in ages.values())
    return JsonResponse({"status": "late" if late else "ok", **ages})


def _age(moment: datetime | None) -> int:
    return max(int((timezone.now() - moment).total_seconds()), 0) if moment else 0
