# SPDX-License-Identifier: Apache-2.0
"""containerd's services over gRPC, with messages made from our copies of its .proto files."""

import importlib
import pathlib
import subprocess
import sys

PROTO = pathlib.Path(__file__).resolve().parent.parent / "proto"
SERVICES = ("containers", "content", "images", "introspection", "leases", "namespaces", "snapshots", "streaming", "tasks", "transfer")


def load_messages(directory):
    """The modules by the service's name."""
    files = [f"containerd/services/{name}.proto" for name in SERVICES]
    files += ["google/rpc/status.proto", "protobuf-c/protobuf-c.proto"]
    files += [str(path.relative_to(PROTO)) for folder in ("types", "v1/types") for path in (PROTO / "containerd" / folder).glob("*.proto")]
    subprocess.run(["protoc", f"-I{PROTO}", "-I/usr/include", f"--python_out={directory}", *files], check=True)
    sys.path.insert(0, str(directory))
    try:
        return {name: importlib.import_module(f"containerd.services.{name}_pb2") for name in SERVICES}
    finally:
        sys.path.remove(str(directory))
