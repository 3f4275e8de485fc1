# SPDX-License-Identifier: Apache-2.0
"""Volumes: they outlive the containers that use them, hold what images bring, and go when nobody wants them."""

import json
import os
import re
import stat
import tarfile
import threading

import pytest

import images
from harness import mounts_below, wait_until

HEX = re.compile(r"[0-9a-f]{64}")
NOTHING = ("--network", "none")


def data_tar():
    """What an image has where volumes will be: owners, modes, an attribute, links and something not to be followed."""
    top = {"type": tarfile.DIRTYPE, "mode": 0o1777, "uid": 56, "gid": 78}
    own = {"type": tarfile.DIRTYPE, "mode": 0o2750, "uid": 12, "gid": 34}
    return images.tar_bytes([
        ("data", top, None), ("data/file", "of the image\n"), ("data/own", own, None), ("data/own/deep", "deep\n"), images.hardlink("data/again", "data/file"),
        images.symlink("data/out", "/etc/passwd"), images.directory("empty"), images.symlink("link", "/data"),
    ])


@pytest.fixture(scope="module")
def archive(temporary):
    layout = images.Layout(temporary / "volume-layout")
    base = images.busybox_tar()
    layout.image("box:latest", [base, data_tar()], {"Cmd": ["sh"]})
    layout.image("declares:latest", [base, data_tar()], {"Cmd": ["sh"], "Volumes": {"/data": {}, "volume01": {}}})
    return layout.archive(temporary / "volume.tar")


@pytest.fixture(scope="module")
def engine(engine, archive):
    engine.tare("load", "-i", archive)
    return engine


@pytest.fixture(autouse=True)
def clean(request):
    """Each test begins and ends without containers and volumes, and nothing of them is left on the disk."""
    yield
    if "engine" not in request.fixturenames:
        return
    engine = request.getfixturevalue("engine")
    engine.remove_all()
    for name in volumes(engine):
        engine.tare("volume", "rm", name)
    assert os.listdir(engine.root / "volumes") == []
    assert mounts_below(engine.root / "volumes") == []


def volumes(engine, *words):
    return engine.output("volume", "ls", "-q", *words).split()


def inspect(engine, name):
    return json.loads(engine.output("inspect", name))[0]


def mounts(engine, name):
    return {mount["Destination"]: mount for mount in inspect(engine, name)["Mounts"]}


def content(engine, name):
    return engine.root / "volumes" / name / "_data"


def test_create_list_inspect_remove(engine):
    assert engine.output("volume", "create", "--label", "a=b", "--label", "c", "mine") == "mine"
    generated = engine.output("volume", "create")
    assert HEX.fullmatch(generated)
    assert engine.output("volume", "create", "mine") == "mine", "it is there already"
    lines = engine.output("volume", "ls").splitlines()
    assert re.fullmatch(r"DRIVER +VOLUME NAME", lines[0]) and re.fullmatch(r"local +mine", lines[-1])
    document = json.loads(engine.output("volume", "inspect", "mine"))[0]
    assert list(document) == ["CreatedAt", "Driver", "Labels", "Mountpoint", "Name", "Options", "Scope"]
    assert document["Mountpoint"] == str(content(engine, "mine")) and os.path.isdir(document["Mountpoint"])
    assert (document["Driver"], document["Scope"], document["Labels"], document["Options"]) == ("local", "local", {"a": "b", "c": ""}, None)
    assert json.loads(engine.output("inspect", generated))[0]["Labels"] == {"com.docker.volume.anonymous": ""}
    assert volumes(engine, "-f", "label=a=b") == ["mine"] == volumes(engine, "-f", "name=^mi")
    assert volumes(engine, "-f", "label=a=x") == [] == volumes(engine, "-f", "dangling=false")
    assert engine.output("volume", "ls", "--format", '{{.Name}} {{.Driver}} {{.Label "a"}} {{.Scope}}', "-f", "name=mine") == "mine local b local"
    engine.fails(1, "invalid filter 'colour=red'", "volume", "ls", "-f", "colour=red")
    for name in ("_x", "a/b", "..", ".hidden", "a b", "a\n"):
        engine.fails(1, "includes invalid characters for a local volume name", "volume", "create", name)
    engine.fails(1, "too short", "volume", "create", "a")
    engine.fails(1, "too long", "volume", "create", "a" * 256)
    engine.fails(1, 'plugin "x" not found', "volume", "create", "-d", "x", "other")
    engine.fails(1, "get nope: no such volume", "volume", "rm", "nope")
    assert engine.output("volume", "rm", "-f", "nope") == "nope"
    assert engine.output("volume", "rm", generated, "mine") == f"{generated}\nmine"
    assert not content(engine, "mine").exists()
    assert json.loads(engine.tare("volume", "inspect", "mine", code=1).stdout) == []


