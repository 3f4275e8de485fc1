# SPDX-License-Identifier: Apache-2.0
"""engine/network without an engine, through networktool. Every test has a machine of its own: a network
namespace as the host (192.0.2.1), and one as its neighbour on the wire (192.0.2.2)."""

import contextlib
import ctypes
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time

import pytest

from harness import mounts_below, wait_until

CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)
HOST, NEIGHBOUR = "192.0.2.1", "192.0.2.2"


def inside(namespace, function):
    """Runs function() in a thread inside the namespace: sockets made there stay there."""
    result = []

    def run():
        try:
            with open(namespace) as file:
                if libc.setns(file.fileno(), CLONE_NEWNET) < 0:
                    raise OSError(ctypes.get_errno(), f"setns {namespace}")
            result.append((function(), None))
        except Exception as error:  # handed to the caller
            result.append((None, error))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    value, error = result[0]
    if error:
        raise error
    return value


def sh(namespace, command, check=True):
    return subprocess.run(["nsenter", f"--net={namespace}", "sh", "-ec", command], check=check, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout


class Server:
    """Answers each client with the server's name and the client's address as the server sees it."""

    def __init__(self, namespace, name, port=80, kind=socket.SOCK_STREAM, address="0.0.0.0"):
        def listen():
            listener = socket.socket(socket.AF_INET, kind)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address, port))
            if kind == socket.SOCK_STREAM:
                listener.listen()
            return listener

        self.name, self.kind, self.listener = name, kind, inside(namespace, listen)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                if self.kind == socket.SOCK_DGRAM:
                    _, peer = self.listener.recvfrom(100)
                    if not peer:  # shut down
                        return
                    self.listener.sendto(f"{self.name} {peer[0]}".encode(), peer)
                else:
                    client, peer = self.listener.accept()
                    client.sendall(f"{self.name} {peer[0]}".encode())
                    client.close()

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def ask(namespace, address, port, kind=socket.SOCK_STREAM, timeout=20):
    """What the server says, or None when nobody answers."""
    def run():
        with socket.socket(socket.AF_INET, kind) as client:
            client.settimeout(timeout)
            try:
                client.connect((address, port))
                if kind == socket.SOCK_DGRAM:
                    client.send(b"?")
                return client.recv(100).decode() or None
            except OSError:
                return None

    return inside(namespace, run)


def cannot(namespace, address, port, kind=socket.SOCK_STREAM):
    return ask(namespace, address, port, kind, timeout=0.3) is None


class Endpoint:
    def __init__(self, text):
        self.text = text
        (self.id, self.container, self.network, self.sandbox, self.ip, self.gateway, self.prefix, self.mac, self.interface,
         *self.ports) = text.split(",")

    def host_port(self, number=0):
        return int(self.ports[number].split(":")[1])


class ToolError(Exception):
    pass


