"""Print what a script can see of its start, as JSON; test_bootstrap runs it with and without the bootstrap."""

import inspect
import json
import pickle
import signal
import sys
from typing import Any

import __main__


class Point:
    def __init__(self, x: int) -> None:
        self.x = x


number: int = 3


def facts() -> dict[str, Any]:
    spec, loader = __spec__, __loader__  # type: ignore[name-defined]
    names = sorted(name for name in globals() if name.startswith("__"))
    return {
        "name": __name__,
        "argv": sys.argv,
        "path": sys.path,
        "file": __file__,
        "cached": globals().get("__cached__", "absent"),
        "doc": __doc__,
        "package": __package__,
        "spec": None if spec is None else [spec.name, spec.origin, spec.parent],
        "loader": [type(loader).__name__, loader.name, loader.path, loader.is_package(loader.name)],
        "dunder_names": names,
        "builtins": type(__builtins__).__name__,
        "annotations": sorted(__annotations__),
        "is_main": sys.modules["__main__"] is __main__ and __main__.__dict__ is globals(),
        "source": inspect.getsource(Point),
        "future": facts.__code__.co_flags & 0x1000000,
        "pickled": pickle.loads(pickle.dumps(Point(4))).x,
        "flags": repr(sys.flags),
        "warnings": sys.warnoptions,
        "xoptions": sorted(sys._xoptions),
        "sigint": str(signal.getsignal(signal.SIGINT)).split(" at ")[0],
        "modules": sorted(sys.modules),
    }


if __name__ == "__main__":
    json.dump(facts(), sys.stdout)
