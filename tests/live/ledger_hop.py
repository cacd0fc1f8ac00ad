"""ledger_hop.py - a next hop that gets wrong whatever servers get wrong, and keeps a true account of what it took

A mail is entered before the 250 goes out, and where no such reply is meant it is not: who does not bring it again has lost it.
"""
import random
import re
import socket
import threading
import time
import zlib

import world

CODES = (b"250", b"251", b"252", b"354", b"421", b"450", b"451", b"452", b"452 4.5.3", b"550", b"550 5.1.1", b"550 5.6.7", b"551", b"552",
         b"552 5.2.2", b"553", b"554", b"503", b"530", b"521", b"499", b"599", b"571")
TEXTS = (b"ok", b"", b"caf\xc3\xa9 \xff\xfe", b"a\x01b\x1b[31m\x7f", b"x" * 500, b"x" * 3000, b"x" * 11000, b"5.1.1 no", b"4.9.9",
         b"2.1.5 \rinner", b"\t 5.1.10 q")
JUNK = (b"100 x\r\n", b"600 x\r\n", b"25\r\n", b"\r\n", b"hello\r\n", b"250x\r\n", b"\0\0\0\r\n", b"250-a\r\n550 b\r\n")
FINE = ("PIPELINING", "8BITMIME", "SMTPUTF8", "DSN", "SIZE 1000000")


def is_yes(reply):
    """All lines of its first reply have one 2xx code."""
    code = reply[:3]
    for line in reply.split(b"\n"):
        if line[:3] != code or not re.match(rb"2\d\d($|[ \r-])", line):
            return False
        if line[3:4] != b"-":
            return True
    return False


class Hop:
    """serves: says of a recipient's address whether its mailbox is here."""

    def __init__(self, chance, offers=FINE, is_hostile=True, serves=lambda address: True):
        self.chance, self.offers, self.is_hostile, self.serves = chance, offers, is_hostile, serves
        self.mails = []                 # (subject, [address], bytes): each is in it before its 250 goes out
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1000)
        self.port = self.listener.getsockname()[1]
        world.ENDERS.append(self.listener.close)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            session = Session(self, connection, random.Random(self.chance.random()))
            threading.Thread(target=session.run, daemon=True).start()


class Over(Exception):
    """of the session"""


class Session:
    def __init__(self, hop, connection, chance):
        self.hop, self.connection, self.chance = hop, connection, chance
        self.recipients = []

    def run(self):
        self.connection.settimeout(60)
        try:
            with self.connection, self.connection.makefile("rb") as self.lines:
                self.answer(b"220 hop\r\n", 0.03)
                for line in self.lines:
                    self.command(line)
        except (OSError, Over):
            pass

    def send(self, reply):
        if self.hop.is_hostile and self.chance.random() < 0.05:
            step = max(1, len(reply) // 5)
            for i in range(0, len(reply), step):
                self.connection.sendall(reply[i:i + step])
                time.sleep(0.01)
        else:
            self.connection.sendall(reply)

    def odd(self, good):
        """What is said instead, and whether the session ends by it."""
        kind = self.chance.randrange(14)
        if kind < 7:
            code, n = self.chance.choice(CODES), self.chance.choice((1, 1, 2, 5, 60))
            return b"".join(code[:3] + (b"-" if i < n - 1 else b" ") + (code[4:] + b" " if code[4:] else b"") +
                            self.chance.choice(TEXTS) + b"\r\n" for i in range(n)), False
        if kind == 7:
            return self.chance.choice(JUNK), False
        if kind == 8:
            return good + b"250 2.0.0 once more\r\n", False
        if kind == 9:
            time.sleep(self.chance.choice((0.05, 0.5, 1.5)))
            return good, False
        if kind == 10:
            return b"", True
        if kind == 11:
            return b"421 4.3.2 going\r\n", True
        if kind == 12:
            return good.replace(b"\r\n", b"\n"), False
        return b"z" * self.chance.choice((100, 20000)), True

    def answer(self, good, odds, enter=lambda reply: None):
        """enter is told what will be said."""
        reply, is_over = self.odd(good) if self.hop.is_hostile and self.chance.random() < odds else (good, False)
        enter(reply)
        self.send(reply)
        if is_over:
            raise Over
        return reply

    def command(self, line):
        verb = line[:4].upper().strip()
        if verb == b"EHLO":
            self.recipients = []
            self.answer(b"250-hop\r\n" + b"".join(b"250-%s\r\n" % offer.encode() for offer in self.hop.offers) + b"250 HELP\r\n", 0.03)
        elif verb == b"RCPT":
            address = line[line.index(b"<") + 1:line.index(b">")].decode()
            is_here = not address.startswith("bad") and self.hop.serves(address)
            if is_yes(self.answer(b"250 2.1.5 ok\r\n" if is_here else b"550 5.1.1 no such mailbox\r\n", 0.12)):
                self.recipients.append(address)
        elif verb == b"DATA":
            self.data()
        elif verb == b"QUIT":
            self.send(b"221 bye\r\n")
            raise Over
        else:
            self.recipients = []
            self.answer(b"250 2.1.0 ok\r\n", 0.08)

    def data(self):
        if not self.answer(b"354 go\r\n", 0.06).startswith(b"354"):
            return
        data = []
        while (line := self.lines.readline()) != b".\r\n":
            if not line:
                raise Over
            if self.hop.is_hostile and self.chance.random() < 0.002:
                self.send(self.chance.choice((b"552 5.3.4 big\r\n", b"421 bye\r\n")))
                raise Over
            data.append(line[1:] if line.startswith(b".") else line)
        self.answer(b"250 2.0.0 taken\r\n" if self.recipients else b"554 5.5.1 for nobody\r\n", 0.15,
                    lambda reply: self.recipients and is_yes(reply) and self.enter(b"".join(data)))
        self.recipients = []

    def enter(self, data):
        subject = re.search(rb"^Subject: (.*)\r\n", data, re.M)
        with self.hop.lock:
            self.hop.mails.append((subject[1].decode() if subject else "", self.recipients, data))


def half_of(address):
    """0 or 1: where the mailbox is of two servers that share a domain."""
    return zlib.crc32(address.encode()) & 1
