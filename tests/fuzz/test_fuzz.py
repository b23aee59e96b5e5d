import subprocess
import sys


def fuzz(*options):
    """The command, in a process of its own: it forks."""
    return subprocess.run([sys.executable, "-m", "tests.fuzz", *options], capture_output=True, text=True, check=False, timeout=280)


def test_spoiled_input_breaks_no_law():
    """Thousands of spoiled files, datums, frames and schemas, and each directed case; `make fuzz` does more of them."""
    done = fuzz("--cases", "3000")
    assert 0 == done.returncode, done.stdout + done.stderr  # the seed is in it, and how to do a case again
    assert "failed=0" in done.stdout.splitlines()[-1]


def test_a_broken_law_is_seen():
    """The control: a crash, a hang and a claim on memory are each found, named, and keep no other case from being done."""
    code = """
import sys, time
from tests.fuzz import __main__ as fuzz, kinds

def broken(random):
    match random.randrange(40):
        case 0: raise ValueError("broken")
        case 1: import os; os.abort()
        case 2: bytearray(1 << 30)
        case 3: time.sleep(60)
    return {"messages": 1}

kinds.KINDS.clear(); kinds.KINDS["broken"] = broken
fuzz.SHARES, fuzz.HANG, fuzz.directed.CASES = {"broken": 1}, 1.0, {}
sys.argv[1:] = ["--cases", "60", "--seed", "146"]
sys.exit(fuzz.main())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=280)
    assert 1 == done.returncode, done.stderr
    for words in ("ValueError: broken", "the process ended with -6", "MemoryError", "the process ended with -9"):
        assert words in done.stdout
    assert "messages 56" in done.stdout
    assert "cases=60 failed=4 seed=146" in done.stdout.splitlines()[-1]
