# SPDX-License-Identifier: Apache-2.0
"""Fixtures for everything that needs root. Each engine has its own root, state, configuration and bridge
beneath pytest's temporary directory, so that runs neither see nor disturb the machine's own engine."""

import itertools
import os
import pathlib
import random
import re
import shutil
import subprocess

import pytest

import images
from harness import Engine, install_programs, running_registry, why_no_criu
from killtree import compile_killtree

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
CACHE = os.environ.get("TARE_TEST_CACHE", "/var/cache/tare-test")
# Leaks of what ends by returning from main(): tare leaves by _exit(2), tare-unpack and tare-pack are too confined to look.
LEAKS = int(os.environ.get("TARE_TEST_LEAKS", "0"))
SANITIZER_OPTIONS = {
    "ASAN_OPTIONS": f"detect_leaks={LEAKS}:abort_on_error=0:log_path={{log}}",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1:log_path={log}",
    # gRPC is not built with it: how it hands work from thread to thread is not seen
    "TSAN_OPTIONS": "exitcode=0:ignore_noninstrumented_modules=1:log_path={log}",
}


# All that is said when a process is killed, as a probe or a command may be, while it looks for its leaks.
KILLED = re.compile(r"(==\d+==Unable to get registers from thread \d+\.\s*)+")


def fail_on_reports(directory):
    """If sanitizers have written any since the last time."""
    reports = []
    for path in sorted(directory.iterdir()):
        text = path.read_text(errors="replace")
        path.unlink()
        if not KILLED.fullmatch(text):
            reports.append(text[:6000])
    assert not reports, "\n".join(reports)


def pytest_collection_modifyitems(items):
    if os.geteuid() != 0:
        for item in items:
            item.add_marker(pytest.mark.skip(reason="needs root"))


@pytest.fixture
def criu():
    """For tests that need criu to work; what it found out about the kernel is not left behind."""
    reason = why_no_criu()
    if reason:
        pytest.skip(reason)
    yield
    pathlib.Path("/run/criu.kdat").unlink(missing_ok=True)


@pytest.fixture(scope="session")
def seed():
    """Printed with a failure's output."""
    value = int(os.environ.get("TARE_TEST_SEED", str(random.randrange(1 << 32))))
    print(f"TARE_TEST_SEED={value}")
    return random.Random(value)


@pytest.fixture(scope="session")
def killtree(temporary):
    program = compile_killtree(temporary)
    yield program
    program.unlink()


@pytest.fixture(scope="session")
def build():
    """The build tree under test."""
    path = pathlib.Path(os.environ.get("TARE_BUILD", REPOSITORY / "build-test"))
    if not (path / "build.ninja").exists():
        pytest.exit(f"no build tree at {path}: run test/run, or set TARE_BUILD")
    return path


@pytest.fixture(scope="session")
def temporary():
    """A directory with a short name (unix sockets hold 107 bytes), shared by the run."""
    parent = os.environ.get("TARE_TEST_TMP", "/tmp")
    path = pathlib.Path(subprocess.check_output(["mktemp", "-d", f"{parent}/tare-test.XXXXXX"], text=True).strip())
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="session")
def bin_dir(build, temporary):
    (temporary / "bin").mkdir()
    return install_programs(build, temporary / "bin")


@pytest.fixture(scope="session")
def release_bin_dir(temporary):
    """Programs without sanitizers, for tests of small limits, memory and races."""
    path = pathlib.Path(os.environ.get("TARE_BUILD_RELEASE", REPOSITORY / "build-release"))
    if not (path / "build.ninja").exists():
        pytest.skip(f"no optimised build at {path} (TARE_BUILD_RELEASE)")
    (temporary / "release").mkdir()
    return install_programs(path, temporary / "release")


@pytest.fixture(scope="session", autouse=True)
def environment(temporary):
    """What every program of ours inherits: nothing of the user's settings."""
    for name in [name for name in os.environ if name.startswith(("TARE_ROOT", "TARE_STATE", "TARE_CONFIG", "TARE_HOST"))]:
        del os.environ[name]
    (temporary / "sanitizer").mkdir()
    for name, value in SANITIZER_OPTIONS.items():
        os.environ[name] = value.format(log=temporary / "sanitizer" / "report")
    (temporary / "home").mkdir()
    os.environ["HOME"] = str(temporary / "home")
    os.environ.pop("DOCKER_CONFIG", None)
    yield
    fail_on_reports(temporary / "sanitizer")  # of daemons that ended after the last test


@pytest.fixture(autouse=True)
def no_sanitizer_reports(temporary, environment):
    """A daemon's report would otherwise be lost with its standard error."""
    yield
    fail_on_reports(temporary / "sanitizer")


@pytest.fixture(scope="session")
def engine_directories(temporary):
    """Short names: a socket's path must fit."""
    return (temporary / f"e{number}" for number in itertools.count(1))


@pytest.fixture(scope="module")
def engine(bin_dir, engine_directories):
    """One running engine per test file."""
    engine = Engine(bin_dir, next(engine_directories)).start()
    yield engine
    engine.close()


@pytest.fixture
def new_engine(bin_dir, engine_directories):
    """new_engine(settings) makes an engine of the test's own, not yet started."""
    made = []

    def make(settings=None, directory=None):
        made.append(Engine(bin_dir, directory or next(engine_directories), settings))
        return made[-1]

    yield make
    for engine in made:
        engine.close()


@pytest.fixture(scope="session")
def layout(temporary):
    """The standard images (see images.write_standard_layout) as an OCI layout."""
    yield images.write_standard_layout(temporary / "layout", CACHE if os.access("/var/cache", os.W_OK) else temporary / "cache")
    shutil.rmtree(temporary / "layout")


@pytest.fixture(scope="session")
def registry(temporary, layout):
    """Holds busybox, busybox-zstd, multi, debian, nginx, nginx-gzip, configured (OCI manifests) and
    busybox-docker, nginx-docker (Docker schema 2), each as NAME:latest."""
    with running_registry(temporary / "registry") as registry:
        for tag in ("busybox", "busybox-zstd", "multi", "debian", "nginx", "nginx-gzip", "configured"):
            registry.push(layout, tag, f"{tag}:latest")
        registry.push(layout, "busybox", "busybox-docker:latest", docker=True)
        registry.push(layout, "nginx-gzip", "nginx-docker:latest", docker=True)
        yield registry


@pytest.fixture(scope="session")
def registry_auth(temporary, layout):
    """Wants the user `alice` with password `secret`; holds busybox."""
    with running_registry(temporary / "registry-auth", "alice:secret") as registry:
        registry.push(layout, "busybox", "busybox:latest")
        yield registry


@pytest.fixture(scope="module")
def busybox(engine, registry):
    """The busybox image, pulled into this file's engine. Returns its reference."""
    reference = registry.reference("busybox")
    engine.tare("pull", "-q", reference)
    return reference
