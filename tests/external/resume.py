"""Interrupts a run in the middle, several times over, resumes it with other numbers of threads, and compares its bytes with an undisturbed run's.

    resume.py PGFLOW DIR CONFIG [--set KEY=VALUE]…
"""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

INTERRUPTED = 75


def run(command, seconds=None):
    """The exit code; with a signal after some seconds, if it still runs then."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    if seconds is not None:
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
    return process.wait()


def main(arguments):
    if len(arguments) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    program, directory, config, *more = arguments
    whole, part = Path(directory) / "whole", Path(directory) / "part"
    command = lambda out: [program, "run", config, "-q", "-o", str(out), *more]
    begin = time.monotonic()
    expected = run(command(whole))
    length = time.monotonic() - begin
    rng, code, interruptions, tries = random.Random(3), INTERRUPTED, 0, 0
    while code == INTERRUPTED or interruptions < 2:
        # What is interrupted too late begins again; a machine under load is given more tries.
        if tries > 12:
            print(f"{config}: only {interruptions} interruptions in {tries} tries")
            return 1
        again = part.exists() and code == INTERRUPTED
        resume = ["--resume"] if again else ["--force"]
        seconds = None if interruptions >= 3 else rng.uniform(0.1, 0.6) * length / (1 + tries // 4)
        code = run(command(part) + resume + ["--threads", str(1 + tries % 2)], seconds)
        interruptions = interruptions * again + (code == INTERRUPTED)
        tries += 1
    files = [file for file in sorted(whole.iterdir()) if file.suffix in (".csv", ".npz")]
    differ = [file.name for file in files if file.read_bytes() != (part / file.name).read_bytes()]
    same = not differ and code == expected
    codes = f"exit codes {expected} and {code}"
    print(f"{config} {' '.join(more)}: {length:.1f} s, {interruptions} interruptions, {codes}, files that differ: {differ or 'none'}")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
