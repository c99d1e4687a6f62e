"""What gunicorn loads in each of its workers."""

import os

from django.core.wsgi import get_wsgi_application

from portal import services

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
services.attach()
application = get_wsgi_application()
