"""Real sockets, timers and kernels for the tests of `idlegap live`, in network namespaces.

    scenes.py SCENE IDLEGAP FOLDER

plays one scene in the laboratory of the recordings (fixtures/record) while `idlegap live` watches it
there, and leaves in FOLDER what it said: events.jsonl (standard output), errors.txt, facts.json (exit
code and whatever else the scene knows), and the recording.
"""

import json
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

RECORD = pathlib.Path(__file__).resolve().parents[2] / "fixtures" / "record"
sys.path.insert(0, str(RECORD))
sys.dont_write_bytecode = True

from director import VIRTUAL, balanced  # noqa: E402
from lab import Lab  # noqa: E402
from services import http_backend, http_get  # noqa: E402


class Watch:
    """`idlegap live` in a host's namespace."""

    def __init__(self, host, idlegap, folder, *options):
        self.folder = folder
        self.out = open(folder / "events.jsonl", "wb")
        self.err = open(folder / "errors.txt", "wb")
        command = [idlegap, "live", *options]
        # Exec'ed by `ip netns exec`, so that the process is the watch itself.
        self.process = host.start(*command, stdout=self.out, stderr=self.err)
        deadline = time.monotonic() + 20
        while not self.is_open():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the watch did not start: " + (folder / "errors.txt").read_text())
            time.sleep(0.05)
        # Confined once its signals are caught: both are done within this time.
        time.sleep(0.3)

    def is_open(self):
        """Whether its packet socket stands."""
        links = pathlib.Path(f"/proc/{self.process.pid}/fd")
        try:
            return any("socket:" in str(link.readlink()) for link in links.iterdir())
        except OSError:
            return False

    def status(self):
        lines = pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return dict(line.split(":\t", 1) for line in lines if ":\t" in line)

    def end(self, how=signal.SIGINT, patience_s=20):
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(patience_s)


def drained(host, address, request, **options):
    connection = host.connect(address, 80, **options)
    connection.sendall(request)
    return connection


def lvs(lab, idlegap, folder):
    """The kill of an LVS director at 4 s, of two waiting requests the one without keepalive."""
    client, _, server, _ = balanced(lab, idle_s=4)
    http_backend(lab, server, 80, {"/kept": 60, "/bare": 60}, address="10.0.0.80")
    watch = Watch(client, idlegap, folder, "-i", "to-director", "--timeout", "4s",
                  "-w", str(folder / "seen.pcapng"), "-Z", "nobody", "tcp")
    status = watch.status()
    kept = drained(client, VIRTUAL, http_get("/kept"), keepalive=(1, 1, 5))
    bare = drained(client, VIRTUAL, http_get("/bare"))
    facts = {"kept": kept.getsockname()[1], "bare": bare.getsockname()[1], "status": status}
    time.sleep(6.5)
    watch.process.send_signal(signal.SIGUSR1)
    time.sleep(0.5)
    return watch, facts


def forgetful(lab):
    """client -- router -- server: the router forgets after 2 s and drops what it does not know."""
    client, router, server = lab.routed()
    router.filter("forward", "ct state invalid drop")
    router.sysctl("net.netfilter.nf_conntrack_tcp_loose", 0)
    router.sysctl("net.netfilter.nf_conntrack_tcp_timeout_established", 2)
    return client, router, server


def conntrack(lab, idlegap, folder):
    """A request into a connection that the firewall has forgotten."""
    client, _, server = forgetful(lab)
    listener = server.listen(7000)
    watch = Watch(client, idlegap, folder, "-i", "to-router", "-w", str(folder / "seen.pcapng"),
                  "--timeout", "2s", "tcp port 7000")
    connection = client.connect("203.0.113.80", 7000)
    peer, _ = listener.accept()
    connection.sendall(b"GET /first HTTP/1.1\r\nHost: example.org\r\n\r\n")
    peer.recv(4096)
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    connection.recv(4096)
    time.sleep(4)
    connection.sendall(b"GET /second HTTP/1.1\r\nHost: example.org\r\n\r\n")
    time.sleep(12)
    return watch, {"port": connection.getsockname()[1]}


