"""Lists of numbers in numpy's format .npy, the one form of it that is needed, without believing what a file says."""

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ALIGNED = 64
_BEGINNING = re.compile(
    rb"\x93NUMPY\x01\x00(?P<length>..)"
    rb"\{'descr': '(?P<dtype>[<|][a-z][0-9])', 'fortran_order': False, 'shape': \((?P<n>[0-9]{1,9}),\), \} *\n",
    re.DOTALL,
)


def npy_bytes(dtype: str, data: bytes) -> bytes:
    """Return a list of numbers as the content of an .npy file.

    Args:
        dtype: numpy's name of the type, such as "<f8".
        data: the numbers.
    """
    n = len(data) // np.dtype(dtype).itemsize
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': ({n},), }}"
    padding = -(10 + len(header) + 1) % _ALIGNED
    text = header.encode() + b" " * padding + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data


def array_of(content: bytes, dtype: str) -> NDArray[Any] | None:
    """Return the list of numbers that the content of an .npy file holds; None if it is not one of this type."""
    found = _BEGINNING.match(content)
    if found is None or found["dtype"].decode() != dtype:
        return None
    data = content[found.end() :]
    if found.end() - 10 != int.from_bytes(found["length"], "little"):
        return None
    if len(data) != int(found["n"]) * np.dtype(dtype).itemsize:
        return None
    return np.frombuffer(data, dtype=dtype)
