# SPDX-License-Identifier: Apache-2.0
"""Images for the tests, made from Debian's packages with nothing but the standard library.

An image is a list of layers (uncompressed tar files or bytes) and a config; Layout writes OCI image
layouts, which skopeo pushes to the tests' registry. `python3 images.py CACHE` makes the big ones ahead
of time: it needs apt's mirror, which tests in their own network namespace cannot reach.
"""

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zlib

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
MACHINE = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]


def tar_bytes(entries):
    """A tar from (name, content) or (name, TarInfo-fields, content) tuples; None content = as fields say."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for entry in entries:
            name, fields, content = entry if len(entry) == 3 else (entry[0], {}, entry[1])
            info = tarfile.TarInfo(name)
            info.mode = 0o755 if fields.get("type") == tarfile.DIRTYPE else 0o644
            for key, value in fields.items():
                setattr(info, key, value)
            if isinstance(content, str):
                content = content.encode()
            if content is not None:
                info.size = len(content)
            tar.addfile(info, io.BytesIO(content) if content is not None else None)
    return out.getvalue()


def directory(name, mode=0o755):
    return (name, {"type": tarfile.DIRTYPE, "mode": mode}, None)


def symlink(name, target):
    return (name, {"type": tarfile.SYMTYPE, "linkname": target, "mode": 0o777}, None)


def hardlink(name, target):
    return (name, {"type": tarfile.LNKTYPE, "linkname": target}, None)


def executable(name, content):
    return (name, {"mode": 0o755}, content)


def compress(data, how):
    """(media type, bytes); how is "none", "gzip" or "zstd"."""
    if how == "none":
        return OCI_LAYER, data
    if how == "gzip":
        packer = zlib.compressobj(6, zlib.DEFLATED, 31)
        return OCI_LAYER + "+gzip", packer.compress(data) + packer.flush()
    packed = subprocess.run(["zstd", "-q", "-c", "-3"], input=data, stdout=subprocess.PIPE, check=True).stdout
    return OCI_LAYER + "+zstd", packed


class Layout:
    """An OCI image layout under `path`; images are added under tags."""

    def __init__(self, path):
        self.path = str(path)
        os.makedirs(f"{self.path}/blobs/sha256", exist_ok=True)
        with open(f"{self.path}/oci-layout", "w") as file:
            json.dump({"imageLayoutVersion": "1.0.0"}, file)
        self.manifests = []
        self.layers = {}
        self._write_index()

    def _write_index(self):
        with open(f"{self.path}/index.json", "w") as file:
            json.dump({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": self.manifests}, file)

    def blob(self, data, media_type):
        if not isinstance(data, bytes):
            data = json.dumps(data).encode()
        digest = hashlib.sha256(data).hexdigest()
        with open(f"{self.path}/blobs/sha256/{digest}", "wb") as file:
            file.write(data)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}

    def manifest(self, layers, config=None, architecture=MACHINE, compression="gzip"):
        """layers: bytes or paths of uncompressed tars, or (layer, compression). Returns a descriptor."""
        descriptors, diff_ids, history = [], [], []
        for layer in layers:
            layer, how = layer if isinstance(layer, tuple) else (layer, compression)
            if not isinstance(layer, bytes):
                with open(layer, "rb") as file:
                    layer = file.read()
            diff_ids.append("sha256:" + hashlib.sha256(layer).hexdigest())
            if (diff_ids[-1], how) not in self.layers:
                media_type, packed = compress(layer, how)
                self.layers[diff_ids[-1], how] = self.blob(packed, media_type)
            descriptors.append(self.layers[diff_ids[-1], how])
            history.append({"created": "2026-01-02T03:04:05Z", "created_by": "tare test"})
        document = {
            "created": "2026-01-02T03:04:05Z",
            "architecture": architecture,
            "os": "linux",
            "config": config or {},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "history": history,
        }
        return self.manifest_of(document, descriptors, architecture)

    def manifest_of(self, document, layers, architecture=MACHINE):
        config = self.blob(document, OCI_CONFIG)
        manifest = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": layers}
        return dict(self.blob(manifest, OCI_MANIFEST), platform={"architecture": architecture, "os": "linux"})

    def index(self, manifests):
        document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests}
        return self.blob(document, OCI_INDEX)

    def tag(self, name, descriptor):
        annotations = {"org.opencontainers.image.ref.name": name}
        self.manifests.append(dict(descriptor, annotations=annotations))
        self._write_index()

    def image(self, tag, layers, config=None, **more):
        descriptor = self.manifest(layers, config, **more)
        self.tag(tag, descriptor)
        return descriptor

    def archive(self, path):
        """The layout as the tar file that `tare load` takes."""
        with tarfile.open(path, "w") as tar:
            for name in ("oci-layout", "index.json", "blobs"):
                tar.add(f"{self.path}/{name}", name)
        return str(path)


def busybox_tar():
    applets = subprocess.run(["busybox", "--list"], stdout=subprocess.PIPE, check=True, text=True).stdout.split()
    with open(shutil.which("busybox"), "rb") as file:
        program = file.read()
    entries = [directory(name) for name in ("bin", "dev", "etc", "home", "proc", "root", "sys", "usr", "var", "var/log")]
    entries += [
        directory("tmp", 0o1777),
        directory("home/user"),
        executable("bin/busybox", program),
        ("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home/user:/bin/sh\n"),
        ("etc/group", "root:x:0:\nuser:x:1000:\nstaff:x:50:user\n"),
        ("etc/shadow", {"mode": 0o640}, "root:*:::::::\n"),
    ]
    entries += [symlink(f"bin/{name}", "busybox") for name in applets if name != "busybox"]
    return tar_bytes(entries)


def _mmdebstrap(path, *packages):
    command = ["mmdebstrap", "--quiet", "--variant=minbase", "--mode=root", "--format=tar"]
    command += ["--aptopt=Acquire::Languages \"none\"", "--dpkgopt=path-exclude=/usr/share/doc/*"]
    command += ["--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/locale/*"]
    command += [f"--include={','.join(packages)}"] if packages else []
    # the machine's own sources say where Debian is; an empty list means its default mirror
    sources = "/etc/apt/sources.list.d/debian.sources"
    command += ["bookworm", path + ".new"] + ([sources] if os.path.exists(sources) else [])
    environment = dict(os.environ, SOURCE_DATE_EPOCH="1767225600")
    subprocess.run(command, check=True, env=environment, stdin=subprocess.DEVNULL)
    os.rename(path + ".new", path)


def _members(path):
    members = {}
    with tarfile.open(path) as tar:
        for info in tar:
            content = hashlib.sha256(tar.extractfile(info).read()).digest() if info.isreg() else b""
            key = (info.type, info.mode, info.uid, info.gid, info.linkname, content)
            members[info.name.rstrip("/")] = key
    return members


def _write_difference(old, new, path):
    """The layer that turns tar `old` into `new`: what is new or changed, and whiteouts."""
    before, after = _members(old), _members(new)
    with tarfile.open(new) as source, tarfile.open(path + ".new", "w", format=tarfile.PAX_FORMAT) as out:
        for info in source:
            name = info.name.rstrip("/")
            # a hard link whose target is below this layer must travel as the file itself
            if after[name] == before.get(name):
                continue
            if info.islnk() and after.get(info.linkname) == before.get(info.linkname):
                target = source.getmember(info.linkname)
                info.type, info.size = tarfile.REGTYPE, target.size
                out.addfile(info, source.extractfile(target))
            else:
                out.addfile(info, source.extractfile(info) if info.isreg() else None)
        for name in sorted(before.keys() - after.keys()):
            parent, leaf = os.path.split(name)
            if parent in after:
                out.addfile(tarfile.TarInfo(os.path.join(parent, ".wh." + leaf)))
    os.rename(path + ".new", path)


def debian_tars(cache):
    """(base layer, layer that adds nginx), made once into `cache`."""
    os.makedirs(cache, exist_ok=True)
    base, with_nginx, nginx = (f"{cache}/debian12{name}.tar" for name in ("", "-with-nginx", "-nginx"))
    if not os.path.exists(base):
        _mmdebstrap(base)
    if not os.path.exists(nginx):
        _mmdebstrap(with_nginx, "nginx-light")
        _write_difference(base, with_nginx, nginx)
        os.unlink(with_nginx)
    return base, nginx


NGINX_CONFIG = {
    "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
    "Entrypoint": ["/usr/sbin/nginx"],
    "Cmd": ["-g", "daemon off;"],
    "ExposedPorts": {"80/tcp": {}},
    "StopSignal": "SIGQUIT",
}
BUSYBOX_CONFIG = {"Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"], "Cmd": ["sh"]}
DEBIAN_CONFIG = {"Env": NGINX_CONFIG["Env"], "Cmd": ["bash"]}


def write_standard_layout(path, cache):
    """The images of the tests: busybox, busybox-zstd, multi (an index), debian, nginx, configured."""
    layout = Layout(path)
    busybox = busybox_tar()
    base, nginx = debian_tars(cache)
    layout.image("busybox", [busybox], BUSYBOX_CONFIG)
    layout.image("busybox-zstd", [(busybox, "zstd")], BUSYBOX_CONFIG)
    layout.image("debian", [base], DEBIAN_CONFIG)
    layout.image("nginx", [base, (nginx, "zstd")], NGINX_CONFIG)
    layout.image("nginx-gzip", [base, nginx], NGINX_CONFIG)
    layout.image(
        "configured",
        [busybox, tar_bytes([directory("work"), ("work/file", "from the second layer\n")])],
        {
            "Env": ["PATH=/bin", "COLOUR=blue", "SHAPE=round"],
            "Entrypoint": ["/bin/sh", "-c", 'echo "entrypoint $0 $@"; id -u; id -g; pwd; echo $COLOUR $SHAPE'],
            "Cmd": ["from", "cmd"],
            "User": "user",
            "WorkingDir": "/work",
            "Labels": {"org.example.kind": "test"},
        },
    )
    other = "arm64" if MACHINE == "amd64" else "amd64"
    mine = layout.manifest([busybox, tar_bytes([("etc/arch", MACHINE + "\n")])], BUSYBOX_CONFIG)
    foreign = layout.manifest([tar_bytes([("etc/arch", other + "\n")])], {}, architecture=other)
    layout.tag("multi", layout.index([foreign, mine]))
    return layout


def push(layout, tag, destination, credentials=None, docker=False):
    """skopeo copy to HOST:PORT/NAME:TAG; docker=True converts to a Docker schema 2 manifest."""
    command = ["skopeo", "copy", "--quiet", "--dest-tls-verify=false", "--all", "--insecure-policy"]
    command += ["--dest-creds", credentials] if credentials else []
    command += ["--format", "v2s2"] if docker else []
    command += [f"oci:{layout.path}:{tag}", f"docker://{destination}"]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, timeout=300)


if __name__ == "__main__":
    debian_tars(sys.argv[1])
