"""Runs pgflow and its peers alternating, and prints one table of ratios. `run.sh` prepares what it needs and calls it.

    main.py [--threads 1,2] [--json FILE] [--tolerances FILE] [--all | --list] ROW…

Of every peer the fastest of its forms is found first, in the same run; results are compared with pgflow's before anything is timed. Each process works alone
while the others wait; pauses let the workers of threaded libraries go to sleep, which otherwise spin on the second core. Times are medians of
blocks that alternate. Yardsticks are measured in the same blocks: a pass that only reads the ensemble, and NumPy's product of two
2000 × 2000 matrices. A ratio under 1.15 either way is a tie.
"""

import argparse
import json
import os
import sys
import tempfile
import time

from rows import ROWS, SETTINGS
from table import Load, Run, Unavailable, print_table


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--json", help="appends a line a row to this file")
    parser.add_argument("--tolerances", help="a file that keeps the tolerances found for flows from one call to the next")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("rows", nargs="*", metavar="ROW", help=", ".join(ROWS))
    arguments = parser.parse_args()
    if arguments.list:
        return print(*ROWS, sep="\n")
    names = list(ROWS) if arguments.all else arguments.rows
    unknown = [name for name in names if name not in ROWS]
    if unknown or not names:
        parser.error(f"name rows, or --all: {', '.join(ROWS)}" + (f" (there is no {unknown[0]})" if unknown else ""))
    kept = arguments.tolerances
    if kept and os.path.exists(kept):
        with open(kept) as file:
            SETTINGS.update(json.load(file))
    entries = []
    with tempfile.TemporaryDirectory(dir=os.environ.get("PEERS_WORK")) as directory:
        for name in names:
            for threads in map(int, arguments.threads.split(",")):
                run = Run(directory, threads, os.environ["PGFLOW"], os.environ["PEERS_BENCH"])
                begin, load = time.time(), Load()
                try:
                    found = ROWS[name](run)
                except Unavailable as problem:
                    print(f"!!! ROW {name} SKIPPED, {threads} threads: {problem}", file=sys.stderr)
                    continue
                finally:
                    run.close()
                entries += [dict(one, others=round(load.others(), 3)) for one in found]
                print(f"{name}, {threads} threads: {time.time() - begin:.0f} s", file=sys.stderr)
                if kept and SETTINGS:
                    with open(kept, "w") as out:
                        json.dump(SETTINGS, out)
                if arguments.json:
                    with open(arguments.json, "a") as out:
                        out.writelines(json.dumps(one) + "\n" for one in entries[-len(found) :])
    print_table(entries)


if __name__ == "__main__":
    main()
