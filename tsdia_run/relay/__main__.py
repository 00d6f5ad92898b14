"""Run by path, without site-packages: ``python -S -E …/tsdia_run/relay/__main__.py "tsdia_run relay" SPEC``."""

import json
import os
import sys

# Found through this file, since `-S` leaves installed packages out.
sys.path[0] = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from tsdia_run.relay.pump import pump  # noqa: E402

if __name__ == "__main__":
    spec = json.loads(sys.argv[2])
    pump(spec["log"], spec["stdout"], spec["stderr"], spec["control"])
