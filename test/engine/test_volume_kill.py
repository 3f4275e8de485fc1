# SPDX-License-Identifier: Apache-2.0
"""The engine is killed at each of its system calls while it makes, fills, lends and removes volumes: no data of anybody's is
lost, what there is of a volume is whole, and nothing else is left. TARE_TEST_ROUNDS and TARE_TEST_SEED as in
test_kill_sweep.py."""

import json
import os

import images
import pytest
from engine.picture import SHIM, picture_after_one, wait_for_picture
from harness import Engine, wait_until
from killtree import Tracer, chosen

ENGINE, RUNTIME = "tared", "tare-runtime"
NOTHING = ("--network", "none")
FILES = {"file": "of the image\n", "deep/one": "1\n" * 5000, "deep/two": "2\n"}
KEPT = {"precious": "of the user's\n", "part/file": "deep\n"}


def tree(directory):
    found = {}
    for path, _, names in os.walk(directory):
        for name in names:
            full = os.path.join(path, name)
            with open(full) as file:
                found[os.path.relpath(full, directory)] = file.read()
    return found


@pytest.fixture(scope="module")
def engine(release_bin_dir, engine_directories, temporary):
    engine = Engine(release_bin_dir, next(engine_directories)).start()
    layout = images.Layout(temporary / "volume-kill")
    layout.image("box:latest", [images.busybox_tar(), images.tar_bytes([(f"data/{name}", text) for name, text in FILES.items()])], {"Cmd": ["true"]})
    engine.tare("load", "-i", layout.archive(temporary / "volume-kill.tar"))
    engine.tare("volume", "create", "kept")
    for name, text in KEPT.items():
        path = content(engine, "kept") / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def before(engine):
    """The engine when it has had a container and has none."""
    engine.stop()
    engine.start()
    return picture_after_one(engine, *NOTHING, "box")


@pytest.fixture(autouse=True)
def afterwards(engine):
    """Whatever failed, the next test finds the engine as this one did."""
    yield
    engine.revive()
    engine.remove_all()
    engine.tare("volume", "rm", "-f", "swept", code=None)


def content(engine, name):
    return engine.root / "volumes" / name / "_data"


def volumes(engine):
    return engine.output("volume", "ls", "-q").split()


def nothing(engine):
    pass


def volume(engine):
    engine.tare("create", "--name", "maker", *NOTHING, "-v", "swept:/data", "box")
    engine.tare("rm", "maker")


def container(engine):
    engine.tare("create", "--name", "swept", *NOTHING, "-v", "/data", "-v", "swept:/other", "box")


# What must hold when the engine serves again.
def is_made(engine):
    if "swept" in volumes(engine):
        assert json.loads(engine.output("volume", "inspect", "swept"))[0]["Labels"] == {"a": "b"}
        assert tree(content(engine, "swept")) == {}


def is_whole_or_gone(engine):
    if "swept" in volumes(engine):
        assert tree(content(engine, "swept")) == FILES
    else:
        assert not content(engine, "swept").parent.exists()


def is_filled_whole(engine):
    """Not in part: and if not at all, then with the next container."""
    if "swept" in volumes(engine):
        assert tree(content(engine, "swept")) in ({}, FILES)
    engine.tare("rm", "-f", "swept", code=None)
    engine.tare("create", "--name", "swept", *NOTHING, "-v", "swept:/data", "box")
    assert tree(content(engine, "swept")) == FILES


def is_nobodys(engine):
    """Anonymous ones go with their container, however it goes."""
    wait_until(lambda: engine.tare("rm", "-f", "-v", "swept", code=None) and engine.output("ps", "-aq") == "", what="the container's end")
    assert set(volumes(engine)) <= {"kept", "swept"}


SWEEPS = {
    "create": (nothing, ("volume", "create", "--label", "a=b", "swept"), is_made),
    "remove": (volume, ("volume", "rm", "swept"), is_whole_or_gone),
    "fill": (nothing, ("create", "--name", "swept", *NOTHING, "-v", "swept:/data", "-v", "kept:/kept", "box"), is_filled_whole),
    "anonymous": (nothing, ("run", "--rm", "--name", "swept", *NOTHING, "-v", "/data", "-v", "kept:/kept", "box"), is_nobodys),
    "with-container": (container, ("rm", "-v", "swept"), is_nobodys),
    "part": (nothing, ("run", "--name", "swept", *NOTHING, "--mount", "src=kept,dst=/p,volume-subpath=part", "box", "cat", "/p/file"), is_nobodys),
}


def sweep_once(killtree, engine, sweep, victims, point, before):
    prepare, words, check = SWEEPS[sweep]
    prepare(engine)
    with Tracer(killtree, victims, point, [engine.process.pid]) as tracer:
        result = engine.tare("-H", f"unix://{engine.socket}", *words, code=None)
    where = f"{sweep}: {tracer.said}: {result}"
    if tracer.fired and ENGINE in victims:
        engine.process.wait(60)
        engine.start()
    assert tracer.fired or result.returncode == 0, where
    check(engine)
    assert tree(content(engine, "kept")) == KEPT, where
    engine.tare("rm", "-f", "-v", "swept", code=None)
    engine.tare("volume", "rm", "-f", "swept")
    assert volumes(engine) == ["kept"], where
    wait_for_picture(engine, before, where)
    return tracer


CASES = [(sweep, ENGINE) for sweep in SWEEPS] + [("part", SHIM), ("part", RUNTIME)]


@pytest.mark.parametrize("sweep,victim", CASES, ids=[f"{sweep}-{victim}" for sweep, victim in CASES])
def test_killed_at_a_system_call(killtree, engine, before, seed, sweep, victim):
    total = sweep_once(killtree, engine, sweep, [victim], -1, before).counted
    for point in chosen(total, seed, 2):
        sweep_once(killtree, engine, sweep, [victim], point, before)
