"""What random programs are made of: tables of templates, one line for each idiom.

A hole in braces is filled with a variable of that kind, or with an expression made in turn:

    {a} any array   {f} float array   {v} float array with room to write   {i} int array
    {m} bool array  {s} scalar        {e} an expression                    {w} a new name
    {c} a float     {n} a small int   {x} an index that exists             {g} a global array

A template that does not fit the variables at hand (a shape, a cast) is drawn again.
"""

UNARY = (
    "np.sin np.cos np.tanh np.exp np.abs np.square np.negative np.sign np.floor np.sqrt np.arctan "
    "np.log1p np.expm1 np.positive np.rint np.logaddexp.reduce abs"
).split()  # fmt: skip
BINARY = (
    "np.add np.subtract np.multiply np.divide np.maximum np.minimum np.hypot np.arctan2 np.fmax "
    "np.logaddexp np.power np.floor_divide np.remainder np.copysign np.heaviside"
).split()
OPERATORS = ["+", "-", "*", "/", "+", "-", "*", "**", "//", "%"]
REDUCTIONS = (
    "np.sum np.mean np.max np.min np.prod np.var np.std np.median np.ptp np.argmax np.argmin "
    "np.count_nonzero np.any np.all np.nansum np.linalg.norm"
).split()
METHODS = "sum mean max min prod std cumsum ravel copy flatten argsort any all squeeze".split()

