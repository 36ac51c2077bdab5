"""Partial derivatives of elementwise operations, as text, found once by SymPy.

The text speaks of the arguments by their letters, of the result as `out`, and of elementwise
operations by name. This module never sees a program, and nothing else imports SymPy to derive one.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from codegen_ad.errors import NotDifferentiable
from codegen_ad.ops.entry import UNKNOWN, Elementwise

# SymPy's names where ours differ.
NAMES = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "Abs": "absolute"}


@cache
def partials(entry: Elementwise) -> tuple[str, ...]:
    """The derivative in each argument; "" where there is none, "0" where it is zero."""
    if entry.partials is not None:
        return entry.partials
    if entry.formula is None:
        return ("",) * len(entry.arguments)
    return _differentiate(entry.formula, entry.arguments, entry.reuse_output)


def known(entry: Elementwise, text: str, letter: str) -> bool:
    """Whether there is a derivative in this argument, whose text is `text`.

    Raises
    ------
    NotDifferentiable
        If there is one, but the table does not know it.
    """
    if text == UNKNOWN:
        raise NotDifferentiable(
            f"the derivative of `{entry.op.name}` in its argument {letter} is not known here.\n"
            "Wrap that argument in stop_gradient(...) if it is meant to be a constant, or give the "
            "derivative with @codegen_ad.custom_derivative."
        )
    return bool(text)


def _differentiate(formula: str, arguments: str, reuse_output: bool) -> tuple[str, ...]:
    import sympy as library

    sympy: Any = library
    letters: dict[str, Any] = {a: sympy.Symbol(a, real=True) for a in arguments}
    value: Any = sympy.sympify(formula, locals=letters)
    texts: list[str] = []
    for letter in letters.values():
        derivative: Any = sympy.diff(value, letter)
        if reuse_output:
            derivative = derivative.subs(value, sympy.Symbol("out", real=True))
        texts.append(_sum_text(derivative))
    return tuple(texts)


def _sum_text(expression: Any) -> str:
    """The expression, to stand where a sum may stand."""
    if not expression.is_Add:
        return _product_text(expression)
    terms = sorted(expression.as_ordered_terms(), key=_is_negative)
    text = _product_text(terms[0])
    for term in terms[1:]:
        negative = _is_negative(term)
        text += f" - {_product_text(-term)}" if negative else f" + {_product_text(term)}"
    return text


def _product_text(expression: Any) -> str:
    """The expression, to stand where a product may stand."""
    if expression.is_number:
        return _number_text(expression)
    if expression.is_Add:
        return f"({_sum_text(expression)})"
    if _is_negative(expression):
        return f"-{_factor_text(-expression)}"
    coefficient, above, below = _split(expression)
    if coefficient != 1 or not above:
        above = [_number_text(coefficient), *above]
    text = " * ".join(above)
    if not below:
        return text
    return f"{text} / {below[0] if len(below) == 1 else '(' + ' * '.join(below) + ')'}"


def _factor_text(expression: Any) -> str:
    """The expression, to stand where one factor may stand."""
    text = _product_text(expression)
    is_one = " " not in text or (text.endswith(")") and " / " not in text)
    return text if is_one else f"({text})"


def _split(expression: Any) -> tuple[Any, list[str], list[str]]:
    """A product as its number, its factors, and those of its denominator."""
    import sympy

    coefficient: Any = sympy.Integer(1)
    above: list[str] = []
    below: list[str] = []
    for factor in sympy.Mul.make_args(expression):
        if factor.is_number:
            coefficient = coefficient * factor
            continue
        base, exponent = factor.as_base_exp()
        if factor.is_Pow and exponent.is_number and exponent.is_negative:
            below.append(_power_text(base, -exponent))
        else:
            above.append(_power_text(base, exponent) if factor.is_Pow else _atom_text(factor))
    return coefficient, above, below


def _power_text(base: Any, exponent: Any) -> str:
    import sympy

    if exponent == 1:
        return _atom_text(base)
    if exponent == 2:
        return f"square({_sum_text(base)})"
    if exponent == sympy.Rational(1, 2):
        return f"sqrt({_sum_text(base)})"
    return f"power({_sum_text(base)}, {_sum_text(exponent)})"


def _atom_text(expression: Any) -> str:
    import sympy

    if expression.is_Symbol:
        return str(expression.name)
    if isinstance(expression, sympy.Function):
        name = type(expression).__name__
        arguments = ", ".join(_sum_text(a) for a in expression.args)
        return f"{NAMES.get(name, name)}({arguments})"
    return f"({_sum_text(expression)})"


def _number_text(number: Any) -> str:
    return str(int(number)) if number.is_Integer else repr(float(number))


def _is_negative(expression: Any) -> bool:
    return bool(expression.could_extract_minus_sign())