class Tool:
    """One life of an engine's network library."""

    def __init__(self, machine, *options, start=True):
        self.process = subprocess.Popen(
            ["nsenter", f"--net={machine.host}", machine.program, "--state", machine.state, *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        machine.tools.append(self)
        if start:
            self.do("start")

    def do(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        if not answer.startswith("ok"):
            raise ToolError(answer)
        return answer[3:]

    def attach(self, container, *ports, network="bridge", name=None):
        return Endpoint(self.do("attach", container, name or container, network, *ports))

    def detach(self, endpoint):
        self.do("detach", endpoint.text)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def end(self):
        self.process.stdin.close()
        assert self.process.wait(60) == 0


class Machine:
    def __init__(self, program, directory):
        self.program, self.directory, self.state = program, directory, directory / "state"
        self.tools, self.servers = [], []
        self.processes = [subprocess.Popen(["unshare", "--net", "sleep", "infinity"]) for _ in range(2)]
        mine = os.readlink("/proc/self/ns/net")
        self.host, self.neighbour = [f"/proc/{process.pid}/ns/net" for process in self.processes]
        for namespace in (self.host, self.neighbour):
            wait_until(lambda: os.readlink(namespace) != mine, what="unshare")
        sh(self.neighbour, f"ip link set lo up; ip link add wire type veth peer name eth0 netns {self.processes[0].pid};"
           f"ip address add {NEIGHBOUR}/24 dev wire; ip link set wire up; ip route add default via {HOST}")
        sh(self.host, f"ip link set lo up; ip address add {HOST}/24 dev eth0; ip link set eth0 up;"
           f"ip route add default via {NEIGHBOUR}; sysctl -q net.ipv6.conf.all.forwarding=0")

    def tool(self, *options, **more):
        return Tool(self, *options, **more)

    def serve(self, *arguments, **more):
        self.servers.append(Server(*arguments, **more))
        return self.servers[-1]

    def links(self):
        """The host's interfaces beside its own two."""
        names = re.findall(r"^\d+: ([^:@]+)", sh(self.host, "ip -o link"), re.M)
        return [name for name in names if name not in ("lo", "eth0")]

    def sandboxes(self):
        return sorted(path.name for path in (self.state / "netns").glob("*"))

    def close(self):
        for server in self.servers:
            server.close()
        for tool in self.tools:
            if tool.process.poll() is None:
                tool.process.kill()
            tool.process.wait()
        for mount in mounts_below(self.directory):
            subprocess.run(["umount", "-l", mount], check=True)
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture
def machine(build):
    program = build / "test/unit/network/networktool"
    if not program.exists():
        pytest.skip(f"{program} is not built")
    with tempfile.TemporaryDirectory(prefix="tare-network.") as directory:
        machine = Machine(program, pathlib.Path(directory))
        yield machine
        machine.close()


def assert_nothing_is_left(machine):
    # a namespace lives as long as its last connection, which may ask for an answer eight times (tcp_orphan_retries)
    wait_until(lambda: machine.links() in ([], ["tare0"]), timeout=90, what="interfaces to go")
    assert machine.sandboxes() == []
    assert mounts_below(machine.directory) == []


# ---- what a container gets ----


def test_a_container_gets_interface_address_and_route(machine):
    a = machine.tool().attach("a")
    assert (a.ip, a.gateway, a.prefix, a.mac) == ("172.17.0.2", "172.17.0.1", "16", "02:42:ac:11:00:02")
    assert a.sandbox == str(machine.state / "netns/a")
    address = sh(a.sandbox, "ip address show eth0")
    assert "inet 172.17.0.2/16 brd 172.17.255.255" in address and "link/ether 02:42:ac:11:00:02" in address
    assert sh(a.sandbox, "ip route show default").strip() == "default via 172.17.0.1 dev eth0"
    assert "UP" in sh(a.sandbox, "ip -br link show lo")
    assert "master tare0" in sh(machine.host, f"ip link show {a.interface}")


def test_a_container_may_bind_low_ports_and_ping_without_privilege(machine):
    a = machine.tool().attach("a")
    assert sh(a.sandbox, "sysctl -n net.ipv4.ip_unprivileged_port_start").strip() == "0"
    assert sh(a.sandbox, "sysctl -n net.ipv4.ping_group_range").split() == ["0", "2147483647"]


def test_no_ipv6_address_appears_on_an_ipv4_network(machine):
    a = machine.tool().attach("a")
    sh(a.sandbox, "ip link set eth0 down; ip link set eth0 up")
    assert "inet6" not in sh(a.sandbox, "ip address show eth0")
    assert "inet6" not in sh(machine.host, "ip address show tare0")
    assert "inet6" not in sh(machine.host, f"ip address show {a.interface}")
    assert sh(machine.host, "sysctl -n net.ipv6.conf.tare0.accept_ra").strip() == "0"
    assert "inet6 ::1" in sh(a.sandbox, "ip address show lo")


def test_none_has_only_loopback_and_host_shares(machine):
    tool = machine.tool()
    none, host = tool.attach("n", network="none"), tool.attach("h", network="host")
    assert re.findall(r"^\d+: (\w+)", sh(none.sandbox, "ip -o link"), re.M) == ["lo"]
    assert (none.ip, host.ip, host.sandbox, host.interface) == ("-", "-", "-", "-")
    for endpoint in (none, host):
        tool.detach(endpoint)
    assert_nothing_is_left(machine)


def test_an_unknown_network_is_not_found(machine):
    with pytest.raises(ToolError, match="error -5 network backend not found"):
        machine.tool().attach("a", network="backend")


def test_the_lowest_free_address_is_given(machine):
    tool = machine.tool()
    a, b, c = [tool.attach(name) for name in "abc"]
    assert [e.ip for e in (a, b, c)] == ["172.17.0.2", "172.17.0.3", "172.17.0.4"]
    tool.detach(b)
    assert tool.attach("d").ip == "172.17.0.3"
    assert tool.attach("e").ip == "172.17.0.5"


def test_a_full_subnet_says_so(machine):
    tool = machine.tool("--subnet", "10.9.8.1/30")
    assert tool.attach("a").ip == "10.9.8.2"
    with pytest.raises(ToolError, match="error -8 no free address in 10.9.8.1/30"):
        tool.attach("b")
    assert machine.sandboxes() == ["a"]


def test_the_subnet_avoids_what_the_host_routes(machine):
    sh(machine.host, "ip address add 172.17.5.1/24 dev eth0; ip route add 172.18.128.0/17 via 192.0.2.2")
    tool = machine.tool()
    assert tool.do("subnet") == "172.19.0.1/16"
    assert tool.attach("a").ip == "172.19.0.2"


def test_mtu_is_on_both_ends(machine):
    a = machine.tool("--mtu", "1400").attach("a")
    assert "mtu 1400" in sh(a.sandbox, "ip link show eth0")
    assert "mtu 1400" in sh(machine.host, f"ip link show {a.interface}")


# ---- who reaches whom ----


def test_containers_reach_each_other_and_the_host(machine):
    tool = machine.tool()
    a, b = tool.attach("a"), tool.attach("b")
    machine.serve(b.sandbox, "b")
    machine.serve(machine.host, "host", 9000)
    assert ask(a.sandbox, b.ip, 80) == f"b {a.ip}"
    assert ask(a.sandbox, a.gateway, 9000) == f"host {a.ip}"
    assert ask(machine.host, b.ip, 80) == "b 172.17.0.1"


def test_the_way_out_is_masqueraded(machine):
    a = machine.tool().attach("a")
    machine.serve(machine.neighbour, "neighbour", 9000)
    machine.serve(machine.neighbour, "neighbour", 9000, socket.SOCK_DGRAM)
    assert ask(a.sandbox, NEIGHBOUR, 9000) == f"neighbour {HOST}"
    assert ask(a.sandbox, NEIGHBOUR, 9000, socket.SOCK_DGRAM) == f"neighbour {HOST}"


def test_without_masquerade_the_container_shows_its_address(machine):
    a = machine.tool("--no-masquerade").attach("a")
    machine.serve(machine.neighbour, "neighbour", 9000)
    assert ask(a.sandbox, NEIGHBOUR, 9000) == f"neighbour {a.ip}"


@pytest.mark.parametrize("bridge_filter", [0, 1])
@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM], ids=["tcp", "udp"])
def test_a_published_port_answers_from_everywhere(machine, kind, bridge_filter):
    if os.path.exists("/proc/sys/net/bridge"):
        sh(machine.host, f"sysctl -q net.bridge.bridge-nf-call-iptables={bridge_filter}")
    elif bridge_filter:
        pytest.skip("no br_netfilter here")
    protocol = "tcp" if kind == socket.SOCK_STREAM else "udp"
    tool = machine.tool()
    a, b = tool.attach("a", f":8080:80/{protocol}"), tool.attach("b")
    machine.serve(a.sandbox, "a", 80, kind)
    assert a.ports == [f"0.0.0.0:8080:80/{protocol}"]
    assert ask(machine.neighbour, HOST, 8080, kind) == f"a {NEIGHBOUR}"
    assert ask(machine.host, "127.0.0.1", 8080, kind) == "a 172.17.0.1"
    assert ask(machine.host, HOST, 8080, kind) == f"a {HOST}"
    assert ask(machine.host, a.gateway, 8080, kind) == f"a {a.gateway}"
    for address in (HOST, a.gateway):
        assert ask(b.sandbox, address, 8080, kind) is not None, f"another container by {address}"
        assert ask(a.sandbox, address, 8080, kind) is not None, f"itself by {address}"
    tool.detach(a)
    assert cannot(machine.neighbour, HOST, 8080, kind)
    assert cannot(machine.host, "127.0.0.1", 8080, kind)


def test_a_port_published_on_loopback_is_for_the_host_only(machine):
    a = machine.tool().attach("a", "127.0.0.1:8080:80/tcp")
    machine.serve(a.sandbox, "a")
    assert ask(machine.host, "127.0.0.1", 8080) == "a 172.17.0.1"
    assert cannot(machine.host, HOST, 8080)
    assert cannot(machine.neighbour, HOST, 8080)
    # a neighbour that sends 127.0.0.1 over the wire
    sh(machine.neighbour, "ip link set lo down; ip address flush dev lo; sysctl -q net.ipv4.conf.all.route_localnet=1;"
       f"ip route add 127.0.0.1/32 via {HOST} src {NEIGHBOUR}")
    assert cannot(machine.neighbour, "127.0.0.1", 8080)


def test_a_port_published_on_one_address_answers_there_only(machine):
    sh(machine.host, "ip address add 192.0.2.7/24 dev eth0")
    tool = machine.tool("--host-ip", "192.0.2.7")
    a, b = tool.attach("a", ":8080:80/tcp"), tool.attach("b", f"{HOST}:8080:80/tcp")
    machine.serve(a.sandbox, "a")
    machine.serve(b.sandbox, "b")
    assert ask(machine.neighbour, "192.0.2.7", 8080) == f"a {NEIGHBOUR}"
    assert ask(machine.neighbour, HOST, 8080) == f"b {NEIGHBOUR}"
    assert cannot(machine.host, "127.0.0.1", 8080)


def test_only_published_ports_are_reachable_from_the_wire(machine):
    sh(machine.neighbour, f"ip route add 172.17.0.0/16 via {HOST}")
    a = machine.tool().attach("a", ":8080:80/tcp")
    machine.serve(a.sandbox, "a", 80)
    machine.serve(a.sandbox, "a", 81)
    assert ask(machine.neighbour, HOST, 8080) == f"a {NEIGHBOUR}"
    assert cannot(machine.neighbour, a.ip, 81), "an unpublished port"
    assert cannot(machine.neighbour, a.ip, 80), "a published one, past its host port"
    assert cannot(machine.neighbour, HOST, 80)


def test_a_forwarded_connection_to_elsewhere_is_left_alone(machine):
    """A published port is ours on addresses of this machine, not on the way to others."""
    a = machine.tool().attach("a", ":9000:80/tcp")
    b = machine.tools[0].attach("b")
    machine.serve(a.sandbox, "a")
    machine.serve(machine.neighbour, "neighbour", 9000)
    assert ask(b.sandbox, NEIGHBOUR, 9000) == f"neighbour {HOST}"
    assert ask(machine.host, NEIGHBOUR, 9000) == f"neighbour {HOST}"


LOOPBACK_OVER_THE_WIRE = """
    ip link set lo down; ip address flush dev lo; sysctl -q net.ipv4.conf.all.route_localnet=1
    ip route add 127.0.0.1/32 via 172.17.0.1 src 172.17.0.2"""


def test_a_container_does_not_reach_loopback_services_of_the_host(machine):
    a = machine.tool().attach("a")
    machine.serve(machine.host, "host", 9000, address="127.0.0.1")
    sh(a.sandbox, LOOPBACK_OVER_THE_WIRE)
    assert cannot(a.sandbox, "127.0.0.1", 9000)
    # the chain that prevents it is what prevents it
    sh(machine.host, "nft flush chain ip tare0 loopback")
    assert ask(a.sandbox, "127.0.0.1", 9000) == f"host {a.ip}"


@pytest.mark.parametrize("bridge_filter", [0, 1])
def test_without_icc_containers_are_apart_but_published_ports_answer(machine, bridge_filter):
    if os.path.exists("/proc/sys/net/bridge"):
        sh(machine.host, f"sysctl -q net.bridge.bridge-nf-call-iptables={bridge_filter}")
    elif bridge_filter:
        pytest.skip("no br_netfilter here")
    tool = machine.tool("--no-icc")
    a, b = tool.attach("a", ":8080:80/tcp"), tool.attach("b")
    machine.serve(a.sandbox, "a", 80)
    machine.serve(machine.neighbour, "neighbour", 9000)
    assert cannot(b.sandbox, a.ip, 80)
    sh(b.sandbox, f"ip route add {a.ip}/32 via {a.gateway}")
    assert cannot(b.sandbox, a.ip, 80), "through the gateway"
    assert ask(b.sandbox, HOST, 8080) is not None
    assert ask(b.sandbox, NEIGHBOUR, 9000) == f"neighbour {HOST}"


def test_containers_of_two_bridges_meet_at_published_ports_only(machine):
    a = machine.tool("--bridge", "tare0").attach("a", ":8080:80/tcp")
    b = machine.tool("--bridge", "br-two", "--state", machine.directory / "two").attach("b")
    machine.serve(a.sandbox, "a")
    assert (a.gateway, b.gateway) == ("172.17.0.1", "172.18.0.1")
    assert cannot(b.sandbox, a.ip, 80)
    assert ask(b.sandbox, HOST, 8080) is not None


def test_a_udp_client_that_goes_on_sending_follows_its_port(machine):
    """One socket: for the kernel all that it sends is one flow, which does not end by itself."""
    def client():
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("", 5000))
        udp.settimeout(0.3)
        return udp

    def ask_again(address):
        with contextlib.suppress(OSError):
            while True:  # what came late
                udp.recv(100, socket.MSG_DONTWAIT)
        try:
            udp.sendto(b"?", (address, 8080))
            return udp.recv(100).decode()
        except OSError:
            return None

    tool = machine.tool()
    tool.attach("first", ":9999:80/tcp")  # the filter translates: it is asked about every new flow
    for namespace, address in ((machine.neighbour, HOST), (machine.host, "127.0.0.1"), (machine.host, HOST)):
        with inside(namespace, client) as udp:
            for name in ("a", "b", "c"):
                assert ask_again(address) is None
                endpoint = tool.attach(name, ":8080:80/udp")
                server = machine.serve(endpoint.sandbox, name, 80, socket.SOCK_DGRAM)
                assert (ask_again(address) or "").split(" ")[0] == name
                server.close()
                tool.detach(endpoint)