ARRAYS = (
    "{e} {operator} {e}", "{e} {operator} {e}", "{a} {operator} {c}", "{c} {operator} {a}",
    "{unary}({e})", "{unary}({a})", "{binary}({e}, {e})", "{a} * {a}", "-{a}", "{f} ** 2",
    "np.where({m}, {e}, {e})", "np.where({a} > {c}, {a}, {e})", "np.clip({a}, -1, {c})",
    "{a}[{x}]", "{a}[::-1]", "{a}[1:]", "{a}[..., None]", "{a}.T", "{a}[{i}]", "{a}[{m}]",
    "np.cumsum({a})", "np.sort({a})", "np.sort({a}, axis=0)[::-1]", "np.diff({a})", "np.roll({a}, {n})",
    "np.concatenate([{a}, {a}], axis=-1)", "np.stack([{a}, {e}])", "np.array([{s}, {c}, {s}])",
    "np.outer({a}, {a})", "{a} @ {a}", "np.dot({a}, {a})", "np.reshape({a}, -1)", "{a}.reshape(-1, 1)",
    "np.zeros_like({a})", "np.ones(3)", "np.zeros((2, 3))", "np.arange({n})", "np.full(3, {s})",
    "np.full_like({a}, {c})", "np.broadcast_to({a}, (2, 3))", "np.linspace(0, {s}, 3)",
    "{a}.astype(np.float32)", "{a}.astype(float)", "{a}.astype(int)", "np.asarray({a})",
    "np.array({a})", "{a}.copy()", "{reduction}({a}, axis=0)", "{reduction}({a}, axis=-1, keepdims=True)",
    "{a}.{method}()", "np.take({a}, {i})", "np.abs({a}) > {c}", "{a} < {e}", "{a} == {a}",
    "~{m}", "{m} & {m}", "{m} | ({a} > {c})", "np.logical_and({m}, {a} < {c})", "np.argsort({a})",
    "np.einsum('i,i->i', {a}, {a})", "np.tile({a}, 2)", "np.repeat({a}, 2)", "np.flip({a})",
    "np.swapaxes({a}, 0, -1)", "np.diag({a})", "np.diagonal({a})", "np.tril({a})", "np.maximum({a}, 0)",
    "np.select([{m}, {a} > 0], [{a}, {e}], {c})", "np.interp({f}, np.arange(3.0), {f})",
    "np.nonzero({m})[0]", "np.argwhere({m}).ravel()", "np.unique({i})", "np.searchsorted(np.sort({f}), {f})",
    "np.eye(3)", "np.identity(2) @ {a}", "np.linalg.inv({a} + 9 * np.eye(3))", "{g} * {a}", "{g} + {e}",
    "helper({a}, {e})", "shifted({a})", "np.meshgrid({f}, {f})[0]", "np.split({a}, 3)[1]",
    "np.atleast_2d({a})", "np.vstack([{a}, {a}])", "np.hstack([{a}, {s}])", "np.append({a}, {s})",
    "np.kron({a}, {f})", "np.trapezoid({f}) * {a}", "np.gradient({f})", "np.convolve({f}, {f}, 'same')",
    "np.nan_to_num({e})", "np.real({e})", "np.cross({f}, {f})", "np.polyval({f}, {a})",
)  # fmt: skip
SCALARS = (
    "{a}.sum()", "{f}[0]", "{f}[-1]", "{reduction}({a})", "{s} {operator} {s}", "{s} {operator} {c}",
    "{c} - {s}", "abs({s})", "max({s}, {c})", "min({s}, {s})", "{f}.max()", "{a}.mean()",
    "np.float32({c})", "np.float64({c}) * {s}", "{f}.item({n0})", "{f}.tolist()[0]", "sum({f})",
    "{f} @ {f}", "np.tanh({s})", "{s} if {s} > {c} else {c}", "len({a})", "{a}.shape[0]", "{a}.ndim",
    "{a}.size", "int({s})", "round({s}, 2)", "K", "K * {s}", "TABLE['scale'] * {s}", "scaled({s})",
    "bool({s} > {c})", "{s} // 2", "{s} % 3", "-{s}", "np.dot({f}, {f})", "max({f})", "sorted({f})[0]",
    "float({n})", "{a}.dtype.itemsize", "({s} > {c}) + 1", "divmod({s}, {c})[0]", "pow({s}, 2)",
    "np.sum({a}, dtype=np.float32)", "functools.reduce(operator.add, {f})", "math.pi * {s}",
)  # fmt: skip
CONDITIONS = (
    "{s} > {c}", "{s} < {s}", "{f}[0] > {f}[-1]", "({a} > {c}).any()", "np.all({a} < {c})",
    "{a}.sum() > {c} and {f}[0] < {c}", "not {s} > {c}", "{c} < {s} < 2", "{s} > {c} or {s} < -1",
    "len({a}) > {n}", "{m}.any()", "np.allclose({a}, {c})", "{a}.ndim == 1", "{c} in {f}",
    "{m}[0]", "np.argmax({f}) == 1", "int({s}) % 2", "{s}", "np.isfinite({s})", "flag", "mode == 'one'",
    "{a} is {a}", "isinstance({s}, float)", "np.isscalar({s})", "K > 1", "{f}.max() > K",
)  # fmt: skip
STATEMENTS = (
    "{w} = {e}", "{w} = {e}", "{w} = {e}", "{w} = {s}", "{w} = {f}.copy()", "{w} = np.zeros(3)",
    "{w} = {a}", "{w} = {v}[1:]", "{w} = {v}[::-1]", "{w} = {v}.T", "{w} = {v}.reshape(-1)",
    "{w} = {v}.ravel()", "{w} = {v}[:, 0]", "{w} = {v}[..., ::2]", "{w} = np.diagonal({v})",
    "{v} += {e}", "{v} -= {s}", "{v} *= {e}", "{v} /= {c}", "{v} **= 2", "{a} += {n}", "{i} += {i}",
    "{i} //= 2", "{m} &= {m}", "{m} |= {a} > {c}", "{v}[{x}] = {e}", "{v}[{x}] += {e}",
    "{v}[{x}] *= {c}", "{v}[0] = {s}", "{v}[{m}] = {c}", "{v}[{m}] *= {c}", "{v}[{m}] = {e}",
    "{v}[{i}] = {e}", "{v}[{i}] += {e}", "{v}[...] = {e}", "{v}[:] = {v}[::-1]", "{v}[1:] = {v}[:-1]",
    "{v}[1:] += {v}[:-1]", "{v}[{f} > {c}] = 0", "{v}[{v} < 0] = -{v}[{v} < 0]", "{a}[{x}] = {n}",
    "{v}.T[0] = {e}", "{v}.reshape(-1)[0] = {s}", "{v}.ravel()[-1] += {c}", "{v}.flat[{n0}] = {s}",
    "{v}.flat = {c}", "{v}.fill({s})", "{v}.sort()", "{v}[::-1].sort()", "np.fill_diagonal({v}, {c})",
    "np.copyto({v}, {e})", "np.copyto({v}, {e}, where={m})", "np.putmask({v}, {m}, {e})",
    "np.put({v}, [0, 1], {e})", "np.place({v}, {m}, {c})", "np.add.at({v}, {i}, {e})",
    "np.add({a}, {e}, out={v})", "np.multiply({v}, {e}, out={v})", "np.sin({v}, out={v})",
    "np.sqrt(np.abs({a}), out={v}, where={m})", "np.subtract({v}[1:], {v}[:-1], out={v}[1:])",
    "{w} = np.add({v}, {s}, out={v})", "np.cumsum({v}, out={v})", "np.clip({v}, -1, 1, out={v})",
    "np.sum({a}, axis=0, out={v})", "{w} = {v} = {f} * 2", "{v}, {f} = {f}, {v}",
    "{v}[0], {v}[1] = {v}[1], {v}[0]", "{v}[[0, 1]] = {v}[[1, 0]]", "{v}[0], {v}[-1] = {s}, {v}[0]",
    "{w}, *{w2} = {f}", "{w} = ({w2} := {e}) * 2", "{w} = [{e}, {s}]", "{w} = {{'one': {e}, 'two': {s}}}",
    "{w} = [u * 2 for u in {f}]", "{w} = np.array([u * {c} for u in {f}])",
    "{w} = np.stack([{f} * j for j in range({n})])", "{w} = np.array([[{s}, {s}], [{c}, {s}]])",
    "{w} = sum(u * u for u in {f})", "{w} = [u for u in {f} if u > {c}]",
    "{w} = {{j: {f}[j] for j in range(2)}}[1]", "{w} = (lambda u, k={c}: u * k)({e})",
    "{w} = list(map(lambda u: u + {s}, {f}))", "{w} = dict(one={e})['one']", "{w} = ({e}, {s})[0]",
    "bump({v})", "{w} = bump({v}[1:])", "{w} = helper({v}, {e})", "{w} = f'{{{s}:.3f}}'",
    "{w} = {a}.tolist()", "{w} = np.array_split({a}, 2)", "{w} = list(zip({f}, {f}))",
    "{w} = Pair({e}, {s})", "{w} = np.fromiter((u for u in {i}), float)",
    "{w} = pair[0] * {s}", "{w} = params['b'] + {s}", "params['b'][0] = {s}", "pair[0][...] = {e}",
    "{w} = params.get('b') * 2", "{w} = record.one * {s}", "record.one += {e}",
    "{w} = {e}; {w}[0] = {s}", "{w} = np.empty(3); {w}[:] = {e}", "{w} = np.zeros({f}.shape); {w}[0] = {s}",
    "{w} = np.empty_like({f}); {w}[...] = {e}", "{w} = {a}[{x}]; {w} += 1", "del {w0}",
)  # fmt: skip
# Idioms of larger programs: objects, context managers, unpacking, views of views, ufunc methods.
STATEMENTS += (
    "with np.errstate(all='ignore'): {w} = {e}",
    "{w} = Layer({s})({v})",
    "{w} = Layer({c}).scaled({e})",
    "{w} = Layer({f}).k * {s}",
    "{w} = functools.reduce(lambda u, k: u + k, [{f}, {f}])",
    "{w} = [*{f}, {s}]",
    "{w} = {f}.tolist(); {w}.append({s})",
    "{w} = sorted({f}, key=lambda u: -u)",
    "{w} = np.array([{f}[j] for j in np.argsort({f})])",
    "{w}, {w2} = np.split({f}, [1])",
    "{w}, {w2} = divmod({a}, {c})",
    "{w}, {w2} = np.linalg.eigh({a} @ {a}.T)",
    "{w}, {w2} = np.modf({f})",
    "{w}: float = {s}",
    "{w} = any(u > {c} for u in {f}) + {s}",
    "{w} = {f}[int({s}) % 2]",
    "{w} = np.histogram({f}, 3)[0]",
    "{w} = np.bincount({i})",
    "{w} = np.linalg.norm({a}, axis=-1)",
    "{w} = {v}.view(); {w} += 1",
    "{w} = {v}[None]; {w}[0, 0] = {s}",
    "{w} = np.squeeze({v}[None]); {w} *= 2",
    "{w} = np.moveaxis({v}, 0, -1); {w}[0] = 1",
    "{w} = np.broadcast_to({f}, (2, 3)).copy(); {w} *= 2",
    "{w} = {v}.real; {w} += 1",
    "{w} = np.flip({v}); {w}[0] = {s}",
    "{w} = np.rot90({v}); {w}[0] = 0",
    "{w} = {v}.swapaxes(0, -1); {w}[-1] = 1",
    "{w} = {v}[::-1][1:]; {w} -= {c}",
    "{w} = {v}[:, None]; {w}[...] = 2",
    "{w} = np.asarray({v}); {w}[0] = {s}",
    "{w} = np.array({v}, copy=False); {w} += {c}",
    "{w} = np.atleast_2d({v}); {w}[0] = {c}",
    "{w} = np.expand_dims({v}, 0); {w} *= {c}",
    "{w} = {v}.astype(float, copy=False); {w} += 1",
    "np.maximum.at({v}, {i}, {c})",
    "np.subtract.at({v}, {i}, {s})",
    "np.multiply.at({v}, {i}, {c})",
    "{w} = np.add.reduceat({f}, [0, 1])",
    "{w} = np.multiply.outer({f}, {f})",
    "{w} = np.add.accumulate({a})",
    "{w} = np.maximum.reduce({f})",
    "{w} = np.add.reduce({a}, axis=-1, keepdims=True)",
    "{w} = np.sum({a}, where={a} > {c})",
    "{w} = np.max({f}, initial={s})",
    "{w} = np.take_along_axis({f}, np.argsort({f}), 0)",
    "np.put_along_axis({v}, np.array([0]), {s}, 0)",
    "{w} = np.piecewise({f}, [{f} > {c}], [lambda u: u * 2, 0.0])",
    "{w} = {a}.reshape({a}.shape[::-1])",
    "{w} = np.zeros({a}.shape, {a}.dtype); {w}[...] = {a}",
    "{w} = np.ndarray.sum({a}) * operator.add({s}, {c})",
)
LOOPS = (
    "for j in range({n}):", "for j in range(len({f})):", "for u in {f}:", "for j, u in enumerate({f}):",
    "for u, k in zip({f}, {f}):", "for j in (0, 2, 1):", "for u in {a}:", "for key in ('one', 'two'):",
    "for j in range(2, -1, -1):", "for j in np.arange({n}):", "for u in [{e}, {s}]:",
    "for u in reversed({f}):",
)  # fmt: skip
HANDLED = (
    "raise ValueError('no')", "{w} = np.linalg.inv(np.zeros((2, 2)))", "{w} = np.ones(2) + {f}",
    "{w} = {f}[7]", "{w} = undefined + 1", "{w} = {{}}['missing']", "assert {s} > {c}",
    "{w} = np.linalg.cholesky(np.diag({f}))", "{w} = int('x')", "{i} += 0.5", "{w} = [1][{n}]",
    "{w} = 1 // ({n} - 1)",
)  # fmt: skip
RETURNS = (
    "return {a}", "return {e}", "return {s}", "return {a}, {s}", "return [{a}, {e}]", "return {v}[1:]",
    "return {{'value': {e}, 'other': {a}}}", "return {s}, None, 'text', {n}", "return Pair({e}, {s})",
    "return {v}.T", "return {v}, {v}", "return ({s}, ({e}, [{a}]))", "return {f}.sum() + {s}",
    "return {v}[0]", "return {m}", "return {i}",
)  # fmt: skip

PREAMBLE = """\
import functools
import math
import operator
from dataclasses import dataclass

import numpy as np

W = np.array([0.5, -1.5, 2.0])
K = 1.25
TABLE = {"scale": 0.75, "weights": np.array([1.0, 2.0, 3.0])}


@dataclass
class Pair:
    one: object
    two: object


class Layer:
    def __init__(self, k):
        self.k = k
        self.calls = 0

    def __call__(self, u):
        self.calls += 1
        u[0] = np.sum(self.k)
        return u * self.k + self.calls

    def scaled(self, u, by=2):
        return u * self.k / by


def bump(u):
    u += 1
    return u


def helper(u, k):
    made = u * 2
    made = made - np.sum(k)
    return made


def shifted(u, by=0.5):
    return u - by if np.sum(u) > 0 else u + by


def scaled(u):
    return u * K


"""
