#!/usr/bin/python3
"""name_servers.py - the name servers that test_resolver asks, until its standard input ends

One is nsd, which knows the DNS better than we do; one is dnslib and answers wrongly,
late or not at all.  Prints one line: nsd's port, the faulty one's port, the trust anchor's
path, and that of an anchor that fits nothing.  Then each line on standard input is answered by a
line: "down" and "up" take the faulty one away and bring it back, "mute" and "speak" let it hear
all and say nothing, and end that.
"""
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from dnslib import A, QTYPE, RCODE, RR, TXT, DNSRecord

ZONES = {
    "example.org": """
@	SOA	ns hostmaster 1 3600 600 86400 60
@	NS	ns
ns	A	192.0.2.53
@	MX	10 mx1
@	MX	20 MX2.Example.NET.
two	A	192.0.2.1
two	A	192.0.2.2
two	AAAA	2001:db8::1
v4only	A	192.0.2.3
null	MX	0 .
text	TXT	"v=spf1 -all"
strings	TXT	"first " "second " "" "third"
many	TXT	{many}
a	CNAME	b
b	CNAME	c.other.test.
dangling	CNAME	nowhere.other.test.
under_score	TXT	"yes"
*.wild	A	192.0.2.99
_25._tcp.mx	TLSA	3 1 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
""",
    "other.test": """
@	SOA	ns hostmaster 1 3600 600 86400 60
@	NS	ns
ns	A	192.0.2.53
c	A	192.0.2.4
""",
    "2.0.192.in-addr.arpa": """
@	SOA	ns.example.org. hostmaster.example.org. 1 3600 600 86400 60
@	NS	ns.example.org.
1	PTR	Two.Example.ORG.
""",
    "10.in-addr.arpa": """
@	SOA	ns.example.org. hostmaster.example.org. 1 3600 600 86400 60
@	NS	ns.example.org.
1.0.0	PTR	private.example.org.
""",
    "8.b.d.0.1.0.0.2.ip6.arpa": """
@	SOA	ns.example.org. hostmaster.example.org. 1 3600 600 86400 60
@	NS	ns.example.org.
{ones}	PTR	two.example.org.
""",
}
# What a resolver may take for its own business (RFC 6303, 6761, 7686, 8375): ours are asked.
SPECIAL = ["localhost", "127.in-addr.arpa", "invalid", "onion", "home.arpa", "168.192.in-addr.arpa",
           "16.172.in-addr.arpa", "254.169.in-addr.arpa", "64.100.in-addr.arpa", "0.in-addr.arpa",
           "100.51.198.in-addr.arpa", "d.f.ip6.arpa", "8.e.f.ip6.arpa", "1." + "0." * 31 + "ip6.arpa"]
SPECIAL_ZONE = """
@	SOA	ns.example.org. hostmaster.example.org. 1 3600 600 86400 60
@	NS	ns.example.org.
@	TXT	"asked"
"""
SIGNED_ZONE = """
@	SOA	ns hostmaster 1 3600 600 86400 60
@	NS	ns
ns	A	192.0.2.53
good	A	192.0.2.7
good	TXT	"v=spf1 -all"
bad	A	192.0.2.8
bad	TXT	"v=spf1 ip4:192.0.2.8 -all"
"""


def zone_text(name, body):
    many = " ".join('"%s"' % (chr(ord("a") + i) * 250) for i in range(12))
    ones = "1." + "0." * 22 + "0"
    return "$ORIGIN %s.\n$TTL 300\n%s" % (name, body.replace("{many}", many).replace("{ones}", ones))


def write_zone(directory, name, body):
    path = os.path.join(directory, name + ".zone")
    with open(path, "w") as out:
        out.write(zone_text(name, body))
    return path


def sign(directory):
    """Signs signed.example, then changes one record behind the signer's back."""
    path = write_zone(directory, "signed.example", SIGNED_ZONE)

    def make_key():
        return subprocess.run(["ldns-keygen", "-r", "/dev/urandom", "-a", "ECDSAP256SHA256", "-k", "signed.example"],
                              cwd=directory, check=True, capture_output=True, text=True).stdout.strip()

    key, stranger = make_key(), make_key()
    subprocess.run(["ldns-signzone", "-n", "-e", "20400101000000", "-f", path + ".signed", path, key],
                   cwd=directory, check=True)
    with open(path + ".signed") as signed:
        text = signed.read()
    assert "192.0.2.8" in text
    with open(path, "w") as out:
        out.write(text.replace("192.0.2.8", "192.0.2.66"))
    return path, os.path.join(directory, key + ".ds"), os.path.join(directory, stranger + ".ds")


def free_port():
    """A port that UDP and TCP have both free, on both families."""
    while True:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as tcp, \
                socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as udp:
            tcp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            tcp.bind(("::", 0))
            try:
                udp.bind(("::", tcp.getsockname()[1]))
            except OSError:
                continue
            return tcp.getsockname()[1]


