# SPDX-License-Identifier: Apache-2.0
"""Attaching with what the log holds first."""

import pytest

from shim.shimclient import spec

WANT_OUTPUT, WANT_REPLAY = 2 | 4, 8


@pytest.mark.parametrize("driver", ["json-file", "local", "cri"])
def test_replay_and_live_output_meet_without_a_gap(shim, driver):
    options = [{"name": "max-size", "value": "100k"}, {"name": "max-file", "value": "100"}]
    shim.create(spec(["sh", "-c", "i=0; while [ $i -lt 30000 ]; do echo $i; i=$((i+1)); done; printf end"]),
                options=shim.options(log={"driver": driver, "options": options}))
    first = shim.attach()
    shim.call("Start")
    first.read_until(b"\n5000\n")
    clients = [shim.attach(wants=WANT_OUTPUT | WANT_REPLAY) for _ in range(3)]
    wanted = "".join(f"{i}\n" for i in range(30000)).encode() + b"end"
    for client in [*clients]:
        out, error, code = client.read_all()
        assert out == wanted or not len(out), f"{len(out)} instead of {len(wanted)}"
        assert out and error == b"" and code == 0
    assert first.read_all()[2] == 0
