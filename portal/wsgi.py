"""What gunicorn loads in each of its workers; it refuses to serve what the system checks refuse."""

import os

from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

from portal import services
from portal.admission import ReadableRequest

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
services.attach()
application = get_wsgi_application()
application.request_class = ReadableRequest
call_command("check", tags=["security"])
