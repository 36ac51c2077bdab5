"""What the models take at realistic sizes: `python -m tests.models --only gru crf`.

For each: processor seconds to compile value and gradient, lines of the file, milliseconds of a
call, how many times the value's time and the plain function's time that is, and how many times as
long the peer takes for the same text. With `--check` the machine code is checked as the tests check
the text.
"""

from __future__ import annotations

import argparse
import importlib
import os
import tempfile
import time
import types
import warnings
from pathlib import Path
from typing import Any

from benchmarks.timing import use_threads

HEAD = f"{'model':42}{'compile s':>10}{'lines':>7}{'ms':>10}{'/value':>8}{'/NumPy':>8}  peer"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.models", description=__doc__)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="models or fields")
    parser.add_argument("--check", action="store_true", help="check the machine code too")
    parser.add_argument("--small", action="store_true", help="at the sizes of the tests")
    parser.add_argument("--peers", action="store_true", help="time JAX and autograd, too")
    given = parser.parse_args()
    use_threads(1)
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CODEGEN_AD_CACHE"] = folder
        from tests.models.fields import MODELS

        print(HEAD, flush=True)
        for model in MODELS:
            if given.only and not {model.name, model.module} & set(given.only):
                continue
            try:
                _report(model, given)
            except Exception as error:  # one model's failure is a line of the report
                print(f"{_title(model)}{type(error).__name__}: {error}", flush=True)


def _title(model: Any) -> str:
    return f"{model.module + '.' + model.name:42}"


def _report(model: Any, given: argparse.Namespace) -> None:
    import numpy as np

    from tests.end_to_end.checks import derivatives
    from tests.models import checking

    args = model.arguments(model.small if given.small else model.usual)
    found = derivatives(checking.case_of(model))
    wanted = checking.value_leaves(model, args)
    is_number = len(wanted) == 1 and not wanted[0].shape
    cotangent = checking.filled(
        checking.plain_value(checking.case_of(model), args),
        iter([np.ones(w.shape)[()] for w in wanted]),
    )

    def gradient() -> Any:
        if is_number:
            return found.value_and_grad(*args)
        return found.vjp(*args, cotangent=cotangent)

    start = time.process_time()
    gradient()
    compiling = time.process_time() - start
    mode = "value_and_grad" if is_number else "vjp"
    text = Path(found.source_path(*args, mode=mode)).read_text("utf-8")
    found.value(*args)
    ours, value = _fastest(gradient, lambda: found.value(*args))
    (plain,) = _fastest(lambda: model.function(*checking.copy.deepcopy(args)))
    line = f"{_title(model)}{compiling:10.1f}{len(text.splitlines()):7}{1e3 * ours:10.3f}"
    line += f"{ours / value:8.1f}{ours / plain:8.3f}"
    if given.peers and model.peer and is_number:
        line += f"  {_peer(model, args, found, ours)}"
    print(line, flush=True)
    if given.check:
        checking.check(model, args, checking.compiled(model), second=True)


def _fastest(*calls: Any) -> list[float]:
    """The least seconds of each call, taken in turns."""
    best = [float("inf")] * len(calls)
    for call in calls:
        call()
    end = time.perf_counter() + 1.0
    for turn in range(200):
        for k, call in enumerate(calls):
            start = time.perf_counter()
            call()
            best[k] = min(best[k], time.perf_counter() - start)
        if turn >= 2 and time.perf_counter() > end:
            break
    return best


def _peer(model: Any, args: Any, found: Any, ours: float) -> str:
    """How many times as long the peer takes, after its result is found to be the same."""
    import numpy as np

    from tests.end_to_end.checks import leaves_in

    call = peer_gradient(model, args)
    wanted = [leaf for _, leaf in leaves_in(found.value_and_grad(*args)[1])]
    start = time.process_time()
    parts = call()
    compiling = time.process_time() - start
    for one, two in zip(wanted, parts, strict=True):
        off = np.max(np.abs(one - two), initial=0.0)
        assert off <= 1e-6 * np.max(np.abs(two), initial=1e-12), f"{model.peer} finds another"
    (theirs,) = _fastest(call)
    return f"{theirs / ours:.1f} of {model.peer}, which compiles {compiling:.1f} s"


def peer_gradient(model: Any, args: Any) -> Any:
    """What computes the leaves of the gradient by the model's peer, of the same text."""
    import numpy as np

    from tests.models.checking import places

    where = tuple(places(model))
    if model.peer == "jax":
        import jax

        function = text_with(model, "jax.numpy")
        whole = [k for k, a in enumerate(args) if isinstance(a, int | str)]
        gradient = jax.jit(jax.grad(function, argnums=where), static_argnums=whole)
        given = [
            a if k in whole else jax.tree.map(jax.numpy.asarray, a) for k, a in enumerate(args)
        ]

        def compute() -> Any:
            found = jax.block_until_ready(gradient(*given))
            return [np.asarray(leaf) for k, part in zip(where, found, strict=True)
                    for leaf in _leaves(args[k], part)]  # fmt: skip

        return compute
    import autograd

    function = text_with(model, "autograd.numpy")
    gradient = autograd.grad(lambda varied: function(*_with(args, where, varied)))
    varied = [args[k] for k in where]
    return lambda: _leaves(varied, gradient(varied))


def _with(args: Any, where: tuple[int, ...], varied: Any) -> list[Any]:
    new = list(args)
    for k, value in zip(where, varied, strict=True):
        new[k] = value
    return new


def _leaves(like: Any, value: Any) -> list[Any]:
    """The parts of a structure in the order of another one, as dicts come back sorted."""
    if isinstance(like, dict):
        return [leaf for key, part in like.items() for leaf in _leaves(part, value[key])]
    if isinstance(like, list | tuple):
        pairs = zip(like, value, strict=True)
        return [leaf for one, other in pairs for leaf in _leaves(one, other)]
    return [value]


def text_with(model: Any, numpy: str) -> Any:
    """The model's function from its module's text, in which another library stands for NumPy."""
    module = importlib.import_module(f"tests.models.{model.module}")
    path = Path(str(module.__file__))
    text = path.read_text("utf-8").replace("import numpy as np", f"import {numpy} as np")
    twin = types.ModuleType(f"{numpy}.{model.module}")
    exec(compile(text, str(path), "exec"), vars(twin))
    return vars(twin)[model.name]


if __name__ == "__main__":
    main()
