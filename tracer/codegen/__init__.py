"""From graphs to Python source: one folder per form of the code, over a plan that all forms share.

>>> program = compile_graph(graph)
>>> program.run(x, w), program.source, program.lines[hidden]

The plan is a Draft: `draft` (its tables), `uses` (who reads whom), `aliasing` and `in_place` (which
arrays a write may reuse), `operand_reads` (what a statement needs), `block_ends` (what the body of
a loop or branch hands on). Names, literals and comments are the same in every form: `namespace`,
`graph_names`, `constant_names`, `literals`, `comments`.

A form says in ``LOWER`` which steps decide about a Draft (its `schedule`), writes the statements
(its `function_writer`) and notes on which line each node is computed (its `source`).
"""