# ---- host ports ----


def test_a_port_of_another_container_is_refused_in_dockers_words(machine):
    tool = machine.tool()
    tool.attach("a", ":8080:80/tcp")
    with pytest.raises(ToolError) as refusal:
        tool.attach("b", "127.0.0.1:8080:80/tcp", name="web")
    assert re.fullmatch(
        r"error -6 driver failed programming external connectivity on endpoint web \([0-9a-f]{64}\): "
        r"Bind for 127\.0\.0\.1:8080 failed: port is already allocated", str(refusal.value))
    assert machine.sandboxes() == ["a"]
    assert tool.attach("c", ":8080:80/udp").ip == "172.17.0.3", "the other protocol is free, and so is the address"


def test_a_port_of_a_process_of_the_host_is_refused(machine):
    server = machine.serve(machine.host, "host", 8080)
    tool = machine.tool()
    with pytest.raises(ToolError) as refusal:
        tool.attach("a", ":8079:80/tcp", ":8080:80/tcp", name="web")
    assert str(refusal.value).endswith("failed to bind host port for 0.0.0.0:8080:172.17.0.2:80/tcp: address already in use")
    assert machine.sandboxes() == [] and machine.links() == ["tare0"]
    assert ask(machine.host, "127.0.0.1", 8080) == "host 127.0.0.1"
    server.close()
    # what is left of that connection (TIME_WAIT) holds nobody up
    assert tool.attach("a", ":8079:80/tcp", ":8080:80/tcp").ip == "172.17.0.2"


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM], ids=["tcp", "udp"])
def test_a_published_port_is_taken_for_processes_of_the_host(machine, kind):
    tool = machine.tool()
    protocol = "tcp" if kind == socket.SOCK_STREAM else "udp"
    a = tool.attach("a", f":8080:80/{protocol}")
    reuse = kind == socket.SOCK_STREAM  # UDP sockets that ask for it share a port by design

    def take():
        with socket.socket(socket.AF_INET, kind) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
            listener.bind(("0.0.0.0", 8080))
            if kind == socket.SOCK_STREAM:
                listener.listen()

    with pytest.raises(OSError, match="Address already in use"):
        inside(machine.host, take)
    other = machine.tool("--bridge", "tare1", "--state", machine.directory / "two")
    with pytest.raises(ToolError, match="address already in use"):
        other.attach("b", f":8080:80/{protocol}")
    tool.detach(a)
    inside(machine.host, take)


