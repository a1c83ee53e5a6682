# SPDX-License-Identifier: BSD-3-Clause
import os
import pathlib

import pytest

from .service import BLK, FAKE, Service

ROOT = pathlib.Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def plain():
    """Build directory without sanitizers, whose programs filter system calls."""
    return pathlib.Path(os.environ.get("VVU_BUILD_PLAIN", ROOT / "build/plain"))


@pytest.fixture
def start(build, directory):
    """start(option...): a program of the sanitized build; FAKE unless program= says another."""
    services = []

    def run(*options, program=FAKE, top=build, **more):
        path = pathlib.Path(top) / program
        assert path.exists(), f"{path} is not built; run ./run build"
        services.append(Service(path, directory, *options, **more))
        return services[-1]

    yield run
    for service in services:
        service.finish()


@pytest.fixture
def ended(start):
    """ended(option...): a program that ends by itself; (status, standard output, log)."""
    def run(*options, **more):
        service = start(*options, wait=None, **more)
        status = service.wait()
        return status, service.output, service.text()
    return run


@pytest.fixture(params=[FAKE, BLK], ids=["fake", "blk"])
def program(request):
    return request.param


@pytest.fixture
def service(start, directory):
    """The fake device with RPC."""
    return start("--socket-path", directory / "s", "--word", "hello", "--rpc-socket",
                 directory / "rpc")
