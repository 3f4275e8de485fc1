#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""critest_images.py LAYOUT CACHE BUSYBOX: writes the images that critest asks for, made from Debian's packages and a
BUSYBOX whose shell runs programs, not applets (Debian's package busybox, not busybox-static), as an OCI layout, and prints "TAG REPOSITORY:TAG" a line: what the registry must hold, and "digest SHA256" of the one that
critest names by digest."""

import os
import pathlib
import re
import subprocess
import sys
import tarfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import images  # noqa: E402

TOOLS = "k8s-staging-cri-tools/"
E2E = "e2e-test-images/"
PATH = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
SHELL = {"Env": PATH, "Cmd": ["sh"]}
USERS = {"uid": "1002", "username": "www-data", "uid-group": "1003:1004", "username-group": "www-data:1004"}
PASSWD = ("root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33:www-data:/var/www:/bin/sh\n"
          "nobody:x:65534:65534:nobody:/:/bin/false\n")
GROUP = "root:x:0:\nwww-data:x:33:\nnogroup:x:65534:\n"
SERVER = "server {{ listen {}; root /usr/share/nginx/html; index index.html; }}\n"

SHOW_UID = "#include <stdio.h>\n#include <unistd.h>\nint main(void) { printf(\"Effective uid: %d\\n\", geteuid()); }\n"
PAUSE = "#include <signal.h>\n#include <unistd.h>\nint main(void) { signal(SIGTERM, _exit); for (;;) pause(); }\n"


def contents(path):
    with open(path, "rb") as file:
        return file.read()


def compiled(source):
    path = f"/tmp/critest-image.{os.getpid()}"
    subprocess.run(["cc", "-Os", "-static", "-s", "-x", "c", "-o", path, "-"], input=source.encode(), check=True)
    try:
        return contents(path)
    finally:
        os.unlink(path)


# What the tests call and Debian's busybox does not have.
PGREP = """#!/bin/sh
for directory in /proc/[0-9]*; do
    read -r name 2>/dev/null <$directory/comm && [ "$name" = "$1" ] && echo "${directory#/proc/}"
done
"""
IPCS = "#!/bin/sh\nawk '{ print $1, $2 }' /proc/sysvipc/shm\n"


def libraries(program):
    """What a program loads: (name without the first slash, content)."""
    text = subprocess.run(["ldd", program], stdout=subprocess.PIPE, check=True, text=True).stdout
    return [images.executable(path[1:], contents(path)) for path in re.findall(r"(/\S+) \(0x", text)]


def busybox_layers(program):
    """Applets are hard links: a test masks /bin/ls, and means only that."""
    listed = subprocess.run([program, "--list"], stdout=subprocess.PIPE, check=True, text=True).stdout.split()
    link = {"type": tarfile.LNKTYPE, "linkname": "bin/busybox", "mode": 0o755}
    applets = [(f"bin/{name}", link, None) for name in listed if name != "busybox"]
    return [images.busybox_tar(),
            images.tar_bytes([images.executable("bin/busybox", contents(program)), *applets, *libraries(program),
                             images.executable("bin/pgrep", PGREP), images.executable("bin/ipcs", IPCS)]),
            images.tar_bytes([("etc/passwd", PASSWD), ("etc/group", GROUP), images.directory("var/www")])]


def nginx_layer(port, program):
    """The tests look into the image with busybox' tools, whose answers differ from Debian's."""
    return images.tar_bytes([
        ("etc/nginx/sites-enabled/default", SERVER.format(port)),
        ("usr/share/nginx/html/index.html", "Welcome to nginx!\n"),
        images.executable("usr/local/bin/grep", contents(program)),
        images.executable("usr/local/bin/pidof", contents(program)),
    ])


def write(path, cache, program):
    layout = images.Layout(path)
    busybox = busybox_layers(program)
    base, nginx = images.debian_tars(cache)
    wanted = []

    def add(name, layers, config):
        tag = name.replace("/", ".").replace(":", ".")
        wanted.append((tag, name))
        return layout.image(tag, layers, config)

    def named(name, repository=None, **config):
        """An image like no other: a file with its name."""
        mark = images.tar_bytes([(name.replace(":", "-"), name)])
        return add(repository or TOOLS + name, [*busybox, mark], {**SHELL, **config})

    add(E2E + "busybox:1.29-2", busybox, SHELL)
    pause = images.executable("pause", compiled(PAUSE))
    for name in ("pause:3.9", "pause:3.10", "pause:3.10.1", "pause:3.10.2"):
        add(name, [images.tar_bytes([pause, ("name", name)])], {"Entrypoint": ["/pause"]})
    for name in ("1:latest", "2:latest", "3:latest", "latest:latest", "tag:test", "tag:all"):
        named("test-image-" + name)
    for tag in "123":  # one image under three names, and no other names
        named("test-image-tags", f"{TOOLS}test-image-tags:{tag}")
    digest = named("test-image-digest:latest")["digest"]
    for name, user in USERS.items():
        named(f"test-image-user-{name}:latest", User=user)
    extra = images.tar_bytes([
        ("etc/passwd", PASSWD + "default-user:x:1000:1000::/home/default-user:/bin/sh\n"),
        ("etc/group", GROUP + "default-user:x:1000:\ngroup-defined-in-image:x:50000:default-user\n")])
    add(TOOLS + "test-image-predefined-group:latest", [*busybox, extra], {**SHELL, "User": "1000"})
    add(E2E + "nginx:1.14-2", [base, nginx, nginx_layer(80, program)], images.NGINX_CONFIG)
    add(TOOLS + "hostnet-nginx-amd64:latest", [base, nginx, nginx_layer(12003, program)], images.NGINX_CONFIG)
    web = images.tar_bytes([images.directory("www"), ("www/index.html", "It works!\n")])
    add(E2E + "httpd:2.4.39-4", [*busybox, web],
        {"Env": PATH, "Cmd": ["sh", "-c", "echo httpd starts; exec httpd -f -vv -p 80 -h /www"]})
    setuid = images.tar_bytes([("nnp", {"mode": 0o4755}, compiled(SHOW_UID))])
    add(E2E + "nonewprivs:1.3", [*busybox, setuid], {"Env": PATH, "Entrypoint": ["/nnp"]})
    return wanted, digest


if __name__ == "__main__":
    rows, image = write(*sys.argv[1:])
    for row in rows:
        print(*row)
    print("digest", image)
