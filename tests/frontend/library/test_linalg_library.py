"""`np.linalg` beyond its table of cases: where there is no slope, and the order of products."""

from __future__ import annotations

import pytest
from library_cases import assert_same

from codegen_ad.frontend.library.linalg import cheapest_splits


def test_products_in_the_cheapest_order() -> None:
    """Of 2x30, 30x2 and 2x40 the first two, of 40x2, 2x30 and 30x2 the last two."""
    assert cheapest_splits([2, 30, 2, 40]) == {(0, 1): 0, (1, 2): 1, (0, 2): 1}
    assert cheapest_splits([40, 2, 30, 2])[0, 2] == 0
    # The example of Cormen, Leiserson, Rivest and Stein.
    assert cheapest_splits([30, 35, 15, 5, 10, 20, 25])[0, 5] == 2


@pytest.mark.parametrize("text", ["np.linalg.cond(0 * Q)", "np.linalg.norm(v, 0.5)"])
def test_value(text: str) -> None:
    assert_same(text)
