"""The tables of benchmarks/README.md are what the rows of benchmarks/results make of them."""

import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parent.parent.parent / "benchmarks"


def test_tables_are_made_from_the_results():
    subprocess.run([sys.executable, BENCHMARKS / "tables.py", "--check"], check=True)
