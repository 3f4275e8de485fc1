# SPDX-License-Identifier: Apache-2.0
"""Class G, and what E and A leave to the engine: an image says what runs in its container, and nothing about how."""

import contextlib
import json
import os
import pathlib
import tarfile

import pytest

import images
from attack.canary import Canary
from harness import processes_with

NOTHING = ("--network", "none")
PRELOAD = {
    "LD_PRELOAD": "/evil.so", "LD_LIBRARY_PATH": "/evil", "LD_AUDIT": "/evil.so", "GCONV_PATH": "/evil",
    "TARE_CONFIG": "/evil.json", "TARE_HOST": "unix:///evil", "HTTPS_PROXY": "http://evil.invalid",
    "OPENSSL_CONF": "/evil.cnf", "_LIBCONTAINER_INITPIPE": "3", "NOTIFY_SOCKET": "/evil", "LISTEN_FDS": "9",
}
# Every word that one of the field's engines, runtimes or shims has once taken for an order.
ORDERS = {
    "tare.runtime": "/evil", "tare.privileged": "true", "io.tare.hooks": "/evil", "dev.tare.restart": "always",
    "run.oci.hooks.stdout": "/evil", "run.oci.keep_original_groups": "1", "run.oci.handler": "krun",
    "run.oci.seccomp_fail_unknown_syscall": "0", "run.oci.systemd.subgroup": "/..",
    "io.katacontainers.config.hypervisor.path": "/evil", "io.katacontainers.config_path": "/evil",
    "io.containerd.runc.v2.group": "evil", "io.kubernetes.cri.sandbox-id": "evil", "io.kubernetes.cri.container-type": "sandbox",
    "containerd.io/restart.status": "running", "containerd.io/restart.loguri": "binary:///evil",
    "containerd.io/gc.root": "1", "containerd.io/snapshot.ref": "evil", "cdi.k8s.io/evil": "vendor.com/device=all",
    "org.systemd.property.ExecStart": "'/evil'", "com.docker.runtime": "/evil", "org.opencontainers.runtime-spec.hooks": "/evil",
}
BAD_VOLUMES = ("/proc", "/proc/sys", "proc/../proc", "/", "..", "", ".", "/etc/passwd", "/file-link")
GOOD_VOLUMES = ("/../../etc", "relative", "/out", "/relative-out", "/data\n/etc", "../../../../var", "/sys/fs/cgroup")


@pytest.fixture
def canary(temporary, request):
    one = Canary(temporary / f"canary-{abs(hash(request.node.name))}")
    yield one
    one.check()
    one.close()


@pytest.fixture(scope="module")
def base(engine):
    """busybox as a layer's bytes."""
    return images.busybox_tar()


@pytest.fixture
def load(engine, base, tmp_path):
    """load({name: (config, entries)}): images of busybox with these configs and further layers, in one archive."""
    names = []

    def make(rows, annotate=None):
        layout = images.Layout(tmp_path / f"layout{len(names)}")
        for name, (config, entries) in rows.items():
            layers = [base] + ([images.tar_bytes(entries)] if entries else [])
            descriptor = layout.manifest(layers, {**images.BUSYBOX_CONFIG, **config}, compression="none")
            layout.tag(f"{name}:latest", annotate(layout, descriptor) if annotate else descriptor)
            names.append(name)
        engine.tare("load", "-i", layout.archive(tmp_path / "images.tar"))

    yield make
    for name in names:
        engine.tare("rmi", "-f", name)


@contextlib.contextmanager
def running(engine, *arguments):
    name = engine.output("run", "-d", *NOTHING, *arguments)
    try:
        yield name
    finally:
        engine.tare("rm", "-f", name)


def refusal(result):
    """The one line in which a container was refused: short, and with nothing that a terminal obeys."""
    assert result.returncode in (125, 126, 127) and result.stdout == "", result
    (line,) = (line for line in result.stderr.splitlines() if line and not line.startswith("Run 'tare"))
    assert line.isprintable() and len(line) < 2000, line
    return line


def configuration(engine, name):
    """The config.json that the runtime got, without what is different for every container."""
    text = (engine.state / "bundles" / name / "config.json").read_text()
    return json.loads(text.replace(name, "ID").replace(name[:12], "ID"))


