"""The bench inside its own portal; ``manage.py bench`` starts it there.

    python -m declarations.bench ORDERS PEER_ORDERS REPEAT FOLDER

Prints what it does and the table; writes the figures into bench.json of the folder.
"""

import json
import os
import sys
from pathlib import Path

import django

from portal import services

os.environ["PORTAL_PROCESS"] = "worker"
os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
services.attach()
django.setup()

from declarations.bench.figures import table  # noqa: E402
from declarations.bench.run import Sizes, measure  # noqa: E402


def main() -> None:
    """Measure and write."""
    orders, peer_orders, repeat = map(int, sys.argv[1:4])
    folder = Path(sys.argv[4])
    figures = measure(Sizes(orders, peer_orders, repeat), folder, lambda text: print(text, flush=True))
    print("\n" + "\n".join(table(figures)), flush=True)
    said = json.dumps([one.as_json() for one in figures], ensure_ascii=False, indent=1)
    (folder / "bench.json").write_text(said + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
