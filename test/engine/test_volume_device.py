# SPDX-License-Identifier: Apache-2.0
"""Volumes that lie elsewhere: what their options name is mounted while somebody uses it. And kills of the engine."""

import json
import os

import pytest

import images
from harness import Engine, mounts_below, wait_until
from killtree import Tracer, chosen

NOTHING = ("--network", "none")


@pytest.fixture(scope="module")
def archive(temporary):
    layout = images.Layout(temporary / "device-layout")
    files = [(f"data/{number}", str(number) * 3000) for number in range(20)]
    layer = images.tar_bytes([images.directory("data"), images.directory("data/deep"), ("data/deep/er", "x"), *files])
    layout.image("box:latest", [images.busybox_tar(), layer], {"Cmd": ["sh"], "Volumes": {"/declared": {}}})
    return layout.archive(temporary / "device.tar")


@pytest.fixture(scope="module")
def engine(release_bin_dir, engine_directories, archive):
    """The programs as users have them: a sanitizer makes system calls of its own."""
    engine = Engine(release_bin_dir, next(engine_directories)).start()
    engine.tare("load", "-i", archive)
    yield engine
    engine.close()


@pytest.fixture(autouse=True)
def clean(engine):
    yield
    engine.revive()
    engine.remove_all()
    engine.tare("volume", "prune", "-af")
    assert os.listdir(engine.root / "volumes") == []


def mounted(engine):
    return [os.path.basename(os.path.dirname(path)) for path in mounts_below(engine.root / "volumes")]


def create(engine, name, **options):
    words = [word for key, value in options.items() for word in ("--opt", f"{key}={value}")]
    engine.tare("volume", "create", *words, name)


def test_a_tmpfs_lives_as_long_as_somebody_uses_it(engine):
    create(engine, "fast", type="tmpfs", device="tmpfs", o="size=65536,mode=1770,noexec")
    assert json.loads(engine.output("volume", "inspect", "fast"))[0]["Options"] == {"type": "tmpfs", "device": "tmpfs", "o": "size=65536,mode=1770,noexec"}
    first = engine.output("run", "-d", *NOTHING, "-v", "fast:/fast", "box", "sleep", "1000")
    second = engine.output("run", "-d", *NOTHING, "-v", "fast:/fast:ro", "box", "sleep", "1000")
    assert mounted(engine) == ["fast"]
    engine.tare("exec", first, "sh", "-c", "echo x > /fast/file")
    assert engine.output("exec", second, "sh", "-c", "cat /fast/file; stat -c %a /fast; df -k /fast | awk 'END { print $2 }'") == "x\n1770\n64"
    engine.tare("rm", "-f", first)
    # also an engine that did not mount it knows who uses it
    engine.kill()
    engine.start()
    assert mounted(engine) == ["fast"] and engine.output("exec", second, "cat", "/fast/file") == "x"
    engine.tare("rm", "-f", second)
    assert mounted(engine) == []
    assert engine.output("run", "--rm", *NOTHING, "-v", "fast:/fast", "box", "ls", "/fast") == ""


def test_a_directory_of_the_machine_as_a_volume(engine, tmp_path):
    create(engine, "here", type="none", device=tmp_path, o="bind")
    engine.tare("run", "--rm", *NOTHING, "-v", "here:/data", "box", "sh", "-c", "echo x > /data/mine")
    assert (tmp_path / "mine").read_text() == "x\n" and (tmp_path / "7").read_text() == "7" * 3000, "it was empty"
    assert mounted(engine) == [] and os.listdir(engine.root / "volumes/here/_data") == []
    create(engine, "reader", type="none", device=tmp_path, o="bind,ro")
    assert "Read-only" in engine.tare("run", "--rm", *NOTHING, "-v", "reader:/data", "box", "touch", "/data/x", code=1).stderr
    # its end while nobody is there to unmount it
    name = engine.output("run", "-d", *NOTHING, "-v", "here:/data", "box", "sleep", "1000")
    pid = json.loads(engine.output("inspect", name))[0]["State"]["Pid"]
    engine.kill()
    os.kill(pid, 9)
    engine.start()
    wait_until(lambda: mounted(engine) == [], what="what nobody uses is unmounted")
    engine.tare("rm", name)
    engine.tare("volume", "rm", "here", "reader")
    assert (tmp_path / "mine").exists(), "a volume that goes leaves the device alone"


