"""Every construct of the language in every mode, run by the reference backend."""

from __future__ import annotations

import pytest

from tests.cases.constructs import CONSTRUCTS
from tests.frontend.construct import Construct
from tests.frontend.uses import check_use

ROWS = [row for table in CONSTRUCTS for row in table.rows]


@pytest.mark.parametrize("construct", ROWS, ids=str)
def test_construct(construct: Construct) -> None:
    check_use(construct.function, **construct.data)