def test_port_zero_finds_free_ports(machine):
    tool = machine.tool()
    a = tool.attach("a", ":0:80/tcp", ":0:80/udp", ":0:81/tcp")
    ports = [a.host_port(i) for i in range(3)]
    assert all(port > 1023 for port in ports) and ports[0] != ports[2]
    machine.serve(a.sandbox, "a", 81)
    assert ask(machine.neighbour, HOST, ports[2]) == f"a {NEIGHBOUR}"


# ---- crashes and other people ----


def test_a_killed_engine_leaves_containers_connected_and_finds_them_again(machine):
    first = machine.tool()
    a, b = first.attach("a", ":8080:80/tcp"), first.attach("b")
    machine.serve(a.sandbox, "a")
    first.kill()
    assert ask(machine.neighbour, HOST, 8080) == f"a {NEIGHBOUR}"
    second = machine.tool(start=False)
    second.do("adopt", a.text)
    second.do("adopt", b.text)
    second.do("start")
    assert second.do("subnet") == "172.17.0.1/16"
    assert ask(machine.neighbour, HOST, 8080) == f"a {NEIGHBOUR}"
    assert second.attach("c").ip == "172.17.0.4"
    with pytest.raises(ToolError, match="port is already allocated"):
        second.attach("d", ":8080:80/tcp")
    second.detach(a)
    assert cannot(machine.neighbour, HOST, 8080)
    assert second.attach("e", ":8080:80/tcp").ip == "172.17.0.2"


