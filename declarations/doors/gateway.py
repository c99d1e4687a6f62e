"""The door for customs' answers (step 8 of the walk): keep the bytes, say so, nothing else."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from accounts.access import gateway
from declarations.exchange import inbox

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
