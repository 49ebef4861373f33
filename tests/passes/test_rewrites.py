"""The rewrite tables, line by line: ``tests/rewrites/*.txt`` in the form ``before; after;``."""

from __future__ import annotations

import operator
from pathlib import Path

import numpy as np
import pytest

from tracer.graph.calcgraph import CalcGraph
from tracer.graph.check import check
from tracer.graph.evaluate import evaluate
from tracer.graph.reader import Reader, tokens_of
from tracer.graph.spec import ArraySpec
from tracer.ops import registry
from tracer.ops.builder import Builder, Symbol, apply
from tracer.ops.infer import infer
from tracer.passes.drop_unused import drop_unused
from tracer.passes.pipeline import optimise

FOLDER = Path(__file__).parents[1] / "rewrites"
OPS = {
    "sum_to": registry.SUM_TO,
    "broadcast_like": registry.BROADCAST_LIKE,
    "reshape_like": registry.RESHAPE_LIKE,
    "zeros_of": registry.ZEROS_OF,
    "setitem": registry.SETITEM,
    "scatter_add": registry.SCATTER_ADD,
    "astype": registry.ASTYPE,
}


def spec_from(text: str) -> ArraySpec:
    reader = Reader("", registry.op_named, {})
    reader.tokens = tokens_of(text)
    return reader.spec()


def cases(name: str):
    given: dict[str, ArraySpec] = {}
    for number, line in enumerate((FOLDER / name).read_text().splitlines(), 1):
        if line.startswith("given "):
            parts = line.removeprefix("given ").split(", ")
            given = {p.split(":")[0]: spec_from(p.split(":")[1]) for p in parts}
        elif line and not line.startswith("#"):
            before, after, _ = line.split(";")
            yield pytest.param(given, before.strip(), after.strip(), id=f"{number}: {before}")


class Numpy:
    """``np`` of the fixtures: what does not dispatch on operands is emitted by hand."""

    def __init__(self, builder: Builder):
        self.builder = builder

    def zeros_static(self, shape):
        return self.builder.emit(registry.op_of(np.zeros), (shape,))

    def ones_static(self, shape):
        return self.builder.emit(registry.op_of(np.ones), (shape,))

    def full_static(self, shape, value):
        return self.builder.emit(registry.op_of(np.full), (shape, value))

    def float64(self, value):
        return self.builder.constant(np.float64(value))

    def __getattr__(self, name):
        return getattr(np, name)


def sum_method(self, **kwargs):
    return self.builder.emit(registry.op_of(np.sum), (self,), kwargs, "method")


def build(given: dict[str, ArraySpec], text: str) -> CalcGraph:
    """The graph of a fixture's expression."""
    builder = Builder()
    operands = {name: builder.input(spec, name) for name, spec in given.items()}
    inputs = list(builder.nodes)
    scope = {n: (lambda *a, op=op, **k: apply(op, *a, **k)) for n, op in OPS.items()}
    text = text.replace("x.sum_method(", "sum_method(x, ")
    out = eval(text, {"np": Numpy(builder), "sum_method": sum_method, **scope, **operands})
    assert isinstance(out, Symbol)
    return CalcGraph(inputs, builder.nodes, [out.node])


def body(given: dict[str, ArraySpec], text: str) -> CalcGraph:
    """The same with a last op behind it, so that the expression is no array that is handed out."""
    graph = build(given, text)
    builder = Builder(graph.order)
    builder.emit(registry.op_of(np.cumsum), (builder.symbol(graph.outputs[0]),))
    return graph.replace(order=builder.nodes, outputs=[builder.nodes[-1]])


def values(given: dict[str, ArraySpec], seed: int = 0) -> list:
    """Random operands with zeros of both signs, infinities and NaN among them."""
    draw = np.random.default_rng(seed)
    made = []
    for spec in given.values():
        value = np.asarray(draw.normal(size=spec.shape) * 3)
        if spec.dtype.kind in "fc" and seed and spec.shape:
            value.flat[: min(5, value.size)] = [0.0, -0.0, np.inf, np.nan, -np.nan][: value.size]
        value = value.astype(spec.dtype)
        made.append(
            value if spec.kind == "array" else value.item() if spec.kind == "weak" else value[()]
        )
    return made


def bits(value) -> tuple:
    return type(value), np.shape(value), np.asarray(value).dtype, np.asarray(value).tobytes()


def watch(graph: CalcGraph, name: str) -> None:
    check(graph, after=name, infer=infer)


@pytest.mark.parametrize("given, before, after", list(cases("exact.txt")))
def test_exact(given, before, after):
    graph = body(given, before)
    new = optimise(graph, watch=watch)
    wanted = drop_unused(body(given, after))
    assert new.key() == wanted.key(), f"\n{new}\n{wanted}"
    for seed in range(3):
        with np.errstate(all="ignore"):
            arguments = values(given, seed)
            one, two = evaluate(graph, arguments), evaluate(new, arguments)
        assert bits(one[0]) == bits(two[0])
    handed_out = build(given, before)
    with np.errstate(all="ignore"):
        arguments = values(given, 1)
        assert bits(*evaluate(optimise(handed_out), arguments)) == bits(
            *evaluate(handed_out, arguments)
        )


@pytest.mark.parametrize("given, before, after", list(cases("kept.txt")))
def test_kept(given, before, after):
    assert after == "same"
    graph = drop_unused(body(given, before))
    new = optimise(graph, watch=watch)
    assert [node.op for node in new.order] == [node.op for node in graph.order], f"\n{new}"
    with np.errstate(all="ignore"):
        arguments = values(given, 1)
        assert bits(*evaluate(new, arguments)) == bits(*evaluate(graph, arguments))


@pytest.mark.parametrize("given, before, after", list(cases("fast.txt")))
def test_fast(given, before, after):
    graph = body(given, before).replace(roles={"gradient": 1})
    new = optimise(graph, "fast", watch=watch)
    wanted = optimise(body(given, after).replace(roles={"gradient": 1}), "fast")
    assert new.key() == wanted.key(), f"\n{new}\n{wanted}"
    arguments = values(given)
    one, two = evaluate(graph, arguments)[0], evaluate(new, arguments)[0]
    assert type(one) is type(two)
    np.testing.assert_allclose(one, two, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("given, before, after", list(cases("fast.txt")))
def test_fast_rewrites_leave_values_alone(given, before, after):
    graph = body(given, before)
    new = optimise(
        graph.replace(outputs=graph.outputs * 2, roles={"value": 1, "gradient": 1}), "fast"
    )
    assert new.outputs[0] is new.outputs[1]
    arguments = values(given, 1)
    with np.errstate(all="ignore"):
        assert bits(evaluate(graph, arguments)[0]) == bits(evaluate(new, arguments)[0])


def test_every_line_remembers_its_place():
    from tracer.passes.simplify import TABLE

    assert all(operator.contains(line.place, ".py:") for line in TABLE)
    assert repr(TABLE[0]).startswith("<x * 1  →  x   at algebra.py:")
