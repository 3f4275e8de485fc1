# SPDX-License-Identifier: Apache-2.0
"""What is wrong is said in one clear line with the right exit code, and leaves nothing behind."""

import glob
import json
import os
import re
import shutil
import socket
import subprocess
import tarfile

import pytest

import images
from harness import free_port, wait_until


@pytest.fixture(autouse=True)
def no_container_is_left(engine):
    yield
    left = engine.output("ps", "-a")
    engine.remove_all()
    assert len(left.splitlines()) == 1, left


@pytest.mark.parametrize(
    "code, words, arguments",
    [
        (125, "unknown flag: --nope", ["run", "--nope", "busybox"]),
        (125, "unknown flag: --nope", ["ps", "--nope"]),
        (125, "unknown shorthand flag: 'z' in -z", ["run", "-z", "busybox"]),
        (125, "flag needs an argument: --name", ["run", "--name"]),
        (125, "invalid reference format", ["run", "Upper/Case"]),
        (1, "invalid reference format", ["pull", "a:b:c"]),
        (1, "invalid reference format", ["pull", "busybox@sha256:123"]),
        (1, "(?i)no such container: nobody", ["stop", "nobody"]),
        (1, "(?i)no such container: nobody", ["logs", "nobody"]),
        (1, "(?i)no such container: nobody", ["exec", "nobody", "true"]),
        (1, "(?i)no such image: nothing", ["rmi", "nothing"]),
    ],
)
def test_wrong_words(engine, code, words, arguments):
    engine.fails(code, words, *arguments)


def test_unknown_command(engine):
    assert "unknown command: tare nope" in engine.tare("nope", code=None).stderr
    assert engine.tare("nope", code=None).returncode != 0


@pytest.mark.parametrize(
    "options, words",
    [
        (["-m", "lots"], "lots"),
        (["-m", "1k"], "(?i)memory"),
        (["--cpus", "many"], "many"),
        (["-p", "http"], "http"),
        (["-p", "99999:80"], "99999"),
        (["-p", "80:80/icmp"], "icmp"),
        (["-v", "relative/path:x"], "x"),
        (["-v", "/tmp:/"], "/"),
        (["-e", "=value"], "=value"),
        (["-u", "nobody-here"], "nobody-here"),
        (["-u", "4294967296"], "4294967296"),
        (["--cap-add", "FLY"], "FLY"),
        (["--network", "nowhere"], "nowhere"),
        (["--name", "a/b"], "a/b"),
        (["--env-file", "/does/not/exist"], "/does/not/exist"),
    ],
)
def test_wrong_options_name_themselves(engine, busybox, options, words):
    engine.fails(125, words, "run", "--rm", *options, busybox, "true")


def test_a_file_that_is_no_image(engine, tmp_path):
    """Larger than what fits between client and engine: refused early, it must not hang."""
    (tmp_path / "noise").write_bytes(os.urandom(1 << 23))
    engine.fails(1, ".", "load", "-i", tmp_path / "noise")
    (tmp_path / "zeros").write_bytes(bytes(1 << 23))
    engine.fails(1, ".", "load", "-i", tmp_path / "zeros")
    (tmp_path / "empty").write_bytes(b"")
    engine.fails(1, ".", "load", "-i", tmp_path / "empty")


def test_missing_image(engine, registry):
    reference = registry.reference("not-there")
    engine.fails(1, "not-there", "pull", reference)
    engine.fails(125, "not-there", "run", "--rm", reference)
    assert "not-there" not in engine.output("images")


def test_unreachable_registry(engine):
    port = free_port()
    engine.fails(1, f"127.0.0.1:{port}.*(refused|connect)", "pull", f"127.0.0.1:{port}/busybox")