def test_how_v_is_taken(engine, tmp_path):
    """A path is a bind, a bare word a volume's name, a path alone an anonymous volume."""
    engine.tare("run", "--name", "cc", *NOTHING, "-v", f"{tmp_path}:/host", "-v", "named:/n:ro,z", "-v", "/anonymous", "box", "sh", "-c",
                "touch /host/h /anonymous/a; touch /n/x 2>&1 | grep -c 'Read-only file system'")
    found = mounts(engine, "cc")
    assert (found["/host"]["Type"], found["/host"]["Source"], found["/host"]["RW"]) == ("bind", str(tmp_path), True)
    assert found["/n"] == {"Type": "volume", "Name": "named", "Source": str(content(engine, "named")), "Destination": "/n",
                           "Driver": "local", "Mode": "ro,z", "RW": False, "Propagation": ""}
    anonymous = found["/anonymous"]
    assert HEX.fullmatch(anonymous["Name"]) and anonymous["RW"] and anonymous["Mode"] == ""
    assert engine.output("logs", "cc") == "1" and (tmp_path / "h").exists() and (content(engine, anonymous["Name"]) / "a").exists()
    assert set(volumes(engine)) == {"named", anonymous["Name"]}
    document = inspect(engine, "cc")
    assert document["HostConfig"]["Binds"] == [f"{tmp_path}:/host", "named:/n:ro,z"] and document["Config"]["Volumes"] == {"/anonymous": {}}
    assert os.listdir(re.search(r"/.*", document["GraphDriver"]["Data"]["UpperDir"])[0] + "/anonymous") == [], "the layer has the place alone"
    assert engine.output("ps", "-a", "--format", "{{.LocalVolumes}}") == "2"
    for value in ("named", "/n", anonymous["Name"]):
        assert engine.output("ps", "-aq", "--no-trunc", "--filter", f"volume={value}") == document["Id"]
    assert engine.output("ps", "-aq", "--filter", "volume=other") == ""
    engine.fails(125, "empty section between colons", "create", "-v", ":/x", "box")
    engine.fails(1, "includes invalid characters for a local volume name", "create", "-v", "_x:/y", "box")
    engine.fails(125, "mount path must be absolute", "create", "-v", "v1:y", "box")
    assert engine.output("ps", "-aq") == document["Id"][:12]


def tree(directory):
    """Everything below it: type, mode, owner, and content or target."""
    found = {}
    for path, folders, files in os.walk(directory):
        for name in [".", *folders, *files] if path == str(directory) else [*folders, *files]:
            full = os.path.join(path, name)
            status = os.lstat(full)
            what = os.readlink(full) if os.path.islink(full) else open(full).read() if os.path.isfile(full) else ""
            found[os.path.relpath(full, directory)] = (stat.filemode(status.st_mode), status.st_uid, status.st_gid, what)
    return found


EXPECTED = {
    ".": ("drwxrwxrwt", 56, 78, ""), "file": ("-rw-r--r--", 0, 0, "of the image\n"), "again": ("-rw-r--r--", 0, 0, "of the image\n"),
    "own": ("drwxr-s---", 12, 34, ""), "own/deep": ("-rw-r--r--", 0, 0, "deep\n"), "out": ("lrwxrwxrwx", 0, 0, "/etc/passwd"),
}


