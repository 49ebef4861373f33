"""What random programs are made of: tables of templates, one line for each idiom.

A hole in braces is filled with a variable of that kind, or with an expression made in turn:

    {a} any array   {f} float array   {v} float array with room to write   {i} int array
    {m} bool array  {s} scalar        {e} an expression                    {w} a new name
    {c} a float     {n} a small int   {x} an index that exists             {g} a global array
    {z} complex     {k} a float32     {l} a list      {rng} the Generator  {d} any array, or empty

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
# Products, linear algebra, transforms, order, sets: a function each, where it has a derivative.
ARRAYS += (
    "np.einsum('ij,j->i', {f}, {f})", "np.einsum('ij,kj->ik', {f}, {f})", "np.einsum('...i->...', {a})",
    "np.einsum('ii->i', {f})", "np.einsum('ij->ji', {f})", "np.einsum('i,j->ij', {f}, {a})",
    "np.tensordot({f}, {f}, 1)", "np.inner({f}, {f})", "np.matmul({f}, {f}.T)", "np.matvec({f}, {f})",
    "np.vecdot({f}, {f})", "np.linalg.solve({f} + 9 * np.eye(3), {f})", "np.linalg.multi_dot([{f}, {f}, {f}])",
    "np.linalg.cholesky({f} @ {f}.T + 5 * np.eye(3))", "np.linalg.matrix_power({f}, {n})",
    "np.linalg.pinv({f})", "np.linalg.qr({f} + 9 * np.eye(3))[1]", "np.linalg.svd({f})[1]",
    "np.linalg.eigvalsh({f} + {f}.T)", "np.fft.fft({f}).real", "np.abs(np.fft.rfft({f})) ** 2",
    "np.fft.irfft(np.fft.rfft({f}), 3)", "np.fft.fftshift({f})", "np.fft.fft2({f}).imag",
    "np.concatenate([{a}.ravel(), {a}.ravel()])", "np.stack([{f}, {f}], axis=-1)", "np.column_stack([{f}, {a}])",
    "np.block([[{f}], [{f}]])", "np.pad({a}, 1)", "np.pad({f}, 1, mode='edge')", "np.delete({f}, 1)",
    "np.insert({f}, 1, {s})", "np.take({f}, [0, 1], axis=-1)", "np.take({a}, {i}, mode='wrap')",
    "np.choose({i} % 2, [{f}, {f}])", "np.compress({m}, {f})", "np.extract({m}, {f})", "np.partition({f}, 1)",
    "np.cumsum({a}, axis=0)", "np.cumprod({f}, axis=-1)", "np.diff({f}, n=2)", "np.ediff1d({f})",
    "np.sort({f}, axis=None)", "np.argsort({f}, axis=0)", "np.lexsort(({f}, {f}))", "np.unique({f})",
    "np.unique({a}, return_inverse=True)[1]", "np.digitize({f}, np.array([-0.5, 0.5]))", "np.isin({i}, [0, 2])",
    "np.intersect1d({i}, {i})", "np.union1d({i}, {i})", "np.setdiff1d({i}, [1])", "np.flatnonzero({m})",
    "np.percentile({f}, 30, axis=-1)", "np.quantile({f}, [0.25, 0.5])", "np.median({f}, axis=0)",
    "np.average({f}, weights=np.abs({f}) + 1)", "np.cov({f})", "np.nanmax({f}, axis=0)", "np.nancumsum({f})",
    "np.ptp({f}, axis=0)", "np.var({f}, axis=-1, ddof=1)", "np.logaddexp({f}, {s})", "np.float_power(np.abs({f}), {s})",
    "np.fmod({a}, {c})", "np.trunc({f})", "np.cbrt({f})", "np.sinc({f})", "np.i0({f})", "np.exp2({f})",
    "np.deg2rad({f})", "np.sign({f}) * np.sqrt(np.abs({f}))", "np.ldexp({f}, {i})", "np.frexp({f})[0]",
    "np.nextafter({f}, 1)", "np.signbit({f})", "np.isclose({f}, {c})", "np.logical_xor({m}, {f} > 0)",
    "np.left_shift({i}, 1)", "{i} & 1", "{i} ^ {i}", "np.gcd({i}, 6)", "{i} // 2 + {i} % 2", "{i} * {f}", "{i} / 2",
    "np.bitwise_or({i}, {n})", "np.triu({f}, 1)", "np.tri(3) * {f}", "np.vander({f}, 2)", "np.indices((2, 3))[{n0}]",
    "np.ix_({f}, {f})[0]", "{f}[np.ix_([0, 1], [1, 0])]", "{f}[{i}, {i}]", "{f}[:, {i}]", "{f}[{i}][{m}]",
    "{f}[np.newaxis, ::-1]", "{f}[np.triu_indices(2)]", "{f}[np.arange(2), [1, 0]]", "{f}[{i} > 0]",
    "{f}[np.argmax({f}):]", "{f}[:len({f}) - 1]", "{f}[int({s}) % 2:]", "{f}[np.abs({f}) < {c}]",
    "np.apply_along_axis(np.sum, -1, {f})", "np.vectorize(lambda u: u * {c})({f})", "np.fromiter(map(float, {i}), float)",
    "np.array([*{f}, {s}])", "np.array([u for u in {f} if u > {c}])", "np.array({l})", "np.asarray([{f}, {f}])",
    "np.r_[{f}, {s}, 1:3]", "np.c_[{f}, {f}]", "np.real({z})", "{z}.imag", "np.abs({z})", "np.angle({z})",
    "({z} * {f}).real", "({z} @ {z}.conj()).real * {f}", "np.sum({z} * 1j).real + {f}", "np.exp(1j * {f}).imag",
    "np.zeros(0)", "np.empty((0, 3))", "np.sum({d}, axis=0)", "np.concatenate([{d}, {d}])", "{d}[:0]", "{d} * {d}",
    "{k} * {c}", "{k} + {f}", "{k}.astype(float)", "np.float32({c}) * {f}", "{f}.astype('f4').sum() * {k}",
    "np.broadcast_arrays({f}, {f})[1]", "np.broadcast_arrays({f}, {a})[1] * 1", "np.rollaxis({f}, -1)", "np.transpose({f})", "np.flipud({f})", "np.dsplit({f}[None, None], 3)[0]",
    "rootish({f})", "first_large({f}, {c})", "recursive({f}, {n})", "TABLE['weights'] @ {f}", "SETTINGS.rate * {f}",
    "np.sum(LAYERS[0] * {f})  * LAYERS[1]", "adder({f})", "scale_by({f})", "compose(np.sin, shifted)({f})",
    "rng.normal(size=3) * {f}", "{f} + rng.random()", "rng.permutation({f})", "{f}[rng.integers(0, 2, 3)]",
    "rng.uniform({f}, 5.0)", "np.where(rng.random(3) < 0.5, {f}, 0)", "record.one * {s}", "nested['deep'][1] + {f}",
)  # fmt: skip
SCALARS += (
    "np.linalg.det({f} + 9 * np.eye(3))", "np.linalg.slogdet({f} + 9 * np.eye(3))[1]", "np.trace({f})",
    "np.vdot({f}, {f})", "np.einsum('i,i', {f}, {f})", "np.einsum('ij,ij->', {f}, {f})", "np.linalg.norm({f}, 1)",
    "math.sin({s})", "math.hypot({s}, 1.0)", "math.exp(-abs({s}))", "math.floor({s})", "np.searchsorted({f}, {s})",
    "np.quantile({f}, 0.3)", "np.average({f})", "{f}.std()", "np.sum({f}, initial=2.0)", "{f}.dot({f})", "min({f}, default=0.0)",
    "float(np.count_nonzero({m}))", "int({m}.sum())", "len({l})", "sum({l})", "next(iter({f}))", "{z}.real.sum()", "abs({z}[0])",
    "record.two", "nested['rate']", "SETTINGS.rate", "len(LAYERS)", "{k}[0]", "{k}.sum()", "np.sum({d})", "np.prod({d})", "{d}.sum()",
    "complex({s}).real", "({s}).real", "({s}).conjugate()", "{f}[{i}[0]]", "{f}[np.argmax({f})]", "counted({s})", "collatz({n})",
    "np.min({f}, where={f} > {c}, initial=3.0)", "1.0 if {f}[0] is {f}[0] else 2.0", "float({s} == {s})", "rng.random()", "rng.integers(3)",
)  # fmt: skip
CONDITIONS += (
    "{a} is {a}", "{a} is not None", "{s} in ({c}, {n})", "{n} in {i}", "{c} in {l}", "{s} not in {l}",
    "isinstance({a}, np.ndarray)", "type({s}) is float", "{a}.shape == {a}.shape", "{a}.dtype == float", "np.array_equal({a}, {a})",
    "any(u > {c} for u in {f})", "all({f} > {c})", "{a}.flags.c_contiguous", "np.shares_memory({v}, {v})",
    "SETTINGS.rate > 0.2", "hasattr({s}, 'dtype')", "callable(shifted)", "{l}", "{i}.max() > {n}", "{m}.sum() == {n}",
    "np.linalg.norm({f}) > 2", "{s} == {s}", "{i}[0]", "{f}[0] <= {c} <= {f}[1]", "np.isnan({f}).any()", "{d}.size", "bool({m}.all())",
    "({s} > 0) == ({s} < {c})", "({s} > {c}) & ({s} < 3)", "np.median({f}) > np.mean({f})", "rng.random() < 0.5",
)  # fmt: skip
STATEMENTS += (
    "{v}[1:] *= {e}", "{v}[::2] += {e}", "{v}[..., 0] -= {s}", "{v}[:, 1:] *= {f}", "{v}[-2:] **= 2", "{v}[{x}] //= 2",
    "{v}[:2][::-1][0] = {s}", "{v}.T[1:] += {e}", "{v}.T.reshape(-1)[1:] = 0.5", "{v}[1:][1:] *= {c}", "{v}[::-1][:2] = {e}",
    "{w} = {v}[1:]; {w2} = {w}[::-1]; {w2}[0] = {s}", "{w} = {v}.T; {w2} = {w}[0]; {w2} += {e}", "{v}[{i}, {i}] += {s}",
    "{v}[{i}] *= {c}", "{v}[np.ix_([0, 1], [0, 1])] = {c}", "{v}[{m}, 0] = {s}", "{v}[:, {i}] = {c}", "{v}[{i}, 1:] += {c}",
    "{v}[np.argmax({v})] = {s}", "{v}[np.argsort({f})] = {f}", "{v}[np.abs({v}) > {c}] -= {c}", "{v}[{f} > 0] = {f}[{f} > 0]",
    "{v} += {v}[::-1]", "{v} *= {v}", "{v} -= {v}.mean()", "{v} /= {v}.sum()", "{v} += {v}.T", "{v}[:] = np.sort({v})[::-1]",
    "{v} @= np.eye(3)", "{v} %= 2", "{v} //= {c}", "{i} <<= 1", "{i} ^= 3", "{i}[0] = {n}", "{i}[{m}] = 1", "{i} *= {i}", "{m}[0] = {s} > {c}",
    "{m} ^= True", "{m} = ~{m}", "np.logical_not({m}, out={m})", "np.add({i}, 1, out={i})", "np.add({i}, {i}, out={v})",
    "np.add({f}, {e}, out={v}, where={m})", "np.divide({f}, {f}, out={v}, where={f} > {c})", "np.exp({f}, out={v}[1:], where=True)",
    "{w} = np.log({f}, out=np.zeros(3), where={f} > 0)", "np.matmul({f}, {f}, out={v})", "np.dot({f}, {f}, out={v})",
    "np.einsum('i,i->i', {f}, {f}, out={v})", "np.take({f}, {i}, out={v})", "np.mean({f}, axis=0, out={v})", "np.maximum({v}, {s}, out={v})",
    "np.cumprod({f}, out={v})", "np.cumsum({f}, axis=0, out={v})", "np.concatenate([{f}[:1], {f}[1:]], out={v})", "np.negative({v}[1:], {v}[1:])",
    "np.add({v}[:-1], {v}[1:], out={v}[:-1])", "np.multiply({v}, {v}[::-1], {v})", "{w}, {w2} = np.modf({f}, out=({v}, None))",
    "np.add.at({v}, ({i}, 0), {c})", "np.add.at({v}, {m}, {s})", "np.add.at({v}, np.argmax({f}), {s})", "np.multiply.at({v}, {i}, {f})",
    "np.minimum.at({v}, {i}, {f})", "np.divide.at({v}, {i}, {c})", "np.negative.at({v}, {i})", "np.power.at({v}, [0], 2)",
    "np.put({v}, {i}, {f})", "np.put({v}, [0, 5], {s}, mode='clip')", "np.place({v}, {v} > {c}, [{s}, {c}])", "np.putmask({v}, {v} > 0, {f})",
    "np.copyto({v}, {f}[::-1])", "np.copyto({v}, {s}, where={v} > {c})", "np.fill_diagonal({v}, {f})", "np.fill_diagonal({v}[:, ::-1], {s})",
    "{v}.put([0], {s})", "{v}.partition(1)", "{v}.itemset if False else None", "{w} = {f}.copy(); {w}.resize({f}.shape)", "{v}.setflags(write=True)",
    "{w} = {v}.flat; {w}[1] = {s}", "{v}.flat[1:3] = {e}", "{v}.flat[{i}] = {c}", "{w} = list({v}.flat)", "{w} = {v}.flat[::2]",
    "{w} = []\n@for u in {f}:\n@    {w}.append(u * {c})", "{w} = []\n@for j in range({n}):\n@    {w} += [{f} * j]",
    "{w} = [0.0] * 3\n@for j in range(3):\n@    {w}[j] = {f}[j] * {s}\n@{w} = np.array({w})",
    "{w} = np.zeros(3)\n@for j in range(1, 3):\n@    {w}[j] = {c} * {w}[j - 1] + {f}[j]",
    "{w} = np.zeros((3, 3))\n@for j in range(3):\n@    for k in range(j):\n@        {w}[j, k] = {f}[k] * {f}[j]",
    "{w} = {s}\n@{w2} = 0\n@while abs({w}) > 0.3 and {w2} < 5:\n@    {w} = {w} / 2\n@    {w2} += 1",
    "{w} = {f}.copy()\n@while np.sum({w} ** 2) > 1:\n@    {w} *= 0.5",
    "{w} = 1.0\n@for _ in range(int(abs({s})) % 4):\n@    {w} = 0.5 * ({w} + 2 / {w})",
    "{w} = None\n@for u in {f}:\n@    if u > {c}:\n@        {w} = u\n@        break\n@else:\n@    {w} = {s}",
    "{w} = {f}\n@for j in range(2):\n@    {w} = {w} * 0.5 + {w}[::-1]", "{w} = {{}}\n@for j, u in enumerate({f}):\n@    {w}[f'k{{j}}'] = u * j\n@{w} = {w}['k1']",
    "{w} = 0.0\n@try:\n@    {w} = np.linalg.inv({f})[0, 0]\n@except np.linalg.LinAlgError:\n@    {w} = {c}\n@else:\n@    {w} += 1\n@finally:\n@    {w} *= 2",
    "{w} = 0.0\n@try:\n@    if {s} > {c}: raise KeyError('large')\n@    {w} = {s}\n@except KeyError as error:\n@    {w} = {c} * len(str(error))",
    "def {w}(u):\n@    if u.sum() > {c}:\n@        return u * 2\n@    for j in range(3):\n@        if u[j] > 0: return u + j\n@    return -u\n@{w2} = {w}({f})",
    "def {w}():\n@    nonlocal_ = {f} * 1\n@    def deeper(k):\n@        nonlocal nonlocal_\n@        nonlocal_ = nonlocal_ * k\n@        return nonlocal_\n@    deeper(2.0)\n@    return deeper({s})\n@{w2} = {w}()",
    "match {n}:\n@    case 0: {w} = {f}\n@    case 1 | 2: {w} = {s}\n@    case _: {w} = {c}",
    "{w} = {{**{{'p': {f}}}, 'q': {s}}}; {w2} = sum(np.sum(u) for u in {w}.values())", "{w}, ({w2}, _) = {s}, ({f}, 1)", "{w} = [{f}, {f}]; {w}[0] = {w}[1] * 2",
    "{w} = [{v}, {s}]; {w}[0][1:] = {c}", "{w} = {{'a': {v}}}; {w}['a'][0] = {s}", "{w} = Pair({v}, {s}); {w}.one[:1] *= {c}", "{w} = Pair({v}, {s}); {w}.one += {c}; {w}.two = {w}.one.sum()",
    "{w} = ({v}, {v}); {w}[1][0] += {s}", "{w} = {v}; {w} += 1; {w} = {w} * 2; {w} -= {v}", "{w} = {v}[0]; {v} *= 2", "{w} = {v}[:1]; {v} *= 2", "{w} = [u for u in {v}]; {v} += 1",
    "{w} = {v} * 1; {v}[...] = 0; {v} += {w}", "{w} = {z} * {s}; {w}.real[0] = {c}", "{w} = np.array({f}, complex); {w}.imag = {f}; {w} = np.abs({w})", "{w} = {z}.copy(); {w}[0] = 1j * {s}; {w} = {w} * {w}.conj()",
    "{w} = {z}.real; {w2} = np.vdot({z}, {z})", "{w} = {k} ** 2 + 1", "{k} += 1", "{k}[0] = {s}", "{k} *= {f}", "{w} = {k}.copy(); {w} += {f}", "{w} = np.zeros(3, np.float32); {w} += {f}; {w} *= {k}",
    "record.one[...] = {e}", "record.one *= {c}", "nested['deep'][0][1:] = {c}", "{w} = nested['deep'][0] * nested['rate']", "{w} = [u * 2 for u in nested['deep']]",
    "rng.shuffle({v})", "{w} = rng.normal(size={f}.shape) * {f}", "{w} = rng.choice({f}, 2)", "{v}[rng.integers(3)] = {s}", "{v} += rng.standard_normal({v}.shape)",
    "{w} = sum(rng.random() * u for u in {f})", "{w} = {f} if rng.random() < 0.5 else -{f}", "{w} = [rng.random() for _ in range({n})]",
    "{w} = np.add.reduce([{f}, {f}])", "{w} = np.subtract.outer({f}, {f}).T", "{w} = np.logaddexp.accumulate({f})", "{w} = np.maximum.accumulate({f}[::-1])", "{w} = np.add.reduceat({f}, {i})",
    "{w} = np.nditer; {w} = [float(u * 0 + 1) for u in range({n})]", "{w} = [u * j for (j,), u in np.ndenumerate({f})]", "{w} = [{f}[u] for u in np.ndindex(2)]",
    "{w} = SETTINGS.apply({f})", "{w} = LAYERS[-1] * {s}", "{w} = [layer @ {f} for layer in LAYERS]", "{w} = functools.partial(shifted, by={s})({f})", "{w} = operator.itemgetter(0)({f})",
    "{w} = max([{f}, -{f}], key=np.sum)", "{w} = sorted([{s}, {c}, 0.2])", "{w} = min({f}, key=abs)", "{w} = dict(zip('ab', {f}))['a']", "{w} = list(itertools.accumulate({f}))", "{w} = [a * b for a, b in itertools.product({f}[:2], {f}[:2])]",
    "{w} = list(filter(lambda u: u > {c}, {f}))", "{w} = {s}; {w} += {f}", "{w} = {s}; {w} *= 2; {w} **= 2", "{w} = +{f}; {w}[0] = 0", "{w} = {f}.__iadd__({c})", "{w} = {f}.clip(min={c})", "{w} = {f}.round(1) * {f}",
    "{w} = {f}.repeat(2).reshape(-1, 2)", "{w} = {f}.searchsorted({s})", "{w} = {f}.argmax() + {f}.argmin()", "{w} = {f}.nonzero()[0] * 2", "{w} = {f}.cumsum()[::-1]", "{w} = {f}.take([0, 1])", "{w} = {f}.diagonal().sum()", "{w} = {f}.trace()", "{w} = {f}.var(axis=0)",
    "{w} = {f}.conj().T", "{w} = {f}.transpose(-1, 0)", "{w} = {f}.view(np.ndarray); {w}[0] = {c}", "{w} = {f}.dot({f})", "{w} = {f}.compress({m})", "{w} = {f}.choose if False else {f}", "{w} = {f}.swapaxes(0, -1).copy(); {w} *= {e}",
)  # fmt: skip
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
    "return {d}", "return {z}, {f}", "return {k}, {v}", "return {l}", "return ({v}[::-1], {v})", "return [{v}.T, {v}[1:], {v}]",
    "return {{'a': {v}, 'b': [{s}, {v}.reshape(-1)]}}", "return np.array([{s}, {s}])", "return Pair({v}, ({f}, {i}))",
    "return {a}", "return {e}", "return {s}", "return {a}, {s}", "return [{a}, {e}]", "return {v}[1:]",
    "return {{'value': {e}, 'other': {a}}}", "return {s}, None, 'text', {n}", "return Pair({e}, {s})",
    "return {v}.T", "return {v}, {v}", "return ({s}, ({e}, [{a}]))", "return {f}.sum() + {s}",
    "return {v}[0]", "return {m}", "return {i}",
)  # fmt: skip

PREAMBLE = """\
import functools
import itertools
import math
import operator
from dataclasses import dataclass