def annotated(layout, descriptor):
    """The same image, its manifest full of annotations: on the manifest itself, its config and its layers."""
    path = f"{layout.path}/blobs/sha256/{descriptor['digest'][7:]}"
    with open(path) as file:
        manifest = json.load(file)
    manifest["annotations"] = ORDERS
    for part in (manifest["config"], *manifest["layers"]):
        part["annotations"] = ORDERS
    return dict(layout.blob(manifest, images.OCI_MANIFEST), platform=descriptor["platform"])


def test_what_an_image_says_orders_nothing(engine, load):
    evil = {
        "Labels": ORDERS,
        "Annotations": ORDERS, "annotations": ORDERS,
        "Runtime": "/evil", "Hooks": {"prestart": [{"path": "/evil"}]}, "HostConfig": {"Privileged": True, "Binds": ["/:/host"]},
        "Privileged": True, "OnBuild": ["RUN /evil"], "ExposedPorts": {"1/tcp": {}, "../2": {}, "x": {}},
        "ArgsEscaped": True, "NetworkDisabled": True, "MacAddress": "evil", "Hostname": "evil", "Domainname": "evil",
    }
    load({"plain": ({}, [])})
    load({"evil": (evil, [images.symlink("link", "/etc")])}, annotated)
    with running(engine, "plain", "sleep", "1000") as plain, running(engine, "evil", "sleep", "1000") as hostile:
        assert configuration(engine, hostile) == configuration(engine, plain)
        assert not configuration(engine, hostile).get("annotations")
        inspect = json.loads(engine.output("inspect", hostile))[0]
        assert inspect["HostConfig"]["Privileged"] is False and not inspect["HostConfig"]["Binds"]
        assert inspect["HostConfig"]["RestartPolicy"]["Name"] in ("", "no")
        assert inspect["Config"]["Labels"] == ORDERS, "they are words, and shown as such"


def volumes(engine):
    return engine.output("volume", "ls", "-q").split()


@pytest.mark.parametrize("path", BAD_VOLUMES)
def test_places_where_no_image_may_have_a_volume(engine, load, path):
    load({"declares": ({"Volumes": {path: {}}}, [images.symlink("file-link", "/etc/passwd"), ("etc/passwd", "root:x:0:0::/:/bin/sh\n")])})
    refusal(engine.tare("run", "--rm", *NOTHING, "declares", "true", code=None))
    assert engine.output("ps", "-aq") == "" and volumes(engine) == []


def test_volumes_of_an_image_stay_in_it(engine, load, canary):
    """Wherever its words and links lead: a volume is a directory of the engine's, and gets what the image has there."""
    places = [images.symlink("out", str(canary)), images.symlink("relative-out", "../" * 30 + str(canary)[1:]),
              images.directory("etc"), ("etc/mine", "of the image"),
              images.directory("relative"), images.symlink("relative/passwd", str(canary / "passwd")),
              images.symlink("relative/directory", str(canary / "directory"))]
    load({"declares": ({"Volumes": {path: {} for path in GOOD_VOLUMES}}, places)})
    script = "echo x > /out/new; echo x > /relative-out/new; echo x > /relative/new; cat /etc/mine; readlink /relative/passwd"
    said = engine.output("run", "--name", "hostile", *NOTHING, "declares", "sh", "-c", script)
    try:
        assert said == f"of the image{canary / 'passwd'}"
        found = json.loads(engine.output("inspect", "hostile"))[0]["Mounts"]
        assert {mount["Type"] for mount in found} == {"volume"} and len(found) == len(volumes(engine))
        for mount in found:
            assert mount["Source"] == f"{engine.root}/volumes/{mount['Name']}/_data"
            assert not any("canary" in file.read_text() for file in pathlib.Path(mount["Source"]).iterdir()
                           if file.is_file() and not file.is_symlink()), mount
    finally:
        engine.tare("rm", "-fv", "hostile")
    assert volumes(engine) == []


