from types import SimpleNamespace

import pytest

from kernel.driven import LIVES
from kernel.stock import again
from support import make_pc


@pytest.fixture
def pc():
    """Return a machine that has booted and started nothing; its kernel's parts may be called one by one."""
    return again("pc", booted).pc


def booted():
    machine = make_pc()
    machine.boot()
    return SimpleNamespace(pc=machine)


@pytest.fixture
def kernel(pc):
    return pc.kernel


@pytest.fixture(params=LIVES)
def life(request):
    return request.param
