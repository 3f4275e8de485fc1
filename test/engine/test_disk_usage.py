# SPDX-License-Identifier: Apache-2.0
"""What `system df` is told equals what du counts, whatever happened before; nothing in use is removed.
TARE_TEST_OPERATIONS=10000 does so many operations instead of a few seconds' worth. Last done on 23 November 2026 with the
optimised programs of commit 28623a9: 10,000 on overlay in one run (TARE_TEST_SEED=2222, 15 minutes beside other work), all as
it should be."""

import os
import time

import grpc
import pytest

import disk
import images
from cli import fake_engine
from harness import wait_until

OPERATIONS = int(os.environ.get("TARE_TEST_OPERATIONS", "40"))


@pytest.fixture(scope="module")
def system(temporary):
    directory = temporary / "usage-messages"
    directory.mkdir()
    return fake_engine.load_messages(directory)["system"]


def usage(system, engine):
    with grpc.insecure_channel(f"unix:{engine.socket}") as channel:
        call = channel.unary_unary(
            "/tare.v1.System/DiskUsage", system.DiskUsageRequest.SerializeToString, system.DiskUsageResponse.FromString
        )
        return call(system.DiskUsageRequest(), timeout=60)


def total(answer):
    return answer.layers_size + answer.content_size + answer.containers_size + answer.volumes_size + answer.clients_size + answer.other_size


def agrees(system, engine):
    """Within one per cent, at a moment at which nothing changes."""
    end = time.monotonic() + 60
    while True:
        before = disk.used(engine.root)
        said = total(usage(system, engine))
        if before == disk.used(engine.root):
            break
        assert time.monotonic() < end, "the disk does not come to rest"
        time.sleep(0.05)
    assert abs(said - before) <= before / 100, f"said {said}, du counts {before}"


def files_left(engine):
    return [name for part in ("content", "containers", "snapshots") for _, _, names in os.walk(engine.root / part) for name in names]


def write_archives(directory):
    """Two images on one base: it is shared."""
    archives = []
    base = images.busybox_tar()
    for name in ("one", "two"):
        layout = images.Layout(directory / name)
        links = [images.directory("data"), ("data/first", name * 20000), images.hardlink("data/second", "data/first")]
        links += [(f"data/{number}", str(number) * 700) for number in range(40)]
        layout.image(f"random-{name}:latest", [base, images.tar_bytes(links)], {"Cmd": ["true"]})
        archives.append(layout.archive(directory / f"{name}.tar"))
    return archives


class Random:
    """Operations on one engine; each may fail, as its object may be gone or in use."""

    def __init__(self, engine, archives, reference, seed):
        self.engine, self.archives, self.reference, self.seed = engine, archives, reference, seed
        self.number = 0

    def name(self):
        return self.seed.choice(["random-one", "random-two", self.reference, "random-one:tagged", "random-two:other"])

    def container(self):
        return f"r{self.seed.randint(max(1, self.number - 10), max(1, self.number))}"

    def load(self):
        return "load", "-i", self.seed.choice(self.archives)

    def pull(self):
        return "pull", self.reference

    def tag(self):
        return "tag", self.name(), self.seed.choice(["random-one:tagged", "random-two:other"])

    def rmi(self):
        return ("rmi", self.name()) if self.seed.random() < 0.7 else ("rmi", "-f", self.name())

    def run(self):
        self.number += 1
        write = f"dd if=/dev/zero of=/big bs=1k count={self.seed.randrange(1, 3000)}; rm -rf /etc; ln /bin/busybox /link; echo out"
        return "run", "--pull", "never", "--network", "none", "--name", f"r{self.number}", self.name(), "sh", "-c", write

    def create(self):
        self.number += 1
        return "create", "--pull", "never", "--name", f"r{self.number}", self.name(), "true"

    def rm(self):
        return "rm", "-f", self.container()

    def do(self):
        operation = self.seed.choices(
            [self.load, self.pull, self.tag, self.rmi, self.run, self.create, self.rm], [3, 2, 2, 4, 3, 3, 6]
        )[0]
        words = operation()
        if self.seed.random() < 0.1:
            process = self.engine.popen(*words, stdout=-3, stderr=-3)
            time.sleep(self.seed.uniform(0, 0.1))
            self.engine.kill()
            process.wait(60)
            self.engine.start()
        else:
            self.engine.tare(*words, code=None)


@pytest.mark.parametrize("driver", ["overlay", "native"])
def test_df_equals_du_after_anything(new_engine, registry, system, tmp_path, seed, driver):
    engine = new_engine({"storage-driver": driver}).start()
    agrees(system, engine)
    work = Random(engine, write_archives(tmp_path), registry.reference("busybox"), seed)
    for number in range(OPERATIONS):
        work.do()
        if number % 20 == 19:
            agrees(system, engine)
    agrees(system, engine)
    # what is listed is whole
    for name in engine.output("images", "--format", "{{.ID}}").split():
        assert engine.output("run", "--rm", "--network", "none", name, "echo", "whole") == "whole"
    for container in engine.output("ps", "-aq").split():
        engine.tare("start", container)
    engine.stop()
    engine.start()
    agrees(system, engine)
    for container in engine.output("ps", "-aq").split():
        engine.tare("rm", "-f", container)
    engine.tare("pull", work.reference)  # what a pull that was killed has fetched waits for the next one
    for name in engine.output("images", "-q").split():
        engine.tare("rmi", "-f", name, code=None)
    agrees(system, engine)
    answer = usage(system, engine)
    assert answer.layers_size == 0
    wait_until(lambda: files_left(engine) == [], 60, "all files to be removed")  # a thread of the engine does it
    engine.stop()  # which puts the database's log (up to 1,000 pages, by SQLite's default) into the database
    engine.start()
    assert disk.used(engine.root) < 2 << 20, "directories and a database, each as large as it has ever been"
