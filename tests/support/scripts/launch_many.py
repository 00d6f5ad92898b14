"""Run ``accelerate launch`` many times with one import of it: each in a fork, with its own environment and arguments.

Reads a list of {"environ": {...}, "argv": [...]} from the file in the first argument.
"""

import json
import os
import sys

from accelerate.commands.accelerate_cli import main

with open(sys.argv[1], encoding="utf-8") as file:
    cases = json.load(file)
for case in cases:
    child = os.fork()
    if not child:
        os.environ.clear()
        os.environ.update(case["environ"])
        sys.argv = ["accelerate", "launch", *case["argv"]]
        main()
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        sys.exit(f"failed: {case['argv']}")
