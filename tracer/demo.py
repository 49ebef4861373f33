"""``tracer demo``: trains the digits sample, writes picture, source and gradient, checks them.

>>> demo(Path("tracer-demo"))
0

What it writes is checked in a process of its own, in which this package is not imported: the
saved module against the traced gradient, and against finite differences.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

STEPS = 120

VERIFY = '''\
"""Run the saved gradient where only NumPy is: compare it with the traced one and differences."""
import sys

import numpy as np

import loss_gradient

assert not {"tracer", "networkx", "scipy"} & set(sys.modules), "the module needs more than NumPy"
data = np.load("check.npz")
names = [name[6:] for name in data.files if name.startswith("param_")]
params = {name: data["param_" + name] for name in names}
x, labels = data["x"], data["labels"]
value, gradient = loss_gradient.value_and_grad(params, x, labels)
assert value == data["value"], (value, data["value"])
traced = max(np.max(np.abs(gradient[name] - data["gradient_" + name])) for name in names)

draw = np.random.default_rng(1)
worst = 0.0
for _ in range(5):
    step = {name: draw.normal(size=params[name].shape) for name in names}
    ahead, behind = (
        loss_gradient.value_and_grad({n: params[n] + h * step[n] for n in names}, x, labels)[0]
        for h in (1e-5, -1e-5)
    )
    slope = (ahead - behind) / 2e-5
    worst = max(worst, abs(slope - sum(np.sum(gradient[n] * step[n]) for n in names)) / abs(slope))
print(f"{traced:.1e} {worst:.1e}")
sys.exit(1 if traced > 1e-14 or worst > 1e-6 else 0)
'''


def demo(folder: Path) -> int:
    """Run it; the exit code."""
    if missing := [name for name in ("scipy", "sklearn") if importlib.util.find_spec(name) is None]:
        print(
            f"tracer demo needs {' and '.join(missing)}: pip install 'calcgraph[samples]'",
            file=sys.stderr,
        )
        return 2
    began = time.perf_counter()
    folder.mkdir(parents=True, exist_ok=True)
    digits = sample("digits", folder)
    with progress_display("training") as progress:
        params, accuracy = digits.train(STEPS, progress=progress)
    seconds = time.perf_counter() - began
    print(f"trained 64 → 32 → 10 on handwritten digits in {seconds:.1f} s")
    print(f"accuracy on digits not seen: {accuracy:.1%}")
    (x, labels), _ = digits.load()
    write(folder, digits.loss, params, x, labels)
    done = subprocess.run(
        [sys.executable, "verify.py"], cwd=folder, capture_output=True, text=True, timeout=120
    )
    if done.returncode or accuracy < 0.95:
        print(f"the demo failed its own check:\n{done.stdout}{done.stderr}", file=sys.stderr)
        return 1
    traced, differences = done.stdout.split()
    print("checked in a fresh process that imports NumPy alone:")
    print(f"  the saved gradient differs from the traced one by {traced} at most")
    print(f"  and from central differences by {differences} relative")
    return 0


def write(folder: Path, loss: Any, params: dict[str, Any], x: Any, labels: Any) -> None:
    """The picture, the source, the saved module and what its check needs."""
    import viz
    from tracer import value_and_grad

    viz.render(loss.graph(params, x, labels), folder / "loss.svg")
    (folder / "loss_source.py").write_text(loss.source(params, x, labels), encoding="utf-8")
    loss.save(folder / "loss_gradient.py", params, x, labels)
    value, gradient = value_and_grad(loss)(params, x, labels)
    stored = {f"param_{name}": array for name, array in params.items()}
    stored |= {f"gradient_{name}": array for name, array in gradient.items()}
    np.savez(folder / "check.npz", value=value, x=x, labels=labels, **stored)
    (folder / "verify.py").write_text(VERIFY, encoding="utf-8")
    for name, what in (
        ("digits.py", "the network in plain NumPy"),
        ("loss.svg", "the graph: forward, cotangents and every VJP with its shapes"),
        ("loss_source.py", "the generated forward and backward code"),
        ("loss_gradient.py", "the gradient as a module that needs only NumPy"),
        ("verify.py", "its check, with the numbers in check.npz"),
    ):
        print(f"  {folder / name!s:32} {what}")


def sample(name: str, folder: Path | None = None) -> Any:
    """A sample as a module: from the installed package, else from the checkout.

    In ``folder`` it gets a copy, so that what is generated quotes a file that people can see.
    """
    here = Path(__file__).parent
    path = next(p for p in (here / "samples", here.parent / "samples") if p.is_dir())
    path = path / f"{name}.py"
    if folder is not None:
        path = Path(shutil.copyfile(path, folder / path.name))
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextmanager
def progress_display(title: str) -> Iterator[Callable[[int, float], None]]:
    """Shows steps and loss on stderr: a bar where rich and a terminal are, else lines."""
    if sys.stderr.isatty() and importlib.util.find_spec("rich") is not None:
        from rich.console import Console
        from rich.progress import Progress

        with Progress(console=Console(stderr=True)) as bar:
            task = bar.add_task(title, total=STEPS)
            yield lambda step, value: bar.update(
                task, completed=step, description=f"{title}  loss {value:.4f}"
            )
            return

    def line(step: int, value: float) -> None:
        if step == 1 or step % 20 == 0:
            print(f"{title}: step {step:3d}, loss {value:.4f}", file=sys.stderr)

    yield line