def test_a_volume_leads_nowhere(engine, load, canary):
    """What a container leaves in one is met again by the engine: when it is filled, counted and removed."""
    load({"plain": ({}, [images.directory("data"), ("data/file", "x")])})
    volume = engine.root / "volumes" / "hostile" / "_data"
    script = (f"ln -s {canary} /v/link; ln -s {canary} /v/.tare-fill; mkdir /v/.tare-part; ln -s {canary} /v/.tare-part/x; "
              f"ln -s {canary} /v/lost+found")
    engine.tare("run", "--rm", *NOTHING, "-v", "hostile:/v", "plain", "sh", "-c", script)
    engine.tare("run", "--rm", *NOTHING, "-v", "hostile:/data", "plain", "true")
    (volume / "link").unlink()
    engine.tare("run", "--rm", *NOTHING, "-v", "hostile:/data", "plain", "true")
    engine.tare("system", "df", "-v")
    assert os.readlink(volume / "lost+found") == str(canary)
    engine.tare("volume", "rm", "hostile")
    for name in ("../x", "x/../../y", "..", "/etc", ".new-1", "a\0b".encode().decode().replace("\0", "\n")):
        engine.tare("volume", "create", name, code=1)
        engine.tare("volume", "rm", name, code=1)


def test_the_environment_of_an_image_is_the_containers_alone(engine, load):
    test = ["CMD-SHELL", "env >/tmp/health"]
    load({"preload": ({"Env": [f"{name}={value}" for name, value in PRELOAD.items()],
                       "Healthcheck": {"Test": test, "Interval": 100_000_000}}, [])})
    with running(engine, "preload", "sh", "-c", "until [ -s /tmp/health ]; do sleep 0.1; done; echo checked; sleep 1000") as name:
        assert engine.tare("exec", name, "sh", "-c", "until [ -s /tmp/health ]; do sleep 0.1; done; env").stdout.count("evil") >= 8
        pids = [pid for pid, _ in processes_with(str(engine.directory))] + [engine.process.pid]
        checked = 0
        for pid in pids:
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                said = {name: pathlib.Path(f"/proc/{pid}/{name}").read_bytes() for name in ("environ", "maps", "cmdline")}
                # a program of ours may have become the container's in between: then its command line is another
                if os.fsencode(engine.programs) in said["cmdline"] or os.fsencode(engine.directory) in said["cmdline"]:
                    checked += 1
                    assert not [name for name, value in PRELOAD.items() if f"{name}={value}".encode() in said["environ"].split(b"\0")]
                    assert b"evil" not in said["maps"]
        assert checked >= 2, "the engine and the container's shim"


# user of the image, and who it is: None if nobody
USERS = {
    "number": ("1234", "1234:0"), "both": ("12:34", "12:34"), "name": ("user", "1000:1000"), "group": ("user:staff", "1000:50"),
    "too-large": ("4294967296", None), "no-id": ("4294967295", None), "wraps": ("2147483648:4294967296", None),
    "named-number": ("7777", "7777:0"), "negative": ("-1", None), "hex": ("0x0", None), "sign": ("+0", None),
    "newline": ("user\nroot", None), "escape": ("\x1b]0;x\x07\x1b[31m", None),
    "path": ("../../etc/passwd", None), "colons": ("0:0:0", None), "colon": ("user:", None), "no-group": ("user:nobody", None),
    "format": ("%s%n%s%n", None), "long": ("u" * 70000, None), "space": (" 0", None), "star": ("*", None),
}


def test_users_of_images(engine, load):
    passwd = "4294967296:x:0:0::/:/bin/sh\n7777:x:0:0::/:/bin/sh\n-1:x:0:0::/:/bin/sh\n:x:0:0::/:/bin/sh\nroot:x:0:0::/:/bin/sh\nuser:x:1000:1000::/:\n"
    entries = [("etc/passwd", passwd.replace("-1:x:0:0::/:/bin/sh\n", ""))]
    load({f"user-{name}": ({"User": user, "Cmd": ["sh", "-c", "echo $(id -u):$(id -g)"]}, entries) for name, (user, _) in USERS.items()})
    for name, (_, who) in USERS.items():
        result = engine.tare("run", "--rm", *NOTHING, f"user-{name}", code=None)
        if who:
            assert result.stdout == who + "\n", (name, result)
            continue
        assert "user" in refusal(result) or "group" in refusal(result), (name, result)
    assert engine.output("ps", "-aq") == ""