def test_what_no_record_claims_is_removed_at_start(machine):
    first = machine.tool()
    a, b = first.attach("a", ":8080:80/tcp"), first.attach("b", ":8081:80/tcp")
    none = first.attach("n", network="none")
    holder = subprocess.Popen(["nsenter", f"--net={b.sandbox}", "sleep", "infinity"])  # keeps the namespace
    machine.processes.append(holder)
    wait_until(lambda: os.readlink(f"/proc/{holder.pid}/ns/net") != os.readlink("/proc/self/ns/net"))
    sh(machine.host, "ip link add admin type veth peer name admin1; ip link set admin master tare0")
    first.kill()
    second = machine.tool(start=False)
    second.do("adopt", a.text)
    second.do("start")
    assert machine.sandboxes() == ["a"] and len(mounts_below(machine.directory)) == 1
    assert b.interface not in machine.links() and a.interface in machine.links()
    assert {"admin", "admin1"} <= set(machine.links()), "not ours"
    assert "8081" not in sh(machine.host, "nft list table ip tare0")


def test_a_port_lost_while_the_engine_was_down_is_a_warning(machine):
    first = machine.tool()
    a = first.attach("a", ":8080:80/tcp")
    first.kill()
    machine.serve(machine.host, "host", 8080)
    second = machine.tool(start=False)
    with pytest.raises(ToolError, match="failed to bind host port for 0.0.0.0:8080:172.17.0.2:80/tcp: address already in use"):
        second.do("adopt", a.text)
    second.do("start")
    server = machine.serve(a.sandbox, "a")
    assert ask(machine.neighbour, HOST, 8080) == f"a {NEIGHBOUR}", "the container keeps its port"
    server.close()
    second.detach(a)
    assert_nothing_is_left(machine)


