"""Writes each sample's picture and generated code into ``samples/generated``.

$ python -m samples.make

The layout is graphviz-pure's, so that the pictures do not depend on what the system has.
"""

import os
import shutil
import sys
import sysconfig
from pathlib import Path

import numpy as np

import viz

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import digits  # noqa: E402
import matmul  # noqa: E402


def calls():
    """Name, traced function, arguments and which of them are differentiated."""
    draw = np.random.default_rng(0)
    batch = (digits.start(), draw.random((128, 64)), draw.integers(0, 10, 128))
    yield "digits", digits.loss, batch, 0
    yield "matmul", matmul.product, (np.ones((3, 4)), np.ones((4, 2))), (0, 1)


def main(folder: Path) -> None:
    pure = shutil.which("graphviz-pure", path=sysconfig.get_path("scripts"))
    os.environ.setdefault("TRACER_DOT", pure or "")
    folder.mkdir(exist_ok=True)
    for name, function, arguments, argnums in calls():
        source = function.source(*arguments, argnums=argnums)
        (folder / f"{name}.py").write_text(source, encoding="utf-8")
        viz.render(function.graph(*arguments, argnums=argnums), folder / f"{name}.svg")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "generated")