@pytest.mark.parametrize("directory, made", [
    ("/place/new", "/new"), ("/place", ""), ("/place/../place/directory", "/directory"), ("../../../place/new", "/new"),
    ("/proc/self/fd/7", None), ("/proc/1/root/place", None),
])
def test_working_directory_of_an_image(engine, load, canary, directory, made):
    """Links lead within the root file system, where the path is made; links of /proc lead nowhere."""
    load({"workdir": ({"WorkingDir": directory}, [images.symlink("place", str(canary))])})
    result = engine.tare("run", "--rm", *NOTHING, "workdir", "pwd", code=None)
    if made is None:
        assert "cwd" in refusal(result)
    else:
        assert result.stdout == f"{canary}{made}\n"


def special(kind, canary, path):
    """Entries that make of /etc/passwd or /etc/group what no such file should be."""
    return {
        "link": [images.symlink(path, str(canary / "passwd"))],
        "relative": [images.symlink(path, "../" * 30 + str(canary / "passwd")[1:])],
        "magic": [images.symlink(path, "/proc/self/root" + str(canary / "passwd"))],
        "loop": [images.symlink(path, path.rsplit("/", 1)[1])],
        "fifo": [(path, {"type": tarfile.FIFOTYPE, "mode": 0o666}, None)],
        "zero": [(path, {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 5, "mode": 0o666}, None)],
        "directory": [images.directory(path)],
        "huge": [(path, "x:" * (6 << 20))],
        "lines": [(path, "\n" * (4 << 20))],
        "directory-out": [images.symlink("etc", str(canary))],
    }[kind]


# Not found: the canary's own file would name both the user and the group "canary".
NO_DATABASE = {
    "link": "no matching entries", "relative": "no matching entries", "magic": "no matching entries",
    "loop": "symbolic links", "fifo": "not a regular file", "zero": "not a regular file", "directory": "not a regular file",
    "huge": "larger than 10 MiB", "lines": "no matching entries", "directory-out": "no matching entries",
}


@pytest.mark.parametrize("kind", NO_DATABASE)
def test_passwd_and_group_of_an_image_are_files_or_nothing(engine, load, canary, kind):
    def over(path):
        return [(".wh.etc" if kind == "directory-out" else "etc/.wh." + path[4:], {}, "")]

    rows = {}
    for path in ("etc/passwd", "etc/group"):
        layer = special(kind, canary, path)
        rows[f"odd-{path[4:]}"] = ({}, (over(path) if kind != "directory-out" else []) + layer)
    load(rows)
    for name, user in (("odd-passwd", "canary"), ("odd-group", "0:canary")):
        line = refusal(engine.tare("run", "--rm", *NOTHING, "--user", user, name, "id", code=None, timeout=30))
        assert NO_DATABASE[kind] in line
    assert engine.output("ps", "-aq") == ""


@pytest.mark.parametrize("kind", ["link", "relative", "dangling", "magic", "fifo", "directory", "directory-out"])
def test_files_that_the_engine_puts_into_etc_stay_in_the_container(engine, load, canary, kind):
    names = ("hosts", "resolv.conf", "hostname")
    layer = []
    for name in names:
        layer += {
            "link": [images.symlink(f"etc/{name}", str(canary / "file"))],
            "relative": [images.symlink(f"etc/{name}", "../" * 30 + str(canary / "file")[1:])],
            "dangling": [images.symlink(f"etc/{name}", str(canary / "new"))],
            "magic": [images.symlink(f"etc/{name}", "/proc/self/root" + str(canary / "file"))],
            "fifo": [(f"etc/{name}", {"type": tarfile.FIFOTYPE, "mode": 0o666}, None)],
            "directory": [images.directory(f"etc/{name}")],
            "directory-out": [],
        }[kind]
    if kind == "directory-out":
        layer = [images.symlink("etc", str(canary))]
    load({"etc": ({}, layer)})
    before = {name: os.stat(f"/etc/{name}") for name in names if os.path.exists(f"/etc/{name}")}
    script = "for name in hosts resolv.conf hostname; do echo evil >/etc/$name; done; cat /etc/hostname"
    result = engine.tare("run", "--rm", *NOTHING, "etc", "sh", "-c", script, code=None, timeout=30)
    assert result.returncode != 0 or result.stdout == "evil\n", result
    for name, status in before.items():
        now = os.stat(f"/etc/{name}")
        assert (now.st_mtime_ns, now.st_size, now.st_ino) == (status.st_mtime_ns, status.st_size, status.st_ino)
    assert engine.output("ps", "-aq") == ""
