# SPDX-License-Identifier: Apache-2.0
"""Runs in a network namespace of its own, where 192.0.2.77 is this machine but not loopback:
plain_and_tls.py DIRECTORY TOOL UNPACK. Prints what each pull said, and who heard the password, as JSON."""

import json
import os
import ssl
import subprocess
import sys

from fake_registry import Fake

directory, tool, unpack = sys.argv[1:]
address = "192.0.2.77"
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
subprocess.run(["ip", "address", "add", f"{address}/32", "dev", "lo"], check=True)
subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=x",
                "-keyout", f"{directory}/key", "-out", f"{directory}/certificate"], check=True, stderr=subprocess.DEVNULL)


def basic(handler):
    if handler.headers.get("Authorization") is None:
        return handler.answer(401, WWW_Authenticate='Basic realm="x"')


def pull(fake, host, **environment):
    fake.requests.clear()
    root = f"{directory}/root{len(os.listdir(directory))}"
    done = subprocess.run([tool, root, unpack, "pull", f"{host}:{fake.port}/repo"], capture_output=True, text=True, timeout=60,
                          env=os.environ | {"REGISTRY_USER": "alice", "REGISTRY_PASSWORD": "secret"} | environment)
    return {"code": done.returncode, "error": done.stderr, "requests": len(fake.requests), "heard": sum("Authorization" in headers for _, headers in fake.requests)}


plain, tls = Fake(address="0.0.0.0"), Fake(address="0.0.0.0")
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(f"{directory}/certificate", f"{directory}/key")
tls.server.socket = context.wrap_socket(tls.server.socket, server_side=True)
for fake in (plain, tls):
    fake.image()
results = {
    "plain elsewhere": pull(plain, address),
    "plain here": pull(plain, "127.0.0.1"),
    "plain configured": pull(plain, address, INSECURE=f"{address}:{plain.port}"),
    "unknown certificate elsewhere": pull(tls, address),
    "unknown certificate here": pull(tls, "127.0.0.1"),
    "unknown certificate configured": pull(tls, address, INSECURE="192.0.2.0/24"),
}
for fake in (plain, tls):
    fake.hook = basic
results |= {
    "password, plain here": pull(plain, "127.0.0.1"),
    "password, plain configured": pull(plain, address, INSECURE=f"{address}:{plain.port}"),
    "password, unknown certificate elsewhere": pull(tls, address),
    "password, unknown certificate here": pull(tls, "127.0.0.1"),
}
print(json.dumps(results))
os._exit(0)