def test_no_credentials_and_wrong_ones(engine, registry_auth):
    reference = registry_auth.reference("busybox")
    engine.fails(1, "(?i)unauthorized|denied|authentication", "pull", reference)
    config = {"auths": {registry_auth.address: {"auth": "YWxpY2U6d3Jvbmc="}}}  # alice:wrong
    directory = os.path.join(os.environ["HOME"], ".docker")
    os.makedirs(directory)
    try:
        with open(f"{directory}/config.json", "w") as file:
            json.dump(config, file)
        engine.fails(1, "(?i)unauthorized|denied|authentication", "pull", reference)
        config["auths"][registry_auth.address]["auth"] = "YWxpY2U6c2VjcmV0"  # alice:secret
        with open(f"{directory}/config.json", "w") as file:
            json.dump(config, file)
        engine.tare("pull", "-q", reference)
        engine.tare("rmi", reference)
    finally:
        shutil.rmtree(directory)


@pytest.fixture
def broken(registry, tmp_path):
    """broken(name, change) pushes an image and lets change(path) spoil the file of its last layer."""

    def make(name, change):
        layout = images.Layout(tmp_path / name)
        noise = os.urandom(300000)
        descriptor = layout.image(name, [images.busybox_tar(), images.tar_bytes([("noise", noise)])], images.BUSYBOX_CONFIG)
        registry.push(layout, name, f"{name}:latest")
        with open(f"{layout.path}/blobs/sha256/{descriptor['digest'][7:]}") as file:
            digest = json.load(file)["layers"][-1]["digest"][7:]
        (path,) = glob.glob(f"{registry.storage}/docker/registry/v2/blobs/sha256/{digest[:2]}/{digest}/data")
        change(path)
        return registry.reference(name), digest

    return make


def blobs_and_downloads(engine):
    return sorted(os.listdir(engine.root / "content/blobs/sha256")) + sorted(os.listdir(engine.root / "content/ingest"))


def flip_a_byte(path):
    with open(path, "r+b") as file:
        file.seek(150000)
        byte = file.read(1)
        file.seek(150000)
        file.write(bytes([byte[0] ^ 1]))


def cut_short(path):
    os.truncate(path, 100000)


@pytest.mark.parametrize("name, change, words", [
    ("flipped", flip_a_byte, "wrong digest: expected sha256:{digest}"),
    ("truncated", cut_short, "registry {address} broke off: .* bytes remaining"),
])
def test_a_spoilt_layer_is_refused(engine, registry, broken, name, change, words):
    reference, digest = broken(name, change)
    engine.fails(1, words.format(digest=digest, address=registry.address), "pull", "-q", reference)
    assert name not in engine.output("images")
    assert digest not in os.listdir(engine.root / "content/blobs/sha256")


def test_a_wrong_digest_in_the_reference(engine, registry):
    digest = "0" * 64
    engine.fails(1, digest[:12], "pull", f"{registry.reference('busybox')}@sha256:{digest}")


def test_a_layer_that_is_not_what_its_config_says(engine, registry, tmp_path):
    layout = images.Layout(tmp_path / "liar")
    _, packed = images.compress(images.tar_bytes([("a", "b")]), "gzip")
    layer = layout.blob(packed, images.OCI_LAYER + "+gzip")
    document = {"architecture": images.MACHINE, "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": ["sha256:" + "1" * 64]}}
    layout.tag("liar", layout.manifest_of(document, [layer]))
    registry.push(layout, "liar", "liar:latest")
    engine.fails(1, "(?i)diff|digest|match", "pull", "-q", registry.reference("liar"))


def test_disk_full(new_engine, registry, temporary):
    directory = temporary / "full"
    (directory / "root").mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m,mode=700", "tmpfs", directory / "root"], check=True)
    try:
        engine = new_engine(directory=directory).start()
        engine.tare("pull", "-q", registry.reference("busybox"))
        before = os.statvfs(directory / "root").f_bfree
        engine.fails(1, "(?i)no space left on device", "pull", "-q", registry.reference("debian"), timeout=120)
        assert engine.output("run", "--rm", registry.reference("busybox"), "echo", "still works") == "still works"
        assert registry.reference("debian") not in engine.output("images")
        wait_until(lambda: os.statvfs(directory / "root").f_bfree > before - 1000, what="the space to come back")
        engine.remove_all()
        engine.stop()
    finally:
        subprocess.run(["umount", "-l", directory / "root"], check=True)


