"""Start processes with every start method, with functions and classes of ``__main__``; test_bootstrap runs it both
ways.
"""

import json
import multiprocessing
import os
import sys
from dataclasses import dataclass
from typing import Any


@dataclass
class Item:
    number: int


def double(item: Item) -> Item:
    return Item(2 * item.number)


def end_badly(path: str) -> None:
    with open(path, "a", encoding="utf-8") as file:
        file.write("ended\n")
    sys.exit(4)


if __name__ == "__main__":
    results = {}
    for method in multiprocessing.get_all_start_methods():
        context: Any = multiprocessing.get_context(method)
        with context.Pool(1) as pool:
            results[method] = [item.number for item in pool.map(double, [Item(1), Item(2)])]
        process = context.Process(target=end_badly, args=(sys.argv[1],))
        process.start()
        process.join()
        results[f"{method} exit"] = [process.exitcode or 0]
    child = os.fork()
    if child:
        results["fork to the end"] = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])]
        json.dump(results, sys.stdout)
    else:
        sys.exit(5)
