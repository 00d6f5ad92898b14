"""Run by path, without site-packages: ``python -S -E …/tsdia_run/relay/__main__.py "tsdia_run relay" SPEC``."""

import gc
import os
import sys

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# Register the package without importing it: the relay doesn't need what it imports.
_stub = type(sys)("tsdia_run")
_stub.__path__ = [_PACKAGE]
sys.modules["tsdia_run"] = _stub
# Modules next to this file must not hide modules of the standard library.
del sys.path[0]

from tsdia_run.relay.pump import Pump  # noqa: E402
from tsdia_run.relay.spec import Spec  # noqa: E402

if __name__ == "__main__":
    gc.disable()  # the relay creates no reference cycles
    Pump(Spec.parse(sys.argv[2])).run()
