"""How gunicorn serves the pages: 2 processes of 8 threads, each waiting for 400 connections at once (web_worker.py).

Read by `gunicorn -c python:portal.gunicorn_settings`.
"""

import os
import signal
from typing import Any

from portal.servers import whole_number
from portal.services import die_with_parent

bind = f"{os.environ.get('PORTAL_HOST') or '127.0.0.1'}:{whole_number('PORTAL_PORT', 8000, most=65535)}"
workers = whole_number("PORTAL_WEB_PROCESSES", 2, most=64)
threads = whole_number("PORTAL_WEB_THREADS", 8, most=64)
worker_class = "portal.web_worker.PatientWorker"
worker_connections = 400
timeout = 60
graceful_timeout = 10
keepalive = 15
control_socket_disable = True
accesslog = None


def post_fork(server: Any, worker: Any) -> None:
    """A worker must not outlive the arbiter, even when that was killed without warning."""
    die_with_parent(signal.SIGTERM)
