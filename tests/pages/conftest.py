"""The running portal with two merchants in it: each has orders of its own, filed by workbook and answered by customs."""

import pytest

from tests.conftest import Stack
from tests.pages.canaries import Filled, fill


@pytest.fixture(scope="session")
def filled(stack: Stack) -> Filled:
    """The portal of the walks, filled once."""
    return fill(stack)