def everywhere(lab, idlegap, folder):
    """One conversation through a router, seen on both of its cables at once."""
    client, router, server = lab.routed()
    listener = server.listen(7000)
    watch = Watch(router, idlegap, folder, "-i", "any", "-w", str(folder / "seen.pcapng"), "tcp")
    status = watch.status()
    connection = client.connect("203.0.113.80", 7000)
    peer, _ = listener.accept()
    for _ in range(3):
        connection.sendall(b"ping\n")
        peer.recv(64)
        peer.sendall(b"pong\n")
        connection.recv(64)
    connection.close()
    peer.recv(64)
    peer.close()
    time.sleep(1)
    return watch, {"status": status}


def unplugged(lab, idlegap, folder):
    """The interface goes away in the middle."""
    client, server = lab.pair()
    listener = server.listen(7000)
    watch = Watch(client, idlegap, folder, "-i", "to-server", "-w", str(folder / "seen.pcapng"))
    client.connect("198.51.100.80", 7000)
    listener.accept()
    time.sleep(0.5)
    client.run("ip", "link", "del", "to-server")
    watch.process.wait(20)
    return watch, {}


def burst(lab, idlegap, folder):
    """More than the buffer holds, while the watch is held up."""
    client, server = lab.pair()
    listener = server.listen(7000)
    watch = Watch(client, idlegap, folder, "-i", "to-server", "-B", "64", "-w", str(folder / "seen.pcapng"))
    connection = client.connect("198.51.100.80", 7000)
    peer, _ = listener.accept()
    connection.sendall(b"ping\n")
    peer.recv(64)
    time.sleep(0.5)
    watch.process.send_signal(signal.SIGSTOP)
    flood = client.new_socket(kind=socket.SOCK_DGRAM)
    for number in range(20_000):
        flood.sendto(struct.pack("!I", number) * 64, ("198.51.100.80", 9))
    watch.process.send_signal(signal.SIGCONT)
    time.sleep(1.5)
    connection.sendall(b"pong\n")
    peer.recv(64)
    time.sleep(1.5)
    return watch, {}


def filled(lab, idlegap, folder):
    """The disk of the recording is full for a while."""
    client, server = lab.pair()
    listener = server.listen(7000)
    disk = folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)], check=True)
    try:
        (disk / "ballast").write_bytes(bytes(200_000))
        watch = Watch(client, idlegap, folder, "-i", "to-server", "-w", str(disk / "seen.pcapng"), "tcp port 7000")
        connection = client.connect("198.51.100.80", 7000)
        peer, _ = listener.accept()

        def talk(rounds):
            for _ in range(rounds):
                connection.sendall(bytes(1_000))
                drain(peer, 1_000)
                time.sleep(0.002)

        talk(10)
        time.sleep(1.5)
        talk(200)
        time.sleep(2)
        (disk / "ballast").unlink()
        time.sleep(10)
        talk(10)
        time.sleep(1.5)
        code = watch.end()
        shutil.copy(disk / "seen.pcapng", folder / "seen.pcapng")
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
    return watch, {"code": code}


def drain(connection, octets):
    while octets > 0:
        octets -= len(connection.recv(octets))


SCENES = {"filled": filled, "lvs": lvs, "conntrack": conntrack, "everywhere": everywhere, "unplugged": unplugged, "burst": burst}


def main():
    scene, idlegap, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    with Lab(scene, folder) as lab:
        watch, facts = SCENES[scene](lab, idlegap, folder)
        facts["exit"] = watch.end()
        watch.out.close()
        watch.err.close()
    (folder / "facts.json").write_text(json.dumps(facts))


if __name__ == "__main__":
    main()
