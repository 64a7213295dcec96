"""What a process does that is to be traced."""

import ctypes
import sys

_PR_SET_PTRACER = 0x59616D61
_PR_SET_PTRACER_ANY = -1


def let_anybody_trace() -> None:
    """Let any process of the same user take hold of this one: some systems grant that to ancestors only."""
    ctypes.CDLL(None).prctl(_PR_SET_PTRACER, ctypes.c_ulong(_PR_SET_PTRACER_ANY), 0, 0, 0)


if __name__ == "__main__":
    # A process to try it on: writes when it is told to.
    let_anybody_trace()
    print("ready", flush=True)
    sys.stdin.readline()
    print("alive", flush=True)
