"""The ``tracer`` command: data on stdout, messages on stderr, exit code 0, 1 or 2.

$ tracer demo
$ tracer source model.py:loss --arg w=f8[3,4] --arg x=f8[5,3] --arg y=f8[5,4]
$ tracer graph model.py:loss --arg w=f8[3,4] --arg x=f8[5,3] --arg y=f8[5,4] -o loss.svg
$ tracer check pkg.model:loss --arg params.w=f8[3] --arg params.b=0.5

Exit code 1 means that the function or its check failed, 2 that the command line was wrong. What
the function raises is shown with its own frames alone; ``TRACER_FULL_TRACEBACK=1`` shows all.
"""

from __future__ import annotations

import argparse
import ast
import functools
import importlib
import importlib.util
import inspect
import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tracer.errors import ArgnumsError, CheckFailed, CliError, TracerError
from tracer.python.tracebacks import shown

PICTURES = (".svg", ".dot", ".png", ".txt")
EPILOG = """\
TARGET is pkg.module:function or path/to/file.py:function.
SPEC is name=value, one per argument:
  x=f8[3,4]      random numbers; the dtype as NumPy's code (f8), in bits (f64) or float64
  n=3  rate=0.5  a Python literal
  x=@data.npy    an array from a file
  params.w=f8[3] an entry of a dict
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        code = options.run(options)
        if sys.stdout is not None:
            sys.stdout.flush()  # here, where what goes wrong can be said
        return code
    except (CliError, ArgnumsError) as error:
        return _fail(f"tracer: {error}", 2)
    except TracerError as error:
        return _fail(f"{type(error).__name__}: {error}", 1)
    except BrokenPipeError:  # the reader of stdout went away: `tracer source … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return _fail("tracer: interrupted", 130)  # as shells count it
    except SystemExit as error:
        return _fail(f"{shown(error)}tracer: the function ended the process", 1)
    except Exception as error:
        return _fail(shown(error), 1)


def _say(text: str) -> None:
    print(text.rstrip("\n"), file=sys.stderr)


def _fail(text: str, code: int) -> int:
    _say(text)
    return code


def _parser() -> argparse.ArgumentParser:
    from tracer import __version__

    parser = argparse.ArgumentParser(
        "tracer", description="Gradients, readable NumPy source and pictures of NumPy functions."
    )
    parser.add_argument("--version", action="version", version=f"calcgraph {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    demo = commands.add_parser("demo", help="train a network on handwritten digits, show it all")
    folder = Path("tracer-demo")
    _add_output(demo, "FOLDER", "where its files go (tracer-demo)", default=folder)
    demo.set_defaults(run=_demo)

    source = _of_target(commands, "source", "print the generated NumPy source", _source)
    graph = _of_target(commands, "graph", "print the graph, or draw it into a file", _graph)
    for command in (source, graph):
        command.add_argument(
            "--mode",
            default="vjp",
            choices=("vjp", "forward", "jvp"),
            help="with its pullback (vjp), alone (forward) or with its tangents (jvp)",
        )
        command.add_argument(
            "--argnums",
            type=_numbers,
            default=0,
            metavar="N[,N]",
            help="differentiate with respect to these arguments, counted from 0 (the first)",
        )
    _add_output(source, "FILE", "instead of stdout")
    _add_output(graph, "FILE", "a picture (.svg, .dot, .png), or the text (.txt)")
    check = _of_target(commands, "check", "compare the derivatives with differences", _check)
    check.add_argument(
        "--order", type=int, default=2, choices=(1, 2), help="up to which derivative (2)"
    )
    check.add_argument("--rtol", type=float, help="relative tolerance (1e-6 in double precision)")
    return parser


def _add_output(command: Any, kind: str, text: str, default: Path | None = None) -> None:
    command.add_argument("-o", "--output", type=Path, metavar=kind, help=text, default=default)


def _of_target(commands: Any, name: str, text: str, run: Callable[[Any], int]) -> Any:
    command = commands.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("target", metavar="TARGET", help="the function")
    command.add_argument(
        "--arg", action="append", default=[], metavar="SPEC", dest="specs", help="an argument of it"
    )
    command.add_argument("--seed", type=int, default=0, help="of the random numbers")
    command.add_argument("--json", action="store_true", help="machine-readable result")
    command.set_defaults(run=run)
    return command


def _numbers(text: str) -> int | tuple[int, ...]:
    try:
        numbers = tuple([int(part) for part in text.split(",")])
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not N or N,N") from None
    return numbers[0] if len(numbers) == 1 else numbers


# -- commands -----------------------------------------------------------------------------------
def _demo(options: argparse.Namespace) -> int:
    from tracer.demo import demo

    try:
        options.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritten(options.output, error) from None
    return demo(options.output)


def _source(options: argparse.Namespace) -> int:
    function, call = _traced_call(options)
    text = function.source(*call.args, **call.kwargs, argnums=options.argnums, mode=options.mode)
    if options.json:
        text = json.dumps({"target": options.target, "mode": options.mode, "source": text})
    return _deliver(text, options.output)


def _graph(options: argparse.Namespace) -> int:
    if options.output is not None and options.output.suffix not in PICTURES:
        raise CliError(
            f"a graph is written as {', '.join(PICTURES)}, not {options.output.name!r}",
            fix="choose another --output",
        )
    function, call = _traced_call(options)
    graph = function.graph(*call.args, **call.kwargs, argnums=options.argnums, mode=options.mode)
    if options.json:
        return _deliver(json.dumps(_described(graph), indent=1), options.output)
    if options.output is None or options.output.suffix == ".txt":
        return _deliver(str(graph), options.output)
    import viz

    try:
        _say(f"wrote {viz.render(graph, options.output)}")
    except OSError as error:
        raise _unwritten(options.output, error) from None
    return 0


def _check(options: argparse.Namespace) -> int:
    from tracer.testing import check_grads

    function, call = _traced_call(options)
    named = functools.partial(function, **call.kwargs) if call.kwargs else function
    failure = ""
    try:
        check_grads(named, call.args, order=options.order, rtol=options.rtol)
    except CheckFailed as error:
        failure = str(error)
    if options.json:
        print(json.dumps({"target": options.target, "ok": not failure, "message": failure}))
    elif failure:
        _say(f"CheckFailed: {failure}")
    else:
        print(f"{options.target}: vjp and jvp agree with differences to order {options.order}")
    return 1 if failure else 0


def _deliver(text: str, output: Path | None) -> int:
    if output is None:
        print(text.rstrip("\n"))
    else:
        try:
            output.write_text(text.rstrip("\n") + "\n", encoding="utf-8")
        except OSError as error:
            raise _unwritten(output, error) from None
        _say(f"wrote {output}")
    return 0


def _unwritten(output: Path, error: OSError) -> CliError:
    return CliError(f"{output} can't be written: {error.strerror}", fix="choose another --output")


def _described(graph: Any) -> dict[str, Any]:
    numbers = {node: number for number, node in enumerate(graph.order)}
    nodes = [
        {
            "op": node.op.name,
            "name": node.name,
            "inputs": [numbers[operand] for operand in node.inputs],
            "specs": [repr(spec) for spec in node.specs],
            "origin": str(node.origin) if node.origin else None,
        }
        for node in graph.order
    ]
    ends = {"inputs": graph.inputs, "outputs": graph.outputs}
    return {
        "title": graph.title,
        **{key: [numbers[node] for node in value] for key, value in ends.items()},
        "roles": graph.roles,
        "guards": len(graph.guards),
        "nodes": nodes,
    }


# -- the function and its arguments -------------------------------------------------------------
def _traced_call(options: argparse.Namespace) -> tuple[Any, inspect.BoundArguments]:
    from tracer.api import trace
    from tracer.function.traced import TracedFunction

    function = _find(options.target)
    traced = function if isinstance(function, TracedFunction) else trace(function)
    arguments = _arguments(options.specs, np.random.default_rng(options.seed))
    return traced, _bound(function, arguments)


def _bound(function: Callable[..., Any], arguments: dict[str, Any]) -> inspect.BoundArguments:
    """The arguments in the order of the function's parameters.

    Raises
    ------
    CliError
        If one is missing, or is no parameter of the function.
    """
    try:
        signature = inspect.signature(function)
    except ValueError as error:  # a builtin that does not tell
        raise CliError(str(error), fix="write a Python function that calls it") from None
    by_place = [
        arguments.pop(name)
        for name, parameter in signature.parameters.items()
        if parameter.kind is parameter.POSITIONAL_ONLY and name in arguments
    ]
    try:
        return signature.bind(*by_place, **arguments)
    except TypeError as error:
        name = getattr(function, "__name__", "the function")
        raise CliError(
            f"{name}{signature}: {error}", fix="give each parameter its --arg NAME=SPEC"
        ) from None


def _find(target: str) -> Callable[..., Any]:
    """The function that ``module:function`` names.

    Raises
    ------
    CliError
        If there is no such module or function.
    """
    place, colon, name = target.rpartition(":")
    if not colon or not name:
        raise CliError(f"{target!r} names no function", fix="write pkg.module:function")
    module = _load(place)
    found: Any = module
    for part in name.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        public = [key for key, value in vars(module).items() if callable(value) and key[0] != "_"]
        fix = f"one of {', '.join(public)}" if public else ""
        raise CliError(f"{place} has no function {name!r}", fix=fix)
    return found


def _load(place: str) -> Any:
    if place.endswith(".py"):
        path = Path(place)
        if not path.is_file():
            raise CliError(f"there is no file {place}")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        known = sys.modules.setdefault(path.stem, module)
        sys.path.insert(0, str(path.parent))
        try:
            spec.loader.exec_module(module)
        except BaseException:
            if known is module:
                del sys.modules[path.stem]
            raise
        return module
    sys.path.insert(0, os.getcwd())
    try:
        return importlib.import_module(place)
    except ModuleNotFoundError as error:
        if error.name and place.startswith(error.name):
            raise CliError(f"there is no module {error.name}") from None
        raise


_ARRAY = re.compile(r"([a-z]+\d*)\[([\d,\s]*)\]")


def _arguments(specs: Sequence[str], generator: np.random.Generator) -> dict[str, Any]:
    """Keyword arguments from ``name=value`` texts; a dotted name is an entry of a dict."""
    found: dict[str, Any] = {}
    for text in specs:
        name, equals, value = text.partition("=")
        *outer, last = name.split(".")
        if not equals or not all(part.isidentifier() for part in (*outer, last)):
            raise CliError(f"--arg {text!r} is not name=value", fix="write --arg x=f8[3,4]")
        level = found
        for part in outer:
            level = level.setdefault(part, {})
            if not isinstance(level, dict):
                raise CliError(f"--arg {text!r}: {part} already has a value")
        level[last] = _value(value.strip(), text, generator)
    return found


def _value(value: str, text: str, generator: np.random.Generator) -> Any:
    if value.startswith("@"):
        return _from_file(value[1:], text)
    if match := _ARRAY.fullmatch(value):
        shape = tuple([int(size) for size in match[2].split(",") if size.strip()])
        dtype = _dtype(match[1], text)
        try:
            return _random(dtype, shape, generator)
        except (ValueError, MemoryError) as error:
            raise CliError(f"--arg {text!r}: {error}", fix="choose a smaller shape") from None
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError):
        raise CliError(
            f"--arg {text!r}: {value!r} is no array, number or file", fix="write x=f8[3,4], x=0.5"
        ) from None


def _from_file(path: str, text: str) -> np.ndarray:
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise CliError(f"--arg {text!r}: {reason}", fix="write x=@data.npy") from None
    if not isinstance(found, np.ndarray):
        raise CliError(f"--arg {text!r}: {path} holds several arrays", fix="save one as .npy")
    return found


def _dtype(code: str, text: str) -> np.dtype:
    from tracer.graph.spec import LONG_DTYPES

    for name in (code, LONG_DTYPES.get(code)):
        try:
            if name is not None and np.dtype(name).kind in "biufc":
                return np.dtype(name)
        except TypeError:
            continue
    raise CliError(
        f"--arg {text!r}: {code!r} is no dtype of numbers", fix="f8, f4, c16, i8, bool …"
    )


def _random(dtype: np.dtype, shape: tuple[int, ...], generator: np.random.Generator) -> Any:
    if dtype.kind == "b":
        return generator.integers(0, 2, shape).astype(dtype)
    if dtype.kind in "iu":
        return generator.integers(0, 10, shape).astype(dtype)
    drawn = generator.standard_normal(shape)
    if dtype.kind == "c":
        drawn = drawn + 1j * generator.standard_normal(shape)
    return np.asarray(drawn).astype(dtype)
