"""Write the environment to the file that is named first, with the rank's number behind its name if there is one."""

import json
import os
import sys

with open(sys.argv[1] + os.environ.get("RANK", ""), "w", encoding="utf-8") as file:
    json.dump({"environ": dict(os.environ), "argv": sys.argv}, file)
