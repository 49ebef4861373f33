"""Programs compute what the reference interpreter computes, to the bit."""

import inspect
import linecache
import traceback
import warnings

import numpy as np
import pytest

from tests.codegen.graphs import digits, random_graph, robust
from tracer.codegen.graph_names import names_for
from tracer.codegen.program import compile_graph, program_of
from tracer.codegen.readable import long_functions
from tracer.codegen.readable.source import ModuleSource, add_backward, add_forward
from tracer.graph.calcgraph import CalcGraph
from tracer.graph.evaluate import GuardMiss, evaluate
from tracer.graph.node import HOLES, Node, Params
from tracer.ops.builder import Builder, array_spec
from tracer.ops.registry import CALL
from tracer.transforms.partition import partition
from tracer.transforms.reverse.joint_graph import reverse


def expected(graph, arguments):
    """Outputs and arguments afterwards; values are taken before anything is written back."""
    values = [effect.value for effect in graph.effects]
    plain = CalcGraph(graph.inputs, graph.order, [*graph.outputs, *values], graph.guards)
    results = evaluate(plain, arguments)
    count = len(graph.outputs)
    given = set(graph.inputs)
    ends = [r if n in given else np.array(r) for n, r in zip(graph.outputs, results, strict=False)]
    written = [np.array(r) for r in results[count:]]
    for effect, value in zip(graph.effects, written, strict=True):
        arguments[graph.inputs.index(effect.target)][...] = value
    return [*ends, *arguments]


def outcome(run, graph, seed):
    rng = np.random.default_rng(seed)
    arguments = [rng.standard_normal(node.shape) for node in graph.inputs]
    try:
        return run(arguments)
    except GuardMiss as miss:
        return miss.position


@pytest.mark.parametrize("chunk", [5000, 3])
@pytest.mark.parametrize("seeds", [range(40), range(40, 80)])
def test_random_programs_with_views_and_writes(seeds, chunk, monkeypatch):
    monkeypatch.setattr(long_functions, "LONG", chunk)
    monkeypatch.setattr(long_functions, "CHUNK", chunk)
    for seed in seeds:
        graph = random_graph(seed)
        program = compile_graph(graph)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ours = outcome(lambda a: [*program.run(*a), *a], graph, seed)
            theirs = outcome(lambda a: expected(graph, a), graph, seed)
        if isinstance(theirs, int):
            assert ours == theirs, program.source
            continue
        for mine, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(mine, other, err_msg=f"{seed}\n{program.source}")


def test_forward_and_backward_pair():
    graph, arguments = digits()
    joint = reverse(graph, [0, 1, 2, 3], "input")
    parts = partition(joint)
    texts = [ModuleSource(names_for(joint), "") for _ in range(2)]
    add_forward(texts[0], parts)
    add_backward(texts[1], parts)
    forward, backward = program_of(texts[0], "forward"), program_of(texts[1], "backward")
    *values, residuals = forward.run(*arguments)
    gradients = backward.run(residuals, np.float64(1.0))
    for mine, other in zip(
        [*values, *gradients], evaluate(joint, [*arguments, np.float64(1.0)]), strict=True
    ):
        np.testing.assert_array_equal(mine, other)
    assert "g_hidden = g_" in backward.source
    assert set(backward.lines) <= set(joint.order)


def test_lines_point_at_the_statement():
    graph, _ = digits()
    program = compile_graph(graph)
    hidden = next(node for node in graph.order if node.name == "hidden")
    text = program.source.split("\n")[program.lines[hidden] - 1]
    assert text.startswith("    hidden = np.tanh(x @ w1 + b1)")


def test_a_guard_that_does_not_hold_is_a_miss():
    program = compile_graph(robust(True))
    assert program.run(np.full(8, 2.0)) == (24.0,)
    with pytest.raises(GuardMiss) as miss:
        program.run(np.zeros(8))
    assert miss.value.position == 0


def test_tools_see_the_source():
    b = Builder()
    x = b.input(array_spec((2, 2), np.dtype(float)), "x")
    program = compile_graph(
        CalcGraph([x.node], b.nodes + [], [np.linalg.inv(x).node]).replace(order=b.nodes)
    )
    linecache.clearcache()
    with pytest.raises(np.linalg.LinAlgError) as error:
        program.run(np.zeros((2, 2)))
    assert "np.linalg.inv(x)" in "".join(traceback.format_exception(error.value))
    assert "def forward(x):" in inspect.getsource(program.run)


def test_long_programs_know_their_lines(monkeypatch):
    monkeypatch.setattr("tracer.codegen.program.LONG", 5)
    monkeypatch.setattr(long_functions, "LONG", 3)
    monkeypatch.setattr(long_functions, "CHUNK", 3)
    graph, arguments = digits()
    program = compile_graph(graph)
    np.testing.assert_array_equal(program.run(*arguments), evaluate(graph, arguments))
    first = program.run.__code__.co_firstlineno
    assert program.source.split("\n")[first - 1].startswith("def forward(b1")
    assert inspect.getsource(program.run).startswith("def forward(b1")


def test_a_called_region_is_a_function():
    inner = Builder()
    u = inner.input(array_spec((3,), np.dtype(float)), "u")
    body = CalcGraph([u.node], inner.nodes, [(np.tanh(u) * 2.0).node], title="block(u)")
    b = Builder()
    x = b.input(array_spec((3,), np.dtype(float)), "x")
    call = b.append(Node(CALL, (x.node,), Params((HOLES[0],)), (x.spec,), regions=(body,)))
    graph = CalcGraph([x.node], b.nodes, [np.exp(b.symbol(call)).node])
    program = compile_graph(graph)
    assert "def block(u):" in program.source and "np.exp(block(x))" in program.source
    np.testing.assert_array_equal(program.run(np.ones(3)), evaluate(graph, [np.ones(3)]))