def test_an_empty_volume_gets_what_the_image_has(engine, tmp_path):
    engine.tare("create", "--name", "one", *NOTHING, "-v", "filled:/data", "-v", "/data/own", "box")
    assert tree(content(engine, "filled")) == EXPECTED
    assert os.stat(content(engine, "filled") / "file").st_ino == os.stat(content(engine, "filled") / "again").st_ino
    assert (content(engine, mounts(engine, "one")["/data/own"]["Name"]) / "deep").read_text() == "deep\n"
    # where a link of the image leads, in the image
    engine.tare("create", "--name", "two", *NOTHING, "--mount", "src=linked,dst=/link", "box")
    assert tree(content(engine, "linked")) == EXPECTED
    # what is there already wins
    (content(engine, "filled") / "file").write_text("mine\n")
    (content(engine, "linked") / "file").unlink()
    assert engine.output("run", "--rm", *NOTHING, "-v", "filled:/data", "box", "cat", "/data/file") == "mine"
    assert engine.output("run", "--rm", *NOTHING, "-v", "linked:/data", "box", "sh", "-c", "ls /data | wc -l") == "3"
    # nobody asked for it, and a bind never gets anything
    engine.tare("create", "--name", "three", *NOTHING, "-v", "bare:/data:nocopy", "--mount", "src=bare2,dst=/link,volume-nocopy", "box")
    assert os.listdir(content(engine, "bare")) == [] == os.listdir(content(engine, "bare2"))
    assert engine.output("run", "--rm", *NOTHING, "-v", f"{tmp_path}:/data", "box", "ls", "/data") == ""
    engine.fails(1, "cannot mount volume over existing file, file exists /data/file", "create", *NOTHING, "-v", "v1:/data/file", "box")


def test_a_volume_filled_while_others_have_it(engine):
    """It was empty for them; they see what comes, and what they have written stays."""
    name = engine.output("run", "-d", *NOTHING, "-v", "shared:/empty", "box", "sleep", "1000")
    engine.tare("create", "--name", "second", *NOTHING, "-v", "shared:/data", "box")
    assert engine.output("exec", name, "cat", "/empty/own/deep") == "deep"
    assert tree(content(engine, "shared")) == EXPECTED


def test_volumes_that_an_image_declares(engine):
    engine.tare("run", "--name", "cc", *NOTHING, "declares", "sh", "-c", "echo more > /data/more; echo x > /volume01/x")
    found = mounts(engine, "cc")
    assert set(found) == {"/data", "/volume01"} and all(HEX.fullmatch(mount["Name"]) for mount in found.values())
    data = content(engine, found["/data"]["Name"])
    assert (data / "more").exists() and (data / "file").exists()
    # without -v it survives the container
    engine.tare("rm", "cc")
    assert (data / "more").read_text() == "more\n"
    assert len(volumes(engine, "-f", "dangling=true")) == 2
    # what the user puts there comes instead
    engine.tare("create", "--name", "dd", *NOTHING, "-v", "mine:/data", "--tmpfs", "/volume01:size=1m,mode=700", "declares")
    assert set(volumes(engine)) == {"mine", *(mount["Name"] for mount in found.values())}
    assert inspect(engine, "dd")["HostConfig"]["Tmpfs"] == {"/volume01": "size=1m,mode=700"}
    assert set(engine.output("volume", "prune", "-f").splitlines()[1:3]) == {mount["Name"] for mount in found.values()}
    assert volumes(engine) == ["mine"]


def test_removal_with_the_container(engine):
    engine.tare("run", "--rm", *NOTHING, "-v", "kept:/k", "-v", "/gone", "declares", "true")
    assert volumes(engine) == ["kept"]
    engine.tare("create", "--name", "cc", *NOTHING, "-v", "kept:/k", "-v", "/gone", "declares")
    engine.tare("create", "--name", "user", *NOTHING, "--volumes-from", "cc", "box")
    assert len(volumes(engine)) == 4
    engine.tare("rm", "-v", "cc")
    assert len(volumes(engine)) == 4, "another container uses them"
    engine.tare("rm", "-v", "user")
    assert volumes(engine) == ["kept"]
    # a start that fails leaves no more than one that works
    engine.tare("run", "--rm", *NOTHING, "-v", "/gone", "declares", "/nowhere", code=127)
    engine.tare("create", *NOTHING, "-v", "/gone", "-v", "kept:/data/file", "declares", code=1)
    assert volumes(engine) == ["kept"] and engine.output("ps", "-aq") == ""


