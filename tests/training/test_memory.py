import subprocess
import sys

import pytest


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's own")
def test_large_blocks_are_kept_when_freed() -> None:
    """A block of 200 MB taken ten times asks the system for its pages once."""
    code = """
import resource
import numpy as np
from affetti.training.memory import keep_freed_memory
kept = keep_freed_memory()
np.ones(25_000_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(9):
    np.ones(25_000_000)
print(int(kept), resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    kept, faults = map(int, done.stdout.split())
    if not kept:
        pytest.skip("not glibc")
    assert faults < 1_000  # of 440,000 pages