def start_nsd(directory, port):
    conf = ["server:", " ip-address: 127.0.0.1@%d" % port, " ip-address: ::1@%d" % port, ' username: ""',
            ' zonesdir: "%s"' % directory, ' pidfile: ""', ' database: ""', ' xfrdfile: ""',
            ' xfrdir: "%s"' % directory, ' zonelistfile: "%s/zone.list"' % directory,
            ' logfile: "%s/nsd.log"' % directory,
            " rrl-ratelimit: 0",  # or it drops what hundreds of fibers ask at once
            "remote-control:", " control-enable: no"]
    files = {name: write_zone(directory, name, body) for name, body in ZONES.items()}
    files.update({name: write_zone(directory, name, SPECIAL_ZONE) for name in SPECIAL})
    files["signed.example"], anchor, stranger = sign(directory)
    for name, path in files.items():
        conf += ["zone:", ' name: "%s"' % name, ' zonefile: "%s"' % path]
    with open(directory + "/nsd.conf", "w") as out:
        out.write("\n".join(conf) + "\n")
    server = subprocess.Popen(["nsd", "-d", "-c", directory + "/nsd.conf"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    question = DNSRecord.question("example.org", "SOA").pack()
    for _ in range(200):
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                s.settimeout(0.1)
                s.sendto(question, ("127.0.0.1", port))
                s.recv(4096)
                return server, anchor, stranger
        except OSError:
            time.sleep(0.05)
    raise SystemExit("nsd does not answer: " + open(directory + "/nsd.log").read())


class Faulty:
    """Does what the first label of the name says; *.fault.example."""

    def __init__(self, port):
        self.port = port
        self.n_asked = {}
        self.is_mute = False
        self.up()

    def up(self):
        self.is_mute = False
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", self.port))
        self.tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.tcp.bind(("127.0.0.1", self.port))
        self.tcp.listen(16)
        self.threads = [threading.Thread(target=self.serve_udp, args=(self.udp,), daemon=True),
                        threading.Thread(target=self.serve_tcp, args=(self.tcp,), daemon=True)]
        for t in self.threads:
            t.start()

    def down(self):
        for s in (self.udp, self.tcp):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()
        for t in self.threads:
            t.join()

    def answer(self, query, is_tcp):
        """The packet that answers, None for silence, and seconds to wait."""
        name = query.q.qname
        label = str(name).split(".", maxsplit=1)[0].rstrip("0123456789")
        n = self.n_asked[str(name)] = self.n_asked.get(str(name), 0) + 1
        reply = query.reply(ra=1)

        def address(ttl):
            reply.add_answer(RR(name, QTYPE.A, rdata=A("192.0.2.%d" % min(n, 255)), ttl=ttl))
            return reply.pack()

        if self.is_mute or label == "silent" or (label == "lost" and n == 1):
            return None, 0
        if label == "late":
            return address(300), 0.4
        if label == "servfail":
            reply.header.rcode = RCODE.SERVFAIL
        elif label == "truncated" and not is_tcp:
            reply.header.tc = 1
        elif label == "truncated":
            reply.add_answer(RR(name, QTYPE.TXT, rdata=TXT("over TCP"), ttl=300))
        elif label == "garbage":
            return query.pack()[:2] + b"\x85\x80\x00\x01\x00\x09\xc0\x0c" * 9, 0
        elif label == "cutoff":
            return address(300)[:-3], 0
        elif label == "brief":
            return address(0), 0
        else:
            return address(300), 0
        return reply.pack(), 0

    def serve_udp(self, udp):
        while True:
            try:
                packet, peer = udp.recvfrom(4096)
            except OSError:
                return
            if not packet:
                return
            reply, wait_s = self.answer(DNSRecord.parse(packet), False)
            if reply is not None:
                threading.Timer(wait_s, self.send_late, (udp, reply, peer)).start() if wait_s else udp.sendto(reply, peer)

    def send_late(self, udp, reply, peer):
        try:
            udp.sendto(reply, peer)
        except OSError:
            pass

    def serve_tcp(self, tcp):
        while True:
            try:
                connection, _ = tcp.accept()
            except OSError:
                return
            threading.Thread(target=self.serve_connection, args=(connection,), daemon=True).start()

    def serve_connection(self, connection):
        with connection, connection.makefile("rb") as stream:
            while len(head := stream.read(2)) == 2:
                query = DNSRecord.parse(stream.read(int.from_bytes(head, "big")))
                reply, _ = self.answer(query, True)
                if reply is None:
                    continue
                # In two pieces: who reads must wait for the second.
                whole = len(reply).to_bytes(2, "big") + reply
                connection.sendall(whole[:5])
                time.sleep(0.02)
                connection.sendall(whole[5:])


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # or nothing below is cleaned up
    directory = tempfile.mkdtemp(prefix="name-servers.")
    nsd = None
    try:
        nsd_port = free_port()
        nsd, anchor, stranger = start_nsd(directory, nsd_port)
        faulty = Faulty(free_port())
        print(nsd_port, faulty.port, anchor, stranger, flush=True)
        for line in sys.stdin:
            if line == "down\n":
                faulty.down()
            elif line == "mute\n":
                faulty.is_mute = True
            elif line == "speak\n":
                faulty.is_mute = False
            elif line == "up\n":
                faulty.up()
            print("done", flush=True)
    finally:
        if nsd is not None:
            nsd.terminate()
            nsd.wait()
        shutil.rmtree(directory, ignore_errors=True)


main()