def test_detach_may_be_repeated_and_spares_the_successor(machine):
    tool = machine.tool()
    old = tool.attach("a", ":8080:80/tcp")
    tool.detach(old)
    tool.detach(old)
    new = tool.attach("a", ":8080:80/tcp")
    assert new.ip == old.ip and new.interface != old.interface
    tool.detach(old)
    machine.serve(new.sandbox, "a")
    assert ask(machine.neighbour, HOST, 8080) == f"a {NEIGHBOUR}"
    assert tool.attach("b").ip == "172.17.0.3"


def test_a_detached_container_is_silent_though_its_namespace_lives_on(machine):
    tool = machine.tool()
    a = tool.attach("a")
    machine.serve(a.sandbox, "a")  # the listening socket holds the namespace
    assert ask(machine.host, a.ip, 80) == "a 172.17.0.1"
    tool.detach(a)
    assert cannot(machine.host, a.ip, 80)
    b = tool.attach("b")
    assert b.ip == a.ip
    machine.serve(b.sandbox, "b")
    assert ask(machine.host, b.ip, 80) == "b 172.17.0.1"


def test_a_removed_bridge_is_made_again_for_all(machine):
    tool = machine.tool()
    a = tool.attach("a", ":8080:80/tcp")
    machine.serve(a.sandbox, "a")
    sh(machine.host, "ip link delete tare0")
    b = tool.attach("b")
    assert ask(b.sandbox, a.ip, 80) == f"a {b.ip}"
    assert ask(machine.neighbour, HOST, 8080) == f"a {NEIGHBOUR}"


