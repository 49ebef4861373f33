"""check finds every broken invariant and says where the user wrote it."""

from __future__ import annotations

import numpy as np
import pytest

from tracer.errors import GraphError
from tracer.graph.calcgraph import CalcGraph, Effect, Guard, PullbackRecord
from tracer.graph.check import check
from tracer.graph.node import HOLES, Node, Params
from tracer.graph.origin import Origin
from tracer.graph.spec import ArraySpec, array_spec
from tracer.ops import registry
from tracer.ops.infer import infer
from tracer.ops.registry import op_named

SPEC = array_spec((3,), np.dtype("f8"))
ORIGIN = Origin("model.py", 12, 0, 5, "np.tanh(x)", "y = np.tanh(x)", 12, "f")
X = Node(registry.INPUT, (), Params(), (SPEC,), None, "x")
Y = Node(registry.INPUT, (), Params(), (SPEC,), None, "y")
TANH = Node(op_named("tanh"), (X,), Params((HOLES[0],)), (SPEC,), ORIGIN, "t")
PAIR = Node(op_named("modf"), (X,), Params((HOLES[0],)), (SPEC, SPEC), ORIGIN)
FIRST = Node(registry.ITEM, (PAIR,), Params((HOLES[0], 0)), (SPEC,), ORIGIN)
BODY = CalcGraph([X], [X, TANH], [TANH])
CALL = Node(registry.CALL, (Y,), Params((HOLES[0],)), (SPEC,), ORIGIN, regions=(BODY,))
ROUND = PullbackRecord(TANH, 0, (), SPEC, SPEC, (TANH,))


def graph(*order: Node, outputs=None, **rest) -> CalcGraph:
    nodes = order or (X, TANH)
    firsts = [n for n in nodes if n.op is registry.INPUT]
    return CalcGraph(firsts, nodes, outputs if outputs is not None else [nodes[-1]], **rest)


GOOD = [
    graph(),
    graph(X, PAIR, FIRST),
    graph(Y, CALL),
    graph(guards=[Guard(TANH, 1)], effects=[Effect("write", X, TANH)], records=[ROUND]),
]
LONG = array_spec((4,), np.dtype("f8"))
BROKEN = {
    "not the first": CalcGraph([X], [CALL.replace(inputs=(), params=Params()), X], [X]),
    "must be an input node": CalcGraph([TANH], [TANH], []),
    "no input of the graph": CalcGraph([X], [X, Y], []),
    "comes later": graph(X, TANH.replace(inputs=(FIRST,)), PAIR, FIRST),
    "not in the graph": graph(X, TANH.replace(inputs=(Y,))),
    "listed twice": graph(X, TANH, TANH),
    "do not match 1 operands": graph(X, TANH.replace(params=Params(HOLES[:2]))),
    "do not match 2 operands": graph(X, TANH.replace(inputs=(X, X))),
    "must be tuples": graph(X, TANH.replace(specs=[SPEC])),
    "no size": graph(X, TANH.replace(specs=(ArraySpec((-1,), SPEC.dtype),))),
    "unknown kind": graph(X, TANH.replace(specs=(ArraySpec((), SPEC.dtype, "number"),))),
    "cannot have shape": graph(X, TANH.replace(specs=(ArraySpec((3,), SPEC.dtype, "scalar"),))),
    "unknown spelling": graph(X, TANH.replace(spelling="loud")),
    "several values without an item": graph(X, PAIR, TANH.replace(inputs=(PAIR,))),
    "item 2 of": graph(X, PAIR, FIRST.replace(params=Params((HOLES[0], 2)))),
    "the item is": graph(X, PAIR, FIRST.replace(specs=(LONG,))),
    "has several values": graph(X, PAIR, outputs=[PAIR]),
    "an output is not": graph(outputs=[FIRST]),
    "a guard reads": graph(guards=[Guard(FIRST, 1)]),
    "guard of unknown": graph(guards=[Guard(TANH, 1, "hopes")]),
    "an effect speaks": graph(effects=[Effect("write", X, FIRST)]),
    "effect of unknown": graph(effects=[Effect("print", X, TANH)]),
    "must go to an input": graph(effects=[Effect("write", TANH, TANH)]),
    "a pullback record speaks of a node": graph(X, records=[ROUND]),
    "speaks of operand": graph(records=[PullbackRecord(TANH, 3, (), SPEC, SPEC)]),
    "do not count": graph(roles={"value": 2}),
    "without a region": graph(Y, CALL.replace(regions=())),
    "2 operands for a region of 1": graph(Y, CALL.replace(inputs=(Y, Y), params=Params(HOLES[:2]))),
    "for a region that takes": graph(
        Y, CALL.replace(regions=(CalcGraph([X.replace(specs=(LONG,))], [], []),))
    ),
    "the region makes": graph(Y, CALL.replace(specs=(LONG,))),
    "captured by a region": graph(
        Y, CALL.replace(regions=(CalcGraph([X], [X, TANH.replace(inputs=(Y,))], [X]),))
    ),
    "inferred": graph(X, TANH.replace(specs=(LONG,))),
}


@pytest.mark.parametrize("good", GOOD, ids=repr)
def test_good_graphs_are_handed_back(good):
    assert check(good, infer=infer) is good


@pytest.mark.parametrize("says", BROKEN)
def test_broken_graphs(says):
    with pytest.raises(GraphError, match=f"(?s)after cutting.*{says}"):
        check(BROKEN[says], after="cutting", infer=infer)


def test_the_error_names_the_op_and_the_users_line():
    with pytest.raises(GraphError) as caught:
        check(BROKEN["do not match 1 operands"])
    assert "tanh" in str(caught.value) and 'File "model.py", line 12' in str(caught.value)


def test_a_region_that_contains_itself():
    loop = CALL.replace(regions=())
    body = CalcGraph([Y], [Y, loop], [loop])
    loop.regions = (body,)
    with pytest.raises(GraphError, match="contains itself"):
        check(body)
