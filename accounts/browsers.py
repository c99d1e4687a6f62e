"""Which browsers somebody signed in with before. The browser itself keeps it, signed: nothing is stored of it here."""

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

from accounts.models import User

COOKIE = "known_here"
SALT = "accounts.browsers"
KEPT_SECONDS = 365 * 24 * 3600
#: So many people one browser is known by, the last ones.
MOST_PEOPLE = 20


def is_known(request: HttpRequest, user: User) -> bool:
    """Whether this person signed in with this browser within a year."""
    return user.pk in _people(request)


def remember(request: HttpRequest, response: HttpResponse, user: User) -> HttpResponse:
    """The response, which tells the browser to remember that this person signed in."""
    people = [*(one for one in _people(request) if one != user.pk), user.pk][-MOST_PEOPLE:]
    response.set_cookie(
        COOKIE,
        signing.dumps(people, salt=SALT),
        max_age=KEPT_SECONDS,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return response


def _people(request: HttpRequest) -> list[int]:
    """Who is remembered; a cookie that is not ours, or too old, says nobody."""
    try:
        found: list[int] = signing.loads(request.COOKIES.get(COOKIE, ""), salt=SALT, max_age=KEPT_SECONDS)
    except signing.BadSignature:
        return []
    return found
