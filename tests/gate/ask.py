"""Asks the gate, in a process of its own: `python -m tests.gate.ask LOCATION OPTIONS`. ask.mjs does so in Node."""

import json
import sys
import time

from reconciler.gate import Gate
from tests.gate.builders import admitted, checked

if __name__ == "__main__":
    gate = Gate(sys.argv[1], **json.loads(sys.argv[2]))
    for line in sys.stdin:
        word, *question = json.loads(line)
        start = time.monotonic()
        said = {"check": checked, "admit": admitted}[word](gate, *question)
        print(json.dumps({"said": said, "seconds": time.monotonic() - start}), flush=True)