def test_a_volume_in_use_stays(engine):
    first = engine.output("create", *NOTHING, "-v", "used:/u", "box")
    second = engine.output("run", "-d", *NOTHING, "-v", "used:/u", "box", "sleep", "1000")
    said = engine.fails(1, r"remove used: volume is in use - \[[0-9a-f, ]+\]", "volume", "rm", "used")
    assert first in said and second in said
    assert engine.output("volume", "prune", "-af") == "Total reclaimed space: 0B"
    assert volumes(engine, "-f", "dangling=false") == ["used"] and volumes(engine, "-f", "dangling=true") == []
    engine.kill()
    engine.start()
    engine.fails(1, "volume is in use", "volume", "rm", "used")
    engine.tare("rm", "-f", second)
    assert first in engine.fails(1, "volume is in use", "volume", "rm", "used")
    engine.tare("rm", first)
    engine.tare("volume", "rm", "used")


def test_volumes_from_others(engine, tmp_path):
    engine.tare("create", "--name", "source", *NOTHING, "-v", "named:/n", "-v", f"{tmp_path}:/h:ro", "-v", "/a", "box")
    engine.tare("create", "--name", "later", *NOTHING, "-v", "other:/n", "box")
    engine.tare("run", "--name", "user", *NOTHING, "--volumes-from", "source", "box", "sh", "-c", "echo shared > /a/file; touch /h/x; touch /n/x")
    assert not (tmp_path / "x").exists() and (content(engine, "named") / "x").exists()
    source, user = mounts(engine, "source"), mounts(engine, "user")
    assert {target: mount["Source"] for target, mount in user.items()} == {target: mount["Source"] for target, mount in source.items()}
    assert inspect(engine, "user")["HostConfig"]["VolumesFrom"] == ["source"] and inspect(engine, "user")["HostConfig"]["Binds"] is None
    engine.tare("rm", "source")
    assert engine.output("run", "--rm", *NOTHING, "--volumes-from", "user", "box", "cat", "/a/file") == "shared"
    engine.tare("create", "--name", "third", *NOTHING, "--volumes-from", "user:ro", "--volumes-from", "later", "-v", "mine:/h", "box")
    third = mounts(engine, "third")
    assert not third["/a"]["RW"] and third["/n"]["Name"] == "other" and third["/h"]["Name"] == "mine"
    for words, said in (("nobody", "No such container: nobody"), ("user:rx", "invalid mode: rx"), ("user:nocopy", "invalid mode: nocopy"), (":ro", "empty")):
        engine.fails(1, said, "create", *NOTHING, "--volumes-from", words, "box")


def test_mounts_in_dockers_long_form(engine, tmp_path):
    options = ["--mount", "type=volume,src=v1,dst=/v,readonly,volume-label=x=y", "--mount", f"type=bind,src={tmp_path},dst=/b,ro",
               "--mount", "type=tmpfs,dst=/t,tmpfs-size=65536,tmpfs-mode=1700", "--mount", "dst=/anonymous"]
    script = "touch /v/x 2>&1; touch /b/x 2>&1; stat -c %a /t; df -k /t | awk 'END { print $2 }'; dd if=/dev/zero of=/t/f bs=1k count=128 2>/dev/null || echo full"
    said = engine.output("run", "--name", "cc", *NOTHING, *options, "box", "sh", "-c", script).splitlines()
    assert len(re.findall("Read-only file system", "\n".join(said))) == 2 and said[-3:] == ["1700", "64", "full"]
    found, host = mounts(engine, "cc"), inspect(engine, "cc")["HostConfig"]
    assert {target: (mount["Type"], mount["RW"], mount["Mode"]) for target, mount in found.items()} == {
        "/v": ("volume", False, "z"), "/b": ("bind", False, ""), "/t": ("tmpfs", True, ""), "/anonymous": ("volume", True, "z")}
    assert host["Binds"] is None and [mount["Target"] for mount in host["Mounts"]] == ["/v", "/b", "/t", "/anonymous"]
    assert json.loads(engine.output("volume", "inspect", "v1"))[0]["Labels"] == {"x": "y"}
    missing = tmp_path / "missing"
    engine.fails(1, f'invalid mount config for type "bind": bind source path does not exist: {missing}',
                 "create", *NOTHING, "--mount", f"type=bind,src={missing},dst=/b", "box")
    engine.fails(1, 'invalid tmpfs option "rbind"', "create", *NOTHING, "--tmpfs", "/t:rbind", "box")
    engine.fails(125, "[Dd]uplicate mount point: /v", "create", *NOTHING, "-v", "v1:/v", "--mount", "dst=/v", "box")