def test_options_that_cannot_be(engine, tmp_path):
    for words, said in ((["type=tmpfs"], 'missing required option: "device"'), (["o=bind"], "missing required option"),
                        (["colour=red"], 'invalid option: "colour"'), (["size=many"], "size"),
                        (["size=1m", "type=tmpfs", "device=tmpfs"], "no meaning with a device")):
        options = [part for word in words for part in ("--opt", word)]
        engine.fails(1, f"create bad: .*{said}", "volume", "create", *options, "bad")
    assert engine.output("volume", "ls", "-q") == ""
    create(engine, "missing", type="none", device=tmp_path / "missing", o="bind")
    engine.fails(125, "missing.*[Nn]o such file", "run", "--rm", *NOTHING, "-v", "missing:/m:nocopy", "box", "true")
    create(engine, "unknown", type="nonsense", device="x")
    engine.fails(125, "file system of type 'nonsense'", "run", "--rm", *NOTHING, "-v", "unknown:/m:nocopy", "box", "true")
    create(engine, "spoilt", type="tmpfs", device="tmpfs", o="nonsense=1")
    engine.fails(125, "nonsense=1", "run", "--rm", *NOTHING, "-v", "spoilt:/m:nocopy", "box", "true")
    assert engine.output("ps", "-aq") == "" and mounted(engine) == []


def test_a_directory_without_a_record_is_a_volume(engine):
    """What users have written is not the engine's to sweep."""
    engine.tare("volume", "create", "known")
    engine.kill()
    (engine.root / "volumes/found/_data").mkdir(parents=True)
    (engine.root / "volumes/found/_data/file").write_text("mine\n")
    (engine.root / "volumes/known/_data").rmdir()
    (engine.root / "volumes/.new-1/_data").mkdir(parents=True)
    engine.start()
    assert engine.output("volume", "ls", "-q").split() == ["found", "known"]
    assert engine.output("run", "--rm", *NOTHING, "-v", "found:/f", "-v", "known:/k", "box", "cat", "/f/file") == "mine"


# What is done; what may be found afterwards
def make(engine):
    return ("volume", "create", "--label", "a=b", "swept")


def fill(engine):
    return ("create", "--name", "swept", *NOTHING, "-v", "swept:/data", "box")


def drop(engine):
    engine.tare("volume", "create", "swept")
    (engine.root / "volumes/swept/_data/file").write_text("x")
    return ("volume", "rm", "swept")


def drop_both(engine):
    engine.tare("create", "--name", "swept", *NOTHING, "-v", "/data", "box")
    return ("rm", "-v", "swept")


@pytest.mark.parametrize("prepare", [make, fill, drop, drop_both])
def test_killed_at_a_system_call(killtree, engine, seed, prepare):
    """A volume is there, whole, or it is not; an anonymous one only with its container."""
    def once(point):
        words = prepare(engine)
        with Tracer(killtree, ["tared"], point, [engine.process.pid]) as tracer:
            engine.tare(*words, code=None)
        if tracer.fired or not engine.answers():
            engine.process.wait(60)
            engine.start()
        where = f"{prepare.__name__}: {tracer.said}"
        names = engine.output("volume", "ls", "-q").split()
        assert sorted(os.listdir(engine.root / "volumes")) == sorted(names), where
        if "swept" in names:
            found = os.listdir(engine.root / "volumes/swept/_data")
            assert os.listdir(engine.root / "volumes/swept") == ["_data"], where
            whole = {"make": [0], "fill": [0, 21], "drop": [1]}[prepare.__name__]
            assert len(found) in whole, (where, found)
            assert prepare is not make or engine.output("volume", "ls", "-q", "-f", "label=a=b") == "swept", where
        anonymous = [name for name in names if name != "swept"]
        assert len(anonymous) == ({"fill": 1, "drop_both": 2}.get(prepare.__name__, 0) if engine.output("ps", "-aq") else 0), where
        engine.tare("rm", "-fv", "swept", code=None)
        engine.tare("volume", "rm", "-f", "swept")
        assert os.listdir(engine.root / "volumes") == [] == os.listdir(engine.state / "lookup"), where
        assert mounts_below(engine.directory) == [] and engine.output("volume", "ls", "-q") == "", where
        return tracer

    total = once(-1).counted
    for point in chosen(total, seed, 4):
        once(point)