import numpy as np

from tests.fuzz.records import Record

W = np.array([0.5, -1.5, 2.0])
K = 1.25
TABLE = {"scale": 0.75, "weights": np.array([1.0, 2.0, 3.0])}


LAYERS = [np.array([0.25, 1.0, -0.5]), np.array([2.0, -1.0, 0.75])]


class Settings:
    def __init__(self, rate):
        self.rate = rate

    def apply(self, u):
        return u * self.rate if self.rate < 0.5 else u - self.rate


SETTINGS = Settings(0.1)


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


def make_adder(k):
    def add(u):
        return u + k

    return add


adder = make_adder(0.5)


def scale_by(u, k=np.array([1.0, 0.5, 0.25])):
    return u * k


def compose(*functions):
    def run(u):
        for function in functions:
            u = function(u)
        return u

    return run


def rootish(u, steps=4):
    guess = np.ones_like(u)
    for _ in range(steps):
        guess = 0.5 * (guess + (np.abs(u) + 1) / guess)
        if np.max(np.abs(guess * guess - np.abs(u) - 1)) < 0.01:
            return guess
    return guess + 1


def first_large(u, k):
    for j, item in enumerate(u.ravel()):
        if item > k:
            return u * j
    return -u


def recursive(u, depth):
    return u if depth == 0 else recursive(u * 0.5 + 1, depth - 1)


def counted(s):
    count = 0
    while s > 0.5 and count < 6:
        s = s * 0.5
        count += 1
    return s + count


def collatz(n):
    steps = 0
    while n > 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        steps += 1
    return steps


"""
