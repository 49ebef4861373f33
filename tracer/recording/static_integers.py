"""Integers that say what a call does, an axis or an order, are parts of the program.

>>> with_static_integers(recorder, np.polyder, (p, m), {})  # m: a traced int with the value 2
((p, 2), {})

Its value becomes a guard. An integer that is calculated with stays traced.
"""

from __future__ import annotations
