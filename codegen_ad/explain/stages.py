"""A build, stage by stage, as texts.

This module runs the stages through `build` and prints what they made; it does none of their work.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Protocol

from codegen_ad.errors import InvalidArgument
from codegen_ad.explain.source import SourceText
from codegen_ad.options import Options, shown_stages

if TYPE_CHECKING:
    from codegen_ad.ir.node import Program
    from codegen_ad.plan.kernel import Kernel
    from codegen_ad.runtime.dispatch import Kernels
    from codegen_ad.signature import Signature

STAGES = {
    "program": "the function, as it was read",
    "simplified": "the program, made smaller before it is differentiated",
    "gradient": "the program with its derivative",
    "optimized": "the same after all passes: what is planned",
    "plan": "loops, storage, and the order of statements",
    "code": "the generated file",
    "rewrites": "how often each rule was applied",
}
"""The stages in order, each with what its text shows."""


class HasKernels(Protocol):
    """What `explain` needs of a differentiable function."""

    options: Options

    @property
    def __wrapped__(self) -> Any: ...

    @property
    def kernels(self) -> Kernels:
        """The kernels of the function."""
        ...


@dataclass(frozen=True, slots=True, repr=False)
class Explanation:
    """What each stage made of a function, for one combination of arguments.

    Attributes
    ----------
    program : the function as it was read: one line an operation.
    simplified : the program before it is differentiated.
    gradient : the program with its derivative.
    optimized : that program after all passes.
    plan : the loops, and what is stored and why.
    code : the generated file.
    rewrites : which rule was applied how often.
    notes : what the frontend remarks on the function; often empty.
    latex : a simple model and its derivatives as LaTeX; empty where that would not be readable.
    """

    function: str
    signature: str
    mode: str
    program: str
    simplified: str
    gradient: str
    optimized: str
    plan: str
    code: SourceText
    rewrites: str
    notes: tuple[str, ...]
    latex: str

    def text(self, stage: str) -> str:
        """The text of one stage.

        Raises
        ------
        InvalidArgument
            If there is no such stage.
        """
        if stage not in STAGES:
            raise InvalidArgument(
                f"there is no stage {stage!r}; the stages are {', '.join(STAGES)}"
            )
        return str(getattr(self, stage)) if stage != "code" else self.code.plain

    def __repr__(self) -> str:
        """All stages, each below its heading."""
        parts = [f"{self.function}, {self.mode}, for {self.signature}\n"]
        parts += [f"{_heading(s)}\n{self.text(s).rstrip()}\n" for s in STAGES]
        if self.latex:
            parts.append(f"{_rule('latex', 'the model and its derivatives')}\n{self.latex}\n")
        if self.notes:
            parts.append(f"{_rule('notes', 'remarks')}\n" + "\n".join(self.notes) + "\n")
        return "\n".join(parts)

    def _repr_html_(self) -> str:
        """All stages for a notebook, each to be opened."""
        head = escape(f"{self.function}, {self.mode}, for {self.signature}")
        parts = [f"<p><code>{head}</code></p>"]
        for stage, meaning in STAGES.items():
            plain = f"<pre>{escape(self.text(stage))}</pre>"
            body = self.code._repr_html_() if stage == "code" else plain  # pyright: ignore[reportPrivateUsage]
            is_open = " open" if stage == "code" else ""
            parts.append(
                f"<details{is_open}><summary><b>{stage}</b>: {escape(meaning)}</summary>{body}"
                "</details>"
            )
        if self.latex:
            parts.append("".join(f"<p>$${line}$$</p>" for line in self.latex.splitlines()))
        return "".join(parts)


def explain(
    differentiable: HasKernels, args: Sequence[Any], kwargs: Mapping[str, Any], mode: str
) -> Explanation:
    """The stages for such arguments, or without any for those of the last call in that mode.

    Raises
    ------
    InvalidArgument
        If there are no arguments and nothing has been called yet.
    """
    kernels = differentiable.kernels
    if args or kwargs:
        signature = kernels.binder.form(kernels.binder.bind(args, kwargs))
        return explain_signature(differentiable, signature, mode)
    latest = kernels.latest(mode)
    if latest is None:
        name = kernels.binder.name
        raise InvalidArgument(
            f"{name} has not been compiled yet: call {name}.{mode}(...) first, or pass "
            f"arguments like those you will use: {name}.explain(...)"
        )
    return explain_signature(differentiable, latest.signature, mode)


def explain_signature(differentiable: HasKernels, signature: Signature, mode: str) -> Explanation:
    """The stages for arguments of these forms."""
    from codegen_ad import build
    from codegen_ad.explain.latex import latex_of

    wrt = differentiable.kernels.binder.wrt
    stages = build.run(differentiable.__wrapped__, signature, mode, differentiable.options, wrt)
    return Explanation(
        stages.about.source,
        str(signature),
        mode,
        stage_text(stages.reading.program),
        stage_text(stages.simplified),
        stage_text(stages.derived),
        stage_text(stages.optimized),
        stage_text(stages.kernel),
        SourceText(stages.text),
        rewrites_text(stages.rewrites),
        tuple(stages.reading.notes),
        latex_of(stages.simplified, wrt),
    )


def stage_text(stage: Program | Kernel | str) -> str:
    """A program, a plan or a file as text."""
    from codegen_ad.ir.node import Program
    from codegen_ad.ir.text import program_text
    from codegen_ad.plan.text import kernel_text

    if isinstance(stage, str):
        return stage
    return program_text(stage) if isinstance(stage, Program) else kernel_text(stage)


def rewrites_text(rewrites: Counter[str]) -> str:
    """Which rule was applied how often, the most frequent first."""
    if not rewrites:
        return "no rule was applied\n"
    ordered = sorted(rewrites.items(), key=lambda item: (-item[1], item[0]))
    width = len(str(ordered[0][1]))
    return "".join(f"{count:>{width}} × {rule}\n" for rule, count in ordered)


def show(stage: str, value: Program | Kernel | str) -> None:
    """Print a stage to standard error, if `CODEGEN_AD_SHOW` names it."""
    if stage not in shown_stages():
        return
    sys.stderr.write(f"{_heading(stage)}\n{stage_text(value).rstrip()}\n\n")


def _heading(stage: str) -> str:
    return _rule(stage, STAGES[stage])


def _rule(title: str, meaning: str) -> str:
    return f"── {title}: {meaning} ".ljust(79, "─")
