"""Runs a command; its output goes to stderr but for what it writes to stdout, and the last line is its seconds.

    python time_command.py COMMAND [ARGUMENT …]
"""

import json
import resource
import subprocess
import sys
import time

start = time.perf_counter()
code = subprocess.run(sys.argv[1:], check=False).returncode
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
seconds = {"processor": usage.ru_utime + usage.ru_stime, "wall": time.perf_counter() - start}
print(json.dumps(seconds), flush=True)
sys.exit(code)
