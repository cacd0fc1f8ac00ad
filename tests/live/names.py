"""names.py - a name server for live tests, over UDP and TCP, which can misbehave

A zone is lines "NAME TYPE VALUE"; what it does not have does not exist.  "*.NAME" is each name below that has no
lines of its own, and the value of a line may be a function of the name asked for.  A line may say what happens
instead of an answer, to questions for types that the name has not:

	NAME SERVFAIL | REFUSED | FORMERR	that
	NAME TIMEOUT				nothing
	NAME GARBAGE				bytes that are no DNS packet

or to all of its questions:

	NAME DELAY SECONDS			later
	NAME WRONGID				with another id
	NAME TRUNCATED				by UDP always truncated, and by TCP too

A TXT value is the text, "\\xHH" a byte of it; it may be of any length.  Answers that UDP does not hold are truncated
there.  An alias is followed within the zone, as a recursive server does it, unless follows is False.
"""
import asyncio
import collections
import re
import threading

from dnslib import A, AAAA, CNAME, DNSLabel, DNSRecord, EDNS0, MX, NS, PTR, QTYPE, RCODE, RR, SOA, TXT

FAILURES = ("SERVFAIL", "REFUSED", "FORMERR", "TIMEOUT", "GARBAGE")
MOODS = ("DELAY", "WRONGID", "TRUNCATED")
ALIASES_MAX = 20


def unescaped(text):
    return re.sub(r"\\x([0-9a-fA-F]{2})", lambda m: chr(int(m.group(1), 16)), text)


def key_of(name):
    """By what a name is found: lower case, no last dot, a byte a character."""
    return unescaped(name).lower().rstrip(".")


def label_of(name):
    return DNSLabel([part.encode("latin-1") for part in unescaped(name).rstrip(".").split(".") if part])


def read_name(packet):
    """The key of the name that is asked for, and where it ends."""
    at, parts = 12, []
    while at < len(packet) and packet[at]:
        parts.append(packet[at + 1:at + 1 + packet[at]])
        at += 1 + packet[at]
    return b".".join(parts).decode("latin-1").lower(), at + 1


def txt_of(text):
    data = unescaped(text).encode("latin-1")
    return TXT([data[at:at + 255] for at in range(0, len(data), 255)] or [b""])


RECORDS = {
    "A": A,
    "AAAA": AAAA,
    "MX": lambda value: MX(label_of(value.partition(" ")[2]), int(value.partition(" ")[0])),
    "TXT": txt_of,
    "CNAME": lambda value: CNAME(label_of(value)),
    "PTR": lambda value: PTR(label_of(value)),
    "NS": lambda value: NS(label_of(value)),
}


