"""How gunicorn serves the pages: 2 processes of 4 threads; read by `gunicorn -c python:portal.gunicorn_settings`."""

import os
import signal
from typing import Any

from portal.services import die_with_parent

bind = f"{os.environ.get('PORTAL_HOST') or '127.0.0.1'}:{os.environ.get('PORTAL_PORT') or 8000}"
workers = int(os.environ.get("PORTAL_WEB_PROCESSES") or 2)
threads = int(os.environ.get("PORTAL_WEB_THREADS") or 4)
worker_class = "gthread"
timeout = 60
graceful_timeout = 10
keepalive = 15
control_socket_disable = True
accesslog = None


def post_fork(server: Any, worker: Any) -> None:
    """A worker must not outlive the arbiter, even when that was killed without warning."""
    die_with_parent(signal.SIGTERM)
