"""Runs a command, and prints its seconds and its peak memory in MiB as JSON.

A small process of its own: a child's peak counts the memory of the process that started it.
"""

import json
import os
import subprocess
import sys
from time import perf_counter

start = perf_counter()
with subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL) as process:
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
if process.returncode:
    sys.exit(f"{sys.argv[1:]} ended with {process.returncode}")
print(json.dumps({"seconds": perf_counter() - start, "peak": usage.ru_maxrss / 1024}))
