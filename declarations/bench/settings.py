"""The portal's settings with the peer's packages beside them; only the process of the usual way uses these."""

from portal.settings import *  # noqa: F403
from portal.settings import INSTALLED_APPS as OURS

INSTALLED_APPS = [*OURS, "import_export", "declarations.bench.apps.Bench"]