def test_usage_and_prune(engine):
    engine.tare("create", "--name", "cc", *NOTHING, "-v", "used:/data", "box")
    engine.tare("volume", "create", "free")
    engine.tare("volume", "create", "--label", "keep", "kept")
    generated = engine.output("volume", "create")
    (content(engine, "free") / "big").write_bytes(b"x" * 1_000_000)
    lines = engine.output("system", "df", "-v").split("Local Volumes space usage:")[1].splitlines()
    rows = {line.split()[0]: line.split()[1:] for line in lines[3:7]}
    assert rows["used"][0] == "1" and rows["free"][0] == "0" and rows["free"][1].startswith("1.0") and rows["free"][1].endswith("MB")
    brief = engine.output("system", "df", "--format", "{{.Type}}|{{.TotalCount}}|{{.Active}}|{{.Size}}|{{.Reclaimable}}").splitlines()[2]
    assert re.fullmatch(r"Local Volumes\|4\|1\|1\.0\d+MB\|1\.0\d+MB \(9\d%\)", brief), brief
    assert engine.output("volume", "prune", "-f", "--filter", "label=x") == "Total reclaimed space: 0B"
    said = engine.tare("volume", "prune", input="n\n").stdout
    assert said.startswith("WARNING! This will remove anonymous local volumes not used by at least one container.\n")
    assert generated in engine.output("system", "prune", "-f", "--volumes") and "cc" not in engine.output("ps", "-a")
    assert set(volumes(engine)) == {"used", "free", "kept"}
    out = engine.output("volume", "prune", "-f", "--all", "--filter", "label!=keep")
    assert re.fullmatch(r"Deleted Volumes:\nfree\nused\n\nTotal reclaimed space: 1\.0\d+MB", out), out
    assert volumes(engine) == ["kept"]
    engine.fails(1, 'The "until" filter is not supported with "--volumes"', "system", "prune", "-f", "--volumes", "--filter", "until=1h")
    engine.tare("volume", "prune", "-f", "--filter", "all=1")
    assert volumes(engine) == []


def test_what_happens_is_told(engine):
    engine.tare("run", "--rm", "--name", "cc", *NOTHING, "-v", "told:/t:ro", "box", "true")
    engine.tare("volume", "rm", "told")
    found = []

    def complete():
        lines = engine.output("events", "--since", "10m", "--until", "0s", "--filter", "volume=told", "--format", "json").splitlines()
        found[:] = [json.loads(line) for line in lines]
        return [event["Action"] for event in found] == ["create", "mount", "unmount", "destroy"]

    wait_until(complete, what=f"four events: {found}")
    attributes = found[1]["Actor"]["Attributes"]
    assert (attributes["destination"], attributes["driver"], attributes["read/write"]) == ("/t", "local", "false")


def test_a_commit_leaves_volumes_out(engine):
    """Where one was, the image has an empty directory."""
    engine.tare("run", "--name", "cc", *NOTHING, "-v", "test_volume:/test", "box", "sh", "-c", "echo x > /test/file; echo y > /outside")
    engine.tare("commit", "cc", "committed")
    assert engine.output("run", "--rm", *NOTHING, "committed", "sh", "-c", "cat /outside; ls -A /test | wc -l") == "y\n0"
    engine.tare("rmi", "-f", "committed")


