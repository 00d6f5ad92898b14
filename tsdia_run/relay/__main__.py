"""Run by path, without site-packages: ``python -S -E …/tsdia_run/relay/__main__.py "tsdia_run relay" SPEC``.

The supervisor starts a second one from an archive of this folder (``supervise/relay_copy.py``).
"""

import gc
import os
import sys

# Register the packages without importing them: the relay doesn't need what they import. The folder may be an archive.
for _name in ("tsdia_run", "tsdia_run.relay"):
    sys.modules[_name] = type(sys)(_name)
sys.modules["tsdia_run.relay"].__path__ = [os.path.dirname(os.path.abspath(__file__))]
# Modules next to this file must not hide modules of the standard library.
del sys.path[0]

from tsdia_run.relay.pump import Pump  # noqa: E402
from tsdia_run.relay.spec import Spec  # noqa: E402

_KEPT_BYTES = 2 * 1024 * 1024

if __name__ == "__main__":
    gc.disable()  # the relay creates no reference cycles
    # glibc then keeps freed blocks up to this size, instead of returning them to the kernel for each read.
    bytes(_KEPT_BYTES)
    Pump(Spec.parse(sys.argv[2])).run()