def test_name_in_use(engine, busybox):
    engine.tare("run", "-d", "--name", "taken", busybox, "sleep", "1000")
    engine.fails(125, "(?i)name.*taken.*in use", "run", "--name", "taken", busybox, "true")
    assert len(engine.output("ps", "-aq").split()) == 1
    engine.tare("rm", "-f", "taken")


def test_port_in_use(engine, busybox):
    with socket.socket() as listener:
        listener.bind(("0.0.0.0", 0))
        listener.listen()
        port = listener.getsockname()[1]
        engine.fails(125, f"{port}.*(in use|allocated)", "run", "--rm", "-p", f"{port}:80", busybox, "true")
    engine.tare("run", "-d", "--name", "first", "-p", f"{port}:80", busybox, "sleep", "1000")
    engine.fails(125, f"{port}.*(in use|allocated)", "run", "--rm", "-p", f"{port}:80", busybox, "true")
    engine.tare("rm", "-f", "first")


def test_command_not_found_and_not_executable(engine, busybox):
    engine.fails(127, "nothing-here.*not found|nothing-here.*no such file", "run", "--rm", busybox, "nothing-here")
    engine.fails(126, "/etc/passwd.*permission denied", "run", "--rm", busybox, "/etc/passwd")
    engine.fails(126, "/etc.*(permission denied|directory)", "run", "--rm", busybox, "/etc")


@pytest.mark.parametrize(
    "change, path",
    [
        (lambda config: config["process"].update(args="true"), r"process\.args"),
        (lambda config: config["process"].update(rlimits=[{"type": "RLIMIT_NOFILE", "soft": 1, "hard": "x"}]), r"process\.rlimits\[0\]\.hard"),
        (lambda config: config["process"]["user"].update(uid=-1), r"process\.user\.uid"),
        (lambda config: config.update(mounts=[{"destination": 7}]), r"mounts\[0\]\.destination"),
        (lambda config: config["linux"].update(namespaces={"type": "pid"}), r"linux\.namespaces"),
        (lambda config: config["linux"].update(resources={"memory": {"limit": "1g"}}), r"linux\.resources\.memory\.limit"),
    ],
)
def test_a_wrong_type_in_config_json_names_its_field(bin_dir, tmp_path, change, path):
    runtime = bin_dir / "tare-runtime"
    (tmp_path / "rootfs").mkdir()
    subprocess.run([runtime, "spec", "--bundle", tmp_path], check=True, timeout=30)
    config = json.loads((tmp_path / "config.json").read_text())
    config["process"]["terminal"] = False
    change(config)
    (tmp_path / "config.json").write_text(json.dumps(config))
    command = [runtime, "--root", tmp_path / "state", "run", "--bundle", tmp_path, "wrong"]
    result = subprocess.run(command, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, timeout=30)
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1 and re.search(path + ": expected", result.stderr), result.stderr
    assert not glob.glob(str(tmp_path / "state" / "*"))


