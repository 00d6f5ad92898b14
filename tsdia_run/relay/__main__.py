"""Run by path, without site-packages: ``python -S -E …/tsdia_run/relay/__main__.py "tsdia_run relay" SPEC``.

The supervisor starts a second one from an archive of this folder (``supervise/relay_copy.py``).
"""

import gc
import os
import sys

# Not imported but only named: what the package itself imports is not for us. The folder may be an archive.
for _name in ("tsdia_run", "tsdia_run.relay"):
    sys.modules[_name] = type(sys)(_name)
sys.modules["tsdia_run.relay"].__path__ = [os.path.dirname(os.path.abspath(__file__))]
# Files of ours beside this one must not hide the standard library's.
del sys.path[0]

from tsdia_run.relay.pump import Pump  # noqa: E402
from tsdia_run.relay.spec import Spec  # noqa: E402

if __name__ == "__main__":
    gc.disable()  # nothing here makes cycles
    Pump(Spec.parse(sys.argv[2])).run()
