"""A dataclass that random programs are given.

>>> Record(np.ones(3), 0.5)
"""

from dataclasses import dataclass
from typing import Any


@dataclass
class Record:
    one: Any
    two: Any
