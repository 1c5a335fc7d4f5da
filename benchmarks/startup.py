"""Processor time that commands take to start, against their bounds.

Time of a busy machine's clock would measure its neighbours, so what is measured is the
processor time of the child process, user and system; the median of 15 runs. The ratio
to an empty Python program holds on machines of other speeds.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
RUNS = 15
BOUNDS_MS = {"--help": 150.0, "--version": 150.0, "status": 300.0}


def processor_ms(arguments: list[str], folder: str) -> float:
    """Median processor time in milliseconds; raises CalledProcessError where the program fails."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    times = []
    for _ in range(RUNS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, *arguments],
            cwd=folder,
            env=environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        times.append(used * 1000)
    return statistics.median(times)


def main() -> int:
    """Print the table; 1 when a bound is passed."""
    passed = True
    with tempfile.TemporaryDirectory() as folder:
        bare = processor_ms(["-c", "pass"], folder)
        print(f"{'command':<12}{'ms':>8}{'bound':>8}{'ratio':>8}")
        print(f"{'python':<12}{bare:>8.0f}{'':>8}{1:>8.1f}")
        for command, bound in BOUNDS_MS.items():
            used = processor_ms(["-m", "pipeline", command], folder)
            over = used > bound
            passed = passed and not over
            note = "  over its bound" if over else ""
            print(f"{command:<12}{used:>8.0f}{bound:>8.0f}{used / bare:>8.1f}{note}")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
