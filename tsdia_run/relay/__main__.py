"""Run by path, without site-packages: ``python -S -E …/tsdia_run/relay/__main__.py "tsdia_run relay" SPEC``."""

import gc
import os
import sys

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# Not imported but only named: what the package itself imports is not for us.
_stub = type(sys)("tsdia_run")
_stub.__path__ = [_PACKAGE]
sys.modules["tsdia_run"] = _stub
# Files of ours beside this one must not hide the standard library's.
del sys.path[0]

from tsdia_run.relay.pump import Pump  # noqa: E402
from tsdia_run.relay.spec import Spec  # noqa: E402

if __name__ == "__main__":
    gc.disable()  # nothing here makes cycles
    Pump(Spec.parse(sys.argv[2])).run()