def test_a_device_of_the_bridges_name_is_not_touched(machine):
    sh(machine.host, "ip link add tare0 type veth peer name other")
    tool = machine.tool(start=False)
    with pytest.raises(ToolError, match="the interface 'tare0' exists but is not a bridge"):
        tool.do("start")
    with pytest.raises(ToolError, match="is not a bridge"):
        tool.attach("a")
    assert tool.attach("n", network="none").sandbox == str(machine.state / "netns/n")


def test_an_administrators_bridge_keeps_its_address(machine):
    sh(machine.host, "ip link add br-mine type bridge; ip address add 10.7.0.9/24 dev br-mine; ip link set br-mine up")
    tool = machine.tool("--bridge", "br-mine")
    a = tool.attach("a")
    assert (tool.do("subnet"), a.ip, a.gateway) == ("10.7.0.9/24", "10.7.0.1", "10.7.0.9")
    machine.serve(machine.neighbour, "neighbour", 9000)
    assert ask(a.sandbox, NEIGHBOUR, 9000) == f"neighbour {HOST}"


def test_a_flushed_packet_filter_comes_back(machine):
    """As after a reload of nftables.service, which begins with a flush."""
    tool = machine.tool()
    a = tool.attach("a", ":8080:80/tcp")
    machine.serve(a.sandbox, "a")
    for _ in range(3):
        sh(machine.host, "printf 'flush ruleset\\ntable ip other {}\\n' | nft -f -")
        wait_until(lambda: "tcp . 8080" in sh(machine.host, "nft list ruleset"), what="the table to come back")
    assert ask(machine.neighbour, HOST, 8080) == f"a {NEIGHBOUR}"
    assert "table ip other" in sh(machine.host, "nft list ruleset")


def test_a_damaged_packet_filter_is_repaired_with_the_next_port(machine):
    tool = machine.tool()
    a = tool.attach("a", ":8080:80/tcp")
    machine.serve(a.sandbox, "a")
    for change in (lambda: tool.attach("b", ":8081:80/tcp"), lambda: tool.detach(a)):
        sh(machine.host, "nft flush table ip tare0; nft delete map ip tare0 published")
        change()
        assert "chain loopback" in sh(machine.host, "nft list table ip tare0")
    assert "8080" not in sh(machine.host, "nft list table ip tare0")
    assert "8081" in sh(machine.host, "nft list table ip tare0")