def hostile(name):
    """Layers that try to reach the directory /canary of the host by its real path, and fail to."""
    up = "../" * 20
    return {
        "absolute": [images.directory("/CANARY"), ("/CANARY/absolute", "evil")],
        "dotdot": [(up + "CANARY/dotdot", "evil")],
        "symlink-then-file": [images.symlink("out", "/CANARY"), ("out/file", "evil")],
        "relative-symlink-then-file": [images.symlink("out", up + "CANARY"), ("out/file", "evil")],
        "symlink-to-file": [images.symlink("out", "/CANARY/file"), ("out", "evil")],
        "symlink-then-directory": [images.symlink("out", "/CANARY"), images.directory("out", 0o777), images.directory("out/new")],
        "hardlink-out": [images.hardlink("link", "/CANARY/secret"), ("link", "evil")],
        "hardlink-dotdot": [images.hardlink("link", up + "CANARY/secret"), ("link", "evil")],
        "hardlink-through-symlink": [images.symlink("out", "/CANARY"), images.hardlink("link", "out/secret"), ("link", "evil")],
        "whiteout-out": [images.symlink("out", "/CANARY"), ("out/.wh.secret", "")],
        "whiteout-dotdot": [("a/.wh...", ""), ("a/.wh..", "")],
        "opaque-out": [images.symlink("out", "/CANARY"), ("out/.wh..wh..opq", "")],
        "root-is-a-symlink": [images.symlink(".", "/CANARY"), ("file", "evil")],
        "root-is-a-symlink-too": [images.symlink("./", "/CANARY"), ("file", "evil")],
        "mode-through-symlink": [images.symlink("out", "/CANARY/secret"), ("out", {"mode": 0o777, "type": tarfile.DIRTYPE}, None)],
        "device": [("disk", {"type": tarfile.BLKTYPE, "devmajor": 8, "devminor": 0}, None)],
    }[name]


@pytest.mark.parametrize("name", [
    "absolute", "dotdot", "symlink-then-file", "relative-symlink-then-file", "symlink-to-file", "symlink-then-directory",
    "hardlink-out", "hardlink-dotdot", "hardlink-through-symlink", "whiteout-out", "whiteout-dotdot", "opaque-out",
    "root-is-a-symlink", "root-is-a-symlink-too", "mode-through-symlink", "device",
])
@pytest.mark.parametrize("split", [False, True], ids=["one-layer", "two-layers"])
def test_hostile_layers_change_nothing_outside(engine, tmp_path, name, split):
    canary = tmp_path / "canary"
    canary.mkdir(mode=0o700)
    (canary / "secret").write_text("untouched")
    os.chmod(canary / "secret", 0o600)

    def aim(text):
        return text.replace("/CANARY", str(canary)).replace("CANARY", str(canary)[1:])

    entries = []
    for entry in hostile(name):
        path, fields, content = entry if len(entry) == 3 else (entry[0], {}, entry[1])
        fields = {key: aim(value) if isinstance(value, str) else value for key, value in fields.items()}
        entries.append((aim(path), fields, content))
    layers = [images.tar_bytes([entry]) for entry in entries] if split else [images.tar_bytes(entries)]
    layout = images.Layout(tmp_path / "layout")
    layout.image(f"hostile-{name}:latest", [images.busybox_tar(), *layers], images.BUSYBOX_CONFIG)
    result = engine.tare("load", "-i", layout.archive(tmp_path / "image.tar"), code=None)
    assert result.returncode in (0, 1), result
    if result.returncode == 0 and name != "device":
        engine.tare("run", "--rm", "--network", "none", f"hostile-{name}", "true", code=None)
    assert sorted(os.listdir(canary)) == ["secret"]
    assert (canary / "secret").read_text() == "untouched"
    assert os.stat(canary / "secret").st_mode & 0o7777 == 0o600
    assert os.stat(canary / "secret").st_nlink == 1
    assert os.stat(canary).st_mode & 0o7777 == 0o700
    if result.returncode == 0:
        engine.tare("rmi", "-f", f"hostile-{name}")


def test_a_devices_node_in_an_image_opens_nothing(engine, tmp_path):
    """The node may exist in the snapshot; inside the container it is no way to the disk."""
    layout = images.Layout(tmp_path / "layout")
    node = [("disk", {"type": tarfile.BLKTYPE, "devmajor": os.major(os.stat("/").st_dev), "devminor": os.minor(os.stat("/").st_dev)}, None)]
    layout.image("node:latest", [images.busybox_tar(), images.tar_bytes(node)], images.BUSYBOX_CONFIG)
    if engine.tare("load", "-i", layout.archive(tmp_path / "image.tar"), code=None).returncode == 0:
        result = engine.tare("run", "--rm", "--network", "none", "node", "dd", "if=/disk", "of=/dev/null", "bs=512", "count=1", code=None)
        assert result.returncode != 0, result.stderr
        engine.tare("rmi", "-f", "node")