class Names:
    """A name server at the port of the address, 0: a free one; .asked counts the questions by (name, type)."""

    def __init__(self, zone="", address="127.0.0.1", ttl=600, follows=True, port=0):
        self.ttl, self.follows, self.port = ttl, follows, port
        self.rows = {}                  # key: [(type, value)]
        self.parents = set()            # names that exist because one below them does (RFC 8020)
        self.everything = []            # rows that stand for every name as long as there are any
        self.asked = collections.Counter()
        self.kept = {}                  # answers that need no thought any more
        self.add(zone)
        started = threading.Event()
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.run, args=(address, started), daemon=True).start()
        assert started.wait(10), "the name server did not start"

    # --- the zone ---

    def add(self, zone):
        for line in zone.splitlines():
            name, kind, value = (line.strip().split(None, 2) + ["", "", ""])[:3]
            if name:
                self.add_row(name, kind, value)

    def add_row(self, name, kind, value=""):
        key = key_of(name)
        self.rows.setdefault(key, []).append((kind, value))
        while "." in key:
            key = key.split(".", 1)[1]
            self.parents.add(key)
        self.kept = {}

    def replace(self, name, *rows):
        """These (type, value) only; without any the name does not exist any more."""
        self.rows.pop(key_of(name), None)
        self.kept = {}
        for row in rows:
            self.add_row(name, *row)

    def all_do(self, *rows):
        """From now on every name has these rows; without any each has its own again."""
        self.everything = list(rows)
        self.kept = {}

    def section(self, more=""):
        """For smtpfwd.conf."""
        return 'resolver { servers = { "127.0.0.1:%d" } %s }' % (self.port, more)

    def n_asked(self):
        return sum(self.asked.values())

    # --- answers ---

    def rows_of(self, key):
        """Those of a name; None if it does not exist."""
        if self.everything:
            return self.everything
        if key in self.rows:
            return self.rows[key]
        if key in self.parents:
            return []
        parent = key
        while "." in parent:
            parent = parent.split(".", 1)[1]
            if "*." + parent in self.rows:
                return self.rows["*." + parent]
            if parent in self.rows or parent in self.parents:
                return None
        return None

    def fill(self, reply, key, kind):
        """Answers into the reply; the rows that say how it goes out."""
        label, moods = reply.q.qname, []
        for _ in range(ALIASES_MAX if self.follows else 1):
            rows = self.rows_of(key)
            if rows is None:
                reply.header.rcode = RCODE.NXDOMAIN
                break
            rows = [(k, v(key) if callable(v) else v) for k, v in rows]
            moods += [row for row in rows if row[0] in MOODS]
            found = [value for row_kind, value in rows if row_kind == kind]
            for value in found:
                reply.add_answer(RR(label, QTYPE.reverse[kind], ttl=self.ttl, rdata=RECORDS[kind](value)))
            alias = [value for row_kind, value in rows if row_kind == "CNAME"]
            if found or not alias:
                moods += [] if found else [row for row in rows if row[0] in FAILURES]
                break
            reply.add_answer(RR(label, QTYPE.CNAME, ttl=self.ttl, rdata=CNAME(label_of(alias[0]))))
            label, key = label_of(alias[0]), key_of(alias[0])
        if not reply.rr:        # that it may be remembered (RFC 2308)
            reply.add_auth(RR(".", QTYPE.SOA, ttl=self.ttl, rdata=SOA(".", ".", (1, 3600, 600, 86400, self.ttl))))
        return moods

    def answer(self, packet, is_udp):
        """The bytes of the reply, or None, and after how many seconds."""
        key, end = read_name(packet)
        kind = int.from_bytes(packet[end:end + 2], "big")
        kind = QTYPE.forward.get(kind, "TYPE%d" % kind)
        self.asked[key, kind] += 1
        if ("TIMEOUT", "") in (self.rows_of(key) or ()) and len(self.rows_of(key)) == 1:
            return None, 0      # a thousand of these are not to keep others waiting
        kept = self.kept.get((packet[2:], is_udp))
        if kept:
            return packet[:2] + kept, 0
        generation = self.kept
        question = DNSRecord.parse(packet)
        reply = question.reply(aa=0)
        moods = dict(self.fill(reply, key, kind))
        for failure in ("SERVFAIL", "REFUSED", "FORMERR"):
            if failure in moods:
                reply.header.rcode = getattr(RCODE, failure)
        room = 512
        for record in question.ar:
            if record.rtype == QTYPE.OPT:
                room = record.edns_len
                reply.add_ar(EDNS0(udp_len=1232))
        data = reply.pack()
        if "TRUNCATED" in moods or (is_udp and len(data) > room):
            reply.rr, reply.auth, reply.header.tc = [], [], 1
            data = reply.pack()
        if "WRONGID" in moods:
            data = bytes((data[0] ^ 1,)) + data[1:]
        if "GARBAGE" in moods:
            data = data[:2] + bytes(range(3, 250))
        if "TIMEOUT" in moods:
            data = None
        if not moods and len(generation) < 10000:
            generation[packet[2:], is_udp] = data[2:]
        return data, float(moods.get("DELAY", 0))

    # --- the network ---

    def run(self, address, started):
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self.open(address))
        started.set()
        self.loop.run_forever()

    async def open(self, address):
        names = self

        class Udp(asyncio.DatagramProtocol):
            def connection_made(self, transport):
                self.transport = transport

            def datagram_received(self, packet, client):
                data, delay = names.answer(packet, True)
                if data and delay:
                    names.loop.call_later(delay, self.transport.sendto, data, client)
                elif data:
                    self.transport.sendto(data, client)

        for _ in range(100):            # one port that is free by both
            tcp = await asyncio.start_server(self.serve_tcp, address, self.port, backlog=1000)
            port = tcp.sockets[0].getsockname()[1]
            try:
                await self.loop.create_datagram_endpoint(Udp, (address, port))
                self.port, self.tcp = port, tcp
                return
            except OSError:
                tcp.close()
        raise OSError("no port for a name server")

    async def serve_tcp(self, reader, writer):
        try:
            while True:
                length = int.from_bytes(await reader.readexactly(2), "big")
                data, delay = self.answer(await reader.readexactly(length), False)
                await asyncio.sleep(delay)
                if data:
                    writer.write(len(data).to_bytes(2, "big") + data)
                    await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()