def test_two_who_make_the_same_at_once(engine):
    """Creation and removal of one name, again and again: each ends well or says why, and nothing is left in between."""
    said = []

    def work(words):
        for _ in range(10):
            said.append(engine.tare(*words, code=None))

    threads = [threading.Thread(target=work, args=(words,)) for words in
               [("volume", "create", "race"), ("volume", "rm", "race"), ("run", "--rm", *NOTHING, "-v", "race:/data", "box", "cat", "/data/file")]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in said:
        assert result.returncode == 0 or "no such volume" in result.stderr or "volume is in use" in result.stderr, result
        assert "run" not in result.args or result.stdout == "of the image\n", result
    engine.tare("volume", "rm", "-f", "race")


def part(name, subpath, target="/p", *more):
    return "--mount", ",".join([f"type=volume,src={name},dst={target},volume-subpath={subpath}", *more])


@pytest.fixture
def parts(engine):
    """A volume with parts, and links that lead out of it."""
    engine.tare("volume", "create", "whole")
    data = content(engine, "whole")
    (data / "a/b").mkdir(parents=True)
    (data / "a/b/file").write_text("deep\n")
    (data / "secret").write_text("of the volume\n")
    for link, target in (("in", "a/b"), ("out", "../../.."), ("absolute", "/etc"), ("loop", "loop"), ("proc", "/proc/self/root/etc")):
        (data / link).symlink_to(target)
    return data


def test_a_part_of_a_volume_is_mounted(engine, parts):
    run = ("run", "--rm", *NOTHING)
    assert engine.output(*run, *part("whole", "a/b"), "box", "sh", "-c", "cat /p/file; ls /p; echo new > /p/new") == "deep\nfile"
    assert (parts / "a/b/new").read_text() == "new\n"
    assert engine.output(*run, *part("whole", "a/./b/../b/file"), "box", "cat", "/p") == "deep"
    assert engine.output(*run, *part("whole", "in"), "box", "cat", "/p/file") == "deep", "a link within the volume"
    assert engine.output(*run, *part("whole", ".", "/p", "ro"), "box", "sh", "-c", "cat /p/secret; touch /p/x 2>&1 | grep -c 'Read-only'") == "of the volume\n1"
    assert engine.output(*run, *part("whole", "a", "/p"), *part("whole", "secret", "/p/b/file"), "box", "cat", "/p/b/file") == "of the volume"
    assert mounts_below(engine.state / "bundles") == []


def test_a_part_of_a_volume_leads_nowhere_else(engine, parts):
    """Links are followed within the volume alone: what the host has there is nobody's."""
    missing = ("absent", "absolute", "proc", "a/b/absent", "loop", "secret/below")
    for subpath in missing:
        engine.fails(125, f"cannot access path {parts}/{subpath}: ", "run", "--rm", *NOTHING, *part("whole", subpath), "box", "ls", "/p")
    assert engine.output("run", "--rm", *NOTHING, *part("whole", "out"), "box", "cat", "/p/secret") == "of the volume"
    for subpath in ("/a", "..", "a/../../x", "../whole"):
        engine.fails(1, 'invalid mount config for type "volume": subpath must be a relative path within the volume', "create", *part("whole", subpath), "box")
    engine.fails(1, "must not set Subpath when using anonymous volumes", "create", "--mount", "dst=/x,volume-subpath=a", "box")
    engine.fails(125, "cannot mix 'volume-", "create", "--mount", "type=bind,src=/tmp,dst=/x,volume-subpath=a", "box")
    assert engine.output("ps", "-aq") == "" and mounts_below(engine.state / "bundles") == []


def test_a_part_of_a_volume_lasts_as_long_as_its_container(engine, parts):
    """Through restarts by the shim and the engine's death; what was opened stays, whatever is put in its place."""
    loop = "echo start >> /p/starts; while ! [ -e /p/end ]; do sleep 0.1; done; rm /p/end; exit 1"
    engine.tare("run", "-d", "--name", "long", *NOTHING, "--restart", "on-failure:1", *part("whole", "a/b"), "box", "sh", "-c", loop)
    document = inspect(engine, "long")
    assert document["HostConfig"]["Mounts"][0]["VolumeOptions"] == {"Subpath": "a/b"}
    assert mounts(engine, "long")["/p"]["Source"] == str(parts)
    wait_until(lambda: (parts / "a/b/starts").exists(), what="the program to start")
    engine.kill()
    (parts / "a").rename(parts / "moved")
    (parts / "a").symlink_to("/etc")
    (parts / "moved/b/end").touch()
    wait_until(lambda: (parts / "moved/b/starts").read_text() == "start\nstart\n", what="the shim to start it again")
    engine.start()
    (parts / "moved/b/end").touch()
    assert engine.output("wait", "long") == "1"
    wait_until(lambda: mounts_below(engine.state / "bundles") == [], what="the bundle to go")
    engine.fails(1, "cannot access path", "start", "long")
    engine.tare("rm", "long")
