"""SciPy's Python functions on eager Tensors: most of them lose the graph half way.

>>> scipy.special.logsumexp(Tensor([1.0, 2.0]))
LeakError: scipy.special's logsumexp reads the numbers of a Tensor, and the graph ends there.

They make plain arrays of some of their arguments and calculate with the Tensor beside them, so
that a part of the derivative would be missing. No protocol tells of the first step; the second,
an operation on the Tensor that comes from SciPy's own code, is refused.
"""

from __future__ import annotations

import sys

from tracer import errors
from tracer.recording.source.frames import user_frame
from tracer.recording.source.locator import Locator

CHAPTERS = tuple([f"scipy.{name}" for name in ("special", "stats", "linalg", "signal", "fft")])
# Functions that go through NumPy's protocols in every step.
FOLLOWED = frozenset(
    "zscore zmap gzscore jvp yvp ivp kvp h1vp h2vp _bessel_diff_formula sinc".split()
)


def refuse_library() -> None:
    """Raise if the operation that is about to be recorded comes from SciPy's own code.

    Raises
    ------
    LeakError
    """
    if "scipy" not in sys.modules:
        return
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("tracer."):
        frame = frame.f_back
    module, name = frame.f_globals.get("__name__", ""), frame.f_code.co_name
    if not module.startswith(CHAPTERS):
        return
    while (
        name not in FOLLOWED
        and frame.f_back is not None
        and (frame.f_back.f_globals.get("__name__", "").startswith("scipy."))
    ):
        frame = frame.f_back  # up to the function that was called
        name = frame.f_code.co_name
    if name in FOLLOWED:
        return
    chapter = ".".join(module.split(".")[:2])
    place = Locator("f").locate(user_frame())
    raise errors.LeakError(
        f"{chapter}'s {name} reads the numbers of a Tensor, and the graph ends there.",
        place.origin if place is not None else None,
        "call it in a traced function, grad(lambda x: ...), or on np.asarray(x)",
    )
