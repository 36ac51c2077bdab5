"""Long sums, broken over lines: each operand keeps the parentheses that it needs."""

from codegen_ad.emit.spell import chain
from codegen_ad.ir.types import DType
from codegen_ad.plan.kernel import Apply, Expr, Var

F8 = DType.FLOAT64


def _value(text: str) -> Expr:
    return Var(text, F8)


def _choice(name: str) -> Expr:
    return Apply("where", (Var("m", DType.BOOL), _value(name), _value("z")), F8)


def test_a_conditional_operand_of_a_long_sum_stays_in_parentheses():
    total = Apply("add", (_choice("a"), _choice("b")), F8)
    total = Apply("subtract", (total, Apply("add", (_value("c"), _value("d")), F8)), F8)
    assert chain(total) == ["(a if m else z)", "+ (b if m else z)", "- (c + d)"]


def test_what_is_no_sum_has_no_operands():
    assert chain(_value("a")) is None