def test_a_packet_filter_that_refuses_is_named_and_nothing_is_left(machine):
    """Somebody else owns a table of our name and shape that cannot be replaced."""
    tool = machine.tool()
    a = tool.attach("a", ":8080:80/tcp")
    owner = subprocess.Popen(["nsenter", f"--net={machine.host}", "nft", "-i"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL, text=True)
    machine.processes.append(owner)
    owner.stdin.write("delete table ip tare0; add table ip tare0 { flags owner; }\n")
    owner.stdin.flush()
    wait_until(lambda: "flags owner" in sh(machine.host, "nft list tables; nft list ruleset"), what="the other owner")
    with pytest.raises(ToolError, match="error -13 driver failed programming external connectivity on endpoint b .*: "
                                        "cannot change the packet filter table 'tare0': could not process rule"):
        tool.attach("b", ":8081:80/tcp")
    assert machine.sandboxes() == ["a"]
    owner.stdin.close()
    owner.wait()
    tool.attach("b", ":8081:80/tcp")
    machine.serve(a.sandbox, "a")
    assert ask(machine.neighbour, HOST, 8080) == f"a {NEIGHBOUR}"


def test_many_at_once_leave_nothing(machine):
    tool = machine.tool()
    tool.do("bench", 10, 8, "bridge", 3)
    tool.do("bench", 10, 8, "none", 0)
    assert_nothing_is_left(machine)
    assert "elements" not in sh(machine.host, "nft list table ip tare0")


def test_a_kill_at_any_moment_leaves_nothing_after_the_next_start(machine):
    kept = machine.tool().attach("kept", ":8080:80/tcp")
    machine.serve(kept.sandbox, "kept")
    machine.tools[0].kill()
    for round in range(20):
        tool = machine.tool(start=False)
        tool.do("adopt", kept.text)
        tool.do("start")
        assert machine.sandboxes() == ["kept"] and len(mounts_below(machine.directory)) == 1
        wait_until(lambda: sorted(machine.links()) == sorted(["tare0", kept.interface]), what=f"links to go: {machine.links()}")
        assert "8080" in sh(machine.host, "nft list map ip tare0 published")
        tool.process.stdin.write("bench 1000 4 bridge 1\n")
        tool.process.stdin.flush()
        time.sleep(random.uniform(0.001, 0.04))
        tool.kill()
    assert ask(machine.neighbour, HOST, 8080) == f"kept {NEIGHBOUR}"


def test_tear_down_leaves_nothing_but_waits_for_containers(machine):
    tool = machine.tool()
    a = tool.attach("a", ":8080:80/tcp")
    tool.do("tear-down")
    assert "tare0" in machine.links()
    tool.detach(a)
    tool.do("tear-down")
    wait_until(lambda: machine.links() == [], what="interfaces to go")
    assert sh(machine.host, "nft list ruleset") == ""
    tool.do("tear-down")
    assert tool.attach("b").ip == "172.17.0.2"


def test_tear_down_spares_what_others_made_or_use(machine):
    sh(machine.host, "ip link add br-mine type bridge; ip address add 10.7.0.9/24 dev br-mine")
    machine.tool("--bridge", "br-mine").do("tear-down")
    assert machine.links() == ["br-mine"]
    assert sh(machine.host, "sysctl -n net.ipv4.conf.br-mine.route_localnet").strip() == "0"
    tool = machine.tool()
    sh(machine.host, "ip link add admin type veth peer name admin1; ip link set admin master tare0")
    tool.do("tear-down")
    assert "tare0" in machine.links()
    assert sh(machine.host, "nft list ruleset") == ""


# ---- files ----


@pytest.fixture
def etc(machine):
    directory = machine.directory / "etc"
    directory.mkdir()
    return directory


def test_files_of_a_bridged_container(machine, etc):
    tool = machine.tool("--dns", "192.0.2.53", "--dns", "192.0.2.54")
    a = tool.attach("a")
    tool.do("files", etc, "web.example.org", a.text)
    assert (etc / "hostname").read_text() == "web.example.org\n"
    assert (etc / "hosts").read_text() == (
        "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\nff00::\tip6-mcastprefix\n"
        "ff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n172.17.0.2\tweb.example.org web\n")
    assert (etc / "resolv.conf").read_text().startswith("nameserver 192.0.2.53\nnameserver 192.0.2.54\n")
    assert oct((etc / "hosts").stat().st_mode & 0o777) == "0o644"


def test_files_are_rewritten_in_place(machine, etc):
    tool = machine.tool()
    a = tool.attach("a")
    tool.do("files", etc, "a", a.text)
    before = (etc / "hosts").stat().st_ino
    tool.do("files", etc, "b", a.text)
    assert (etc / "hosts").stat().st_ino == before
    assert (etc / "hosts").read_text().endswith("172.17.0.2\tb\n")


def test_a_container_on_the_hosts_network_has_the_hosts_files(machine, etc):
    tool = machine.tool()
    tool.do("files", etc, "box", tool.attach("h", network="host").text)
    assert (etc / "hosts").read_text() == pathlib.Path("/etc/hosts").read_text()


@pytest.mark.parametrize("name", ["a\tb", "a#b", "x" * 65, "\x7f"])
def test_a_hostname_that_breaks_out_of_its_line_is_refused(machine, etc, name):
    tool = machine.tool()
    a = tool.attach("a")
    with pytest.raises(ToolError, match="error -3 invalid hostname"):
        tool.do("files", etc, name, a.text)
    assert list(etc.iterdir()) == []
