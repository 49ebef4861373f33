"""Transforms of graphs: reverse, forward, batch, partition.

Ops that hold graphs enter their pullbacks and pushforwards in the tables of ``reverse`` and
``forward``; that is done here, so that no table is read before it is full.
"""

from tracer.transforms.regions import call, composed, cond, custom, loop_pullback, loop_pushforward  # noqa: F401
from tracer.transforms.reverse import write_pullbacks  # noqa: F401
