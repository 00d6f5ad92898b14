"""Write the environment to the file in the first argument; a rank appends its number to the file's name."""

import json
import os
import sys

with open(sys.argv[1] + os.environ.get("RANK", ""), "w", encoding="utf-8") as file:
    json.dump({"environ": dict(os.environ), "argv": sys.argv}, file)
