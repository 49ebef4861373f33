"""Random programs with loops and branches in loops and branches, for tests of all stages.

>>> program = Program(38)
>>> program(np.ones(3))                # plain NumPy: an ordinary function of an array
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from tracer import cond, fori_loop, scan, while_loop

Step = tuple[Any, ...]
State = dict[str, Any]


class Program:
    """One number from an array of 3: loops whose bodies swap, write in place, branch and nest."""

    def __init__(self, seed: int):
        self.__name__ = f"program_{seed}"
        self.draw = random.Random(seed)
        self.names = ["a", "b", "c"][: self.draw.randint(1, 3)]
        self.steps = self.block(0, self.draw.randint(1, 5))
        self.kind = self.draw.choice(["for", "scan", "while", "reversed"])
        self.length = self.draw.choice([0, 1, 2, 3, 4])

    def block(self, depth: int, count: int) -> list[Step]:
        return [self.step(depth) for _ in range(count)]

    def step(self, depth: int) -> Step:
        kind = self.draw.choice([*SIMPLE, "mix", "inner", "cond"])
        one, other, third = [self.draw.choice(self.names) for _ in range(3)]
        if depth < 2 and kind == "inner":
            how = self.draw.choice(["for", "scan", "while"])
            return kind, one, other, how, self.block(depth + 1, self.draw.randint(1, 3))
        if depth < 2 and kind == "cond":
            first = self.block(depth + 1, self.draw.randint(1, 2))
            return kind, one, other, first, self.block(depth + 1, self.draw.randint(1, 2))
        kind = kind if kind in SIMPLE else "bend"
        return kind, one, other, third, self.draw.randint(0, 2)

    # -- running ------------------------------------------------------------------------------
    def __call__(self, x: Any) -> Any:
        state = {name: x * (k + 1) if k != 1 else np.zeros(3) for k, name in enumerate(self.names)}
        rows: Any = 0
        if self.kind == "for":
            state = fori_loop(0, self.length, lambda i, s: self.run(self.steps, s, x), state)
        elif self.kind == "while":
            state = self.counted(self.steps, state, x, self.length)
        else:
            last, first = self.names[-1], self.names[0]

            def step(before, e):
                after = self.run(self.steps, before, x)
                return after, (after[first], before[last] * e)

            numbers = np.arange(1.0, self.length + 1)
            state, made = scan(step, state, numbers, reverse=self.kind == "reversed")
            rows = made[0].sum() + 2 * made[1].sum()
        return sum([(k + 1) * (v * v).sum() for k, v in enumerate(state.values())]) + rows

    def counted(self, steps: list[Step], state: State, x: Any, count: int) -> State:
        def body(pair):
            return self.run(steps, pair[0], x), pair[1] + 1

        return while_loop(lambda pair: pair[1] < count, body, (state, 0))[0]

    def run(self, steps: list[Step], state: State, x: Any) -> State:
        state = dict(state)
        for kind, one, other, *rest in steps:
            if kind == "inner":
                state = self.inner(state, one, other, rest[0], rest[1], x)
            elif kind == "cond":
                state = cond(
                    state[other].sum() > 0.2,
                    lambda s, steps=rest[0]: self.run(steps, s, x),
                    lambda s, steps=rest[1]: self.run(steps, s, x),
                    state,
                )
            else:
                SIMPLE[kind](state, one, other, rest[0], rest[1], x)
        return state

    def inner(
        self, state: State, one: str, other: str, how: str, steps: list[Step], x: Any
    ) -> State:
        if how == "for":
            return fori_loop(0, 2, lambda j, s: self.run(steps, s, x), state)
        if how == "while":
            return self.counted(steps, state, x, 2)
        state, rows = scan(
            lambda s, e: (self.run(steps, s, x * e), s[other]), state, np.array([0.5, 0.9])
        )
        state[one] = state[one] + rows.sum(axis=0) * 0.1
        return state


# -- steps of one statement: they change a state that is theirs -----------------------------------
def mix(s: State, d: str, q: str, r: str, m: int, x: Any) -> None:
    mixed = s[q] * 0.5 + s[r] * x if m == 0 else s[q] - 0.3 * s[r]
    s[d] = mixed if m != 2 else np.where(s[q] > s[r], s[q], s[r] * x)


def bend(s: State, d: str, q: str, r: str, m: int, x: Any) -> None:
    s[d] = [np.sin, np.tanh, np.cos][m](s[q])


def put(s: State, d: str, q: str, r: str, m: int, x: Any) -> None:
    s[d][m] = s[q][(m + 1) % 3] * x[m]


def add(s: State, d: str, q: str, r: str, m: int, x: Any) -> None:
    s[d][m] += s[q].sum() * 0.1


def shift(s: State, d: str, q: str, r: str, m: int, x: Any) -> None:
    s[d][1:] = s[q][:-1] * 0.5


def swap(s: State, d: str, q: str, r: str, m: int, x: Any) -> None:
    s[d], s[q] = s[q], s[d]


def share(s: State, d: str, q: str, r: str, m: int, x: Any) -> None:
    shared = s[q] * x
    s[d] = shared + s[r]
    s[r] = shared * 0.3


def turn(s: State, d: str, q: str, r: str, m: int, x: Any) -> None:
    s[d] = s[q][::-1] * 1.0


def look(s: State, d: str, q: str, r: str, m: int, x: Any) -> None:
    view = s[q][1:]
    s[q] = s[q] * 1.0
    s[d] = s[d] * 0.9
    s[d][0] = view[0]


def shrink(s: State, d: str, q: str, r: str, m: int, x: Any) -> None:
    s[d] *= 0.7


def reset(s: State, d: str, q: str, r: str, m: int, x: Any) -> None:
    s[d] = np.ones(3) * m


SIMPLE = {
    step.__name__: step
    for step in (mix, bend, put, add, shift, swap, share, turn, look, shrink, reset)
}
