"""Many random programs, each run plain and traced; failures are printed made small.

python -m tests.fuzz --count 10000 --seed 0
"""

from __future__ import annotations

import argparse
import collections
import random
import signal
import tempfile
import traceback

from tests.fuzz.comparison import Difference, Refusal, compare
from tests.fuzz.writer import Program, write

SECONDS = 10


class TooLong(Exception):
    """A program or its trace does not end."""


def verdict(program: Program, folder: str | None) -> tuple[str, str]:
    """What became of it, and the message if that is bad."""
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(SECONDS)
    try:
        return compare(program, folder), ""
    except Refusal as refusal:
        return "refused", str(refusal).split("\n")[0]
    except Difference as difference:
        return "different", str(difference)
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        return "crashed", f"{type(error).__name__}: {error} ({last.filename}:{last.lineno})"
    finally:
        signal.alarm(0)


def _too_long(number: int, frame: object) -> None:
    raise TooLong(f"more than {SECONDS} seconds")


def smaller(program: Program, folder: str | None) -> Program:
    """The program without the lines that the failure does not need."""
    head = next(
        k for k, line in enumerate(program.text.splitlines()) if line.startswith("def program(")
    )
    lines = program.text.splitlines()
    changed = True
    while changed:
        changed = False
        for k in range(len(lines) - 1, head, -1):
            for end in range(min(k + 4, len(lines)), k, -1):
                fewer = Program(
                    "\n".join(lines[:k] + lines[end:]) + "\n", program.kinds, program.same
                )
                try:
                    compile(fewer.text, "smaller", "exec")
                except SyntaxError:
                    continue
                if verdict(fewer, folder)[0] in ("different", "crashed"):
                    lines, changed = lines[:k] + lines[end:], True
                    break
            if changed:
                break
    return Program("\n".join(lines) + "\n", program.kinds, program.same)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--length", type=int, default=8)
    parser.add_argument("--failures", type=int, default=10, help="stop after so many")
    options = parser.parse_args()
    results: collections.Counter[str] = collections.Counter()
    refusals: collections.Counter[str] = collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.seed, options.seed + options.count):
            program = write(random.Random(number).choice, options.length)
            place = folder if number % 2 else None
            result, message = verdict(program, place)
            results[result] += 1
            refusals[message] += result == "refused"
            if result in ("different", "crashed"):
                found = smaller(program, place)
                print(f"=== {number}: {verdict(found, place)[1]}\n{body(found)}\n", flush=True)
                options.failures -= 1
                if not options.failures:
                    break
    print(dict(results))
    for message, count in refusals.most_common(12):
        if count:
            print(f"{count:6} {message}")
    return int(bool(results["different"] + results["crashed"]))


def body(program: Program) -> str:
    lines = program.text.splitlines()
    start = next(k for k, line in enumerate(lines) if line.startswith("def program("))
    return f"{program.kinds}{' same' * program.same}\n" + "\n".join(lines[start:])


if __name__ == "__main__":
    raise SystemExit(main())
