"""Writes branches as ``if`` and ``else`` blocks with the user's names.

>>> print("\\n".join(function.lines))
def forward(x):
    if x.sum() > 0:
        y = np.sqrt(x)                                                         # (3,)
    else:
        y = x * 2                                                              # (3,)
    return y
"""

from __future__ import annotations

from tracer.codegen.block_ends import HAND_ON, end_of
from tracer.codegen.readable.blocks import Block, assigns, variables
from tracer.codegen.readable.function_writer import REGION_WRITERS, FunctionWriter
from tracer.graph.node import Node


def write_cond(function: FunctionWriter, node: Node) -> None:
    """``if …:`` and ``else:``, each with the statements of its branch."""
    names = variables(function, node, [n.name for n in node.regions[0].outputs])
    test = function.lookup(node.inputs[0]).text
    for number, region in enumerate(node.regions):
        function.put(f"{function.indent}{'else' if number else f'if {test}'}:")
        if not number:
            function.line_of[node] = len(function.lines)
        ends = [end_of(HAND_ON, [output]) for output in region.outputs]
        block = Block(function, node, region, ends)
        texts = {i: function.lookup(o) for i, o in zip(region.inputs, node.inputs[1:], strict=True)}
        inner = block.function
        for end, name in zip(ends, names, strict=True):
            inner.endings[end] = assigns(end, [name])
        block.write(texts)


REGION_WRITERS["cond"] = write_cond
