"""scenario_net.py - the network of the scenario: one of its own, in which every address is here, and the servers where mail ends

A client binds any address and is that one; port 25 is free.  Whoever imports this has left the machine's network for
good, and resolv.conf names a server of the test.
"""
import asyncio
import ctypes
import os
import re
import subprocess
import threading

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP

import world

MX, LOCAL, APP, LIST, OUT = "10.9.0.11", "10.9.0.12", "10.9.0.13", "10.9.0.14", "10.9.0.15"
RELAY = "10.9.0.31"             # smtpfwd, which gets the same mails
HOSTS = {MX: "mx", LOCAL: "local", APP: "application", LIST: "list", OUT: "out", RELAY: "relay",
         "198.51.100.1": "out-local", "198.51.100.2": "out-application", "198.51.100.3": "out-list", "198.51.100.4": "out-urgent"}

# Where mail ends: the mailbox servers, the desk that reads what comes for postmaster, and the servers of others.
BOX1, BOX2, DESK, FRIEND, FAR = "10.9.0.21", "10.9.0.22", "10.9.0.23", "203.0.113.25", "203.0.113.26"
DOORS = (("box1", LMTP, BOX1, 24), ("box1.smtp", SMTP, BOX1, 25), ("box2", SMTP, BOX2, 25), ("desk", SMTP, DESK, 25),
         ("world", SMTP, FRIEND, 25), ("world", SMTP, FAR, 25))

NETWORKS = ("10.0.0.0/8", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")


def leave():
    if ctypes.CDLL(None, use_errno=True).unshare(0x40020000) != 0:      # CLONE_NEWNET | CLONE_NEWNS
        raise SystemExit("unshare: %s (to be run as root)" % os.strerror(ctypes.get_errno()))
    with open(world.WORK + "/resolv.conf", "w") as out:
        out.write("nameserver 127.0.0.1\noptions timeout:5 attempts:2\n")
    for command in ("mount --make-rprivate /", "ip link set lo up", *("ip route add local %s dev lo" % network for network in NETWORKS),
                    "mount --bind %s/resolv.conf /etc/resolv.conf" % world.WORK):
        subprocess.run(command.split(), check=True)


leave()


def fields_of(data):
    """The fields of a mail, with names in lower case; what looks like one behind a line that is none counts too."""
    header = data.partition(b"\r\n\r\n")[0] + b"\r\n"
    return [(name.decode().lower(), value) for name, value in re.findall(rb"(?m)^([!-9;-~]+)[ \t]*:((?:[^\r\n]*\r\n)(?:[ \t][^\r\n]*\r\n)*)", header)]


class Arrival:
    """A mail that came to a server where mail ends: to which, from which of our hosts, its envelope and bytes."""

    def __init__(self, door, peer, envelope):
        self.door, self.host = door, HOSTS.get(peer, peer)
        self.sender, self.recipients = envelope.mail_from.replace("<>", ""), list(envelope.rcpt_tos)
        self.data = envelope.original_content
        self.fields = fields_of(self.data)

    def all(self, name):
        """The values of such fields, each in one line."""
        return [re.sub(r"\r\n(?=[ \t])", "", value.decode(errors="replace")).strip() for field, value in self.fields if field == name.lower()]


class Ends:
    """All servers where mail ends, in one thread; .arrived has what came."""

    def __init__(self):
        self.arrived = []
        self.loop = asyncio.new_event_loop()
        started = threading.Event()
        threading.Thread(target=self.run, args=(started,), daemon=True).start()
        assert started.wait(10), "the servers where mail ends did not start"

    def run(self, started):
        asyncio.set_event_loop(self.loop)
        for door, kind, address, port in DOORS:
            self.loop.run_until_complete(self.loop.create_server(lambda door=door, kind=kind: self.server(door, kind), address, port, backlog=1000))
        started.set()
        self.loop.run_forever()

    def server(self, door, kind):
        ends = self

        class Handler:
            async def handle_DATA(self, server, session, envelope):
                ends.arrived.append(Arrival(door, session.peer[0], envelope))
                return "\r\n".join(["250 2.0.0 taken"] * (len(envelope.rcpt_tos) if kind is LMTP else 1))

        return kind(Handler(), enable_SMTPUTF8=True, data_size_limit=0, hostname=door, loop=self.loop)

    def of(self, subject):
        return [arrival for arrival in list(self.arrived) if subject in arrival.all("subject")]
