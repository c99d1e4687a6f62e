"""Doors for machines: customs' answers (step 8 of the walk: keep the bytes, say so, nothing else) and the watch."""

from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from accounts.access import gateway
from accounts.credentials import present_environment
from declarations.exchange import inbox

#: Certificates that end within so many days are counted for the watch.
CERTIFICATE_DAYS = 30
#: Larger than any receipt message may be (100 receipts of a few kilobytes, or a refused message quoted whole).
MAX_BYTES = 16 * 1024 * 1024


@csrf_exempt
@require_POST
@gateway
def receive(request: HttpRequest) -> HttpResponse:
    """Store what was posted; 200 means it is kept and will be read. 400 for nothing, 413 for too much."""
    if int(request.headers.get("Content-Length") or 0) > MAX_BYTES:
        return HttpResponse(status=413)
    raw = request.read(MAX_BYTES + 1)
    if not raw:
        return HttpResponse(status=400)
    if len(raw) > MAX_BYTES:
        return HttpResponse(status=413)
    inbox.store(raw)
    return HttpResponse("OK", content_type="text/plain")


@require_GET
def health(request: HttpRequest) -> HttpResponse:
    """Whether pages and database answer, how long the oldest message waits (seconds, null for none), how many need a
    person, in how many things the books differ from customs, how long the record of deeds waits for its seal, and how many
    certificates in use end soon."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT oldest_unsent, oldest_unread, waiting_for_a_person, open_discrepancies, oldest_discrepancy, "
            "oldest_unsealed, ending_soon, first_ends_in_days "
            "FROM declarations_health(), ledger_health(), accounts_health(), accounts_certificates_health(%s, %s)",
            [present_environment(), CERTIFICATE_DAYS],
        )
        (
            oldest_unsent, oldest_unread, waiting, open_discrepancies, oldest_discrepancy, unsealed, *certificates
        ) = cursor.fetchone()  # fmt: skip
    return JsonResponse(
        {
            "outbox_oldest_due_seconds": oldest_unsent,
            "inbox_oldest_unread_seconds": oldest_unread,
            "waiting_for_a_person": waiting,
            "open_discrepancies": open_discrepancies,
            "oldest_discrepancy_seconds": oldest_discrepancy,
            "audit_oldest_unsealed_seconds": unsealed,
            f"certificates_ending_within_{CERTIFICATE_DAYS}_days": certificates[0],
            "first_certificate_ends_in_days": certificates[1],
        }
    )
