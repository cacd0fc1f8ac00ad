#!/usr/bin/python3
"""Next hops that get everything wrong, the daemon killed, stopped and reloaded amid the mail: a ledger of what was promised and of what came of it.

A promise is a 250 to the end of a mail that its client has read, for each of its recipients.  It is kept if a next hop has taken the
mail whole for that recipient (and says so only then), or if its failure was reported; or logged, where nobody may be told.  The ledger
is closed when clients and relay are at rest.  SEED=, SECONDS=, MODE=online|queue, BY=recipient (both domains' mailboxes are on two
servers each), TROUBLE=kill|reload|none, KEEP= (a path for the log, if it fails).
"""
import os
import random
import re
import signal
import socket
import threading
import time

import ledger_hop
import world

SEED = int(os.environ.get("SEED", "0")) or random.randrange(1, 1 << 30)
SECONDS = float(os.environ.get("SECONDS", "8"))
MODE = os.environ.get("MODE", "online")
BY_RECIPIENT = os.environ.get("BY") == "recipient"
TROUBLE = os.environ.get("TROUBLE", "kill")
N_CLIENTS = 24
REST_S = 90
print("# SEED=%d SECONDS=%g MODE=%s BY=%s TROUBLE=%s" % (SEED, SECONDS, MODE, "recipient" if BY_RECIPIENT else "", TROUBLE), flush=True)

REPLY = re.compile(rb"^(\d{3})([ -])(?:([245])\.\d{1,3}\.\d{1,3}(?= |\r))?[ -~]*\r\n$")
GOOD = {"MAIL": (250,), "RCPT": (250, 251), "DATA": (354,), "BDAT": (250,), "DOT": (250,), "RSET": (250,), "EHLO": (250,)}


class Ledger:
    def __init__(self):
        self.lock = threading.Lock()
        self.mails = {}         # subject -> (body, may be told of failures)
        self.promised = {}      # (subject, address) -> the 250
        self.wrong = []         # replies that are none
        self.n_refused = 0


ledger = Ledger()


class Gone(Exception):
    """The connection broke, or the relay said 421."""


class Client:
    def __init__(self, number, port):
        self.chance, self.number, self.port, self.n_mails = random.Random(SEED * 1000 + number), number, port, 0

    def run(self, is_over):
        while not is_over():
            try:
                with socket.create_connection(("127.0.0.1", self.port), 45) as self.socket, self.socket.makefile("rb") as self.lines:
                    self.session()
            except (Gone, OSError):
                time.sleep(0.05)

    def reply(self, verb):
        """Its code and the whole."""
        lines = []
        while not lines or lines[-1][3:4] == b"-":
            line = self.lines.readline()
            if not line.endswith(b"\n"):
                raise Gone              # in the midst of it, too: nothing was promised
            lines.append(line)
            parts = REPLY.match(line)
            if not parts or len(line) > 512 or (parts[3] and parts[3] != parts[1][:1]) or \
                    (not parts[3] and verb not in ("greeting", "EHLO") and parts[1][:1] != b"3"):
                ledger.wrong.append((verb, line))
        code = int(lines[-1][:3])
        if verb in GOOD and code < 400 and code not in GOOD[verb]:
            ledger.wrong.append((verb, lines))
        if code == 421:
            raise Gone
        return code, b"".join(lines)

    def say(self, verb, line):
        self.socket.sendall(line + b"\r\n")
        return self.reply(verb)[0]

    def session(self):
        self.reply("greeting")
        self.say("EHLO", b"EHLO c%d.example.org" % self.number)
        for _ in range(self.chance.randrange(1, 6)):
            self.n_mails += 1
            self.mail("s%d.%d" % (self.number, self.n_mails))
            if self.chance.random() < 0.1:
                self.say("EHLO", b"EHLO again.example.org")
        if self.chance.random() < 0.5:
            self.say("QUIT", b"QUIT")

    def some_recipients(self, subject, is_utf8):
        found = {}
        for i in range(self.chance.choice((1, 1, 1, 2, 3, 8))):
            name = self.chance.choice(("bob", "carol", "dave+%s.%d" % (subject, i), "erin%d" % self.chance.randrange(30),
                                       "bad%d" % self.chance.randrange(50)))
            name = "\u00e9" + name if is_utf8 and self.chance.random() < 0.3 else name
            address = name + self.chance.choice(("@example.com", "@example.com", "@example.net"))
            found[address] = self.chance.choice((b"NEVER", b"SUCCESS,FAILURE", b"FAILURE,DELAY")) if self.chance.random() < 0.15 else b""
        return found

    def envelope(self, mail_line, recipients):
        """Whom the relay takes it for."""
        lines = [b"RCPT TO:<" + address.encode() + b">" + (b" NOTIFY=" + notify if notify else b"")
                 for address, notify in recipients.items()]
        if self.chance.random() < 0.5:
            self.socket.sendall(b"\r\n".join([mail_line] + lines) + b"\r\n")
            is_mail = self.reply("MAIL")[0] == 250
            codes = [self.reply("RCPT")[0] for _ in lines]
        else:
            is_mail = self.say("MAIL", mail_line) == 250
            codes = []
            for line in lines:
                if self.chance.random() < 0.03:
                    time.sleep(self.chance.choice((0.2, 2)))
                codes.append(self.say("RCPT", line))
        return [address for address, code in zip(recipients, codes) if is_mail and code in (250, 251)]

    def mail(self, subject):
        chance = self.chance
        is_utf8, sender = chance.random() < 0.15, chance.choice((b"", b"alice@home.example", b"alice@home.example"))
        recipients = self.some_recipients(subject, is_utf8)
        taken = self.envelope(b"MAIL FROM:<" + sender + b">" + (b" SMTPUTF8" if is_utf8 else b"") +
                              (b" BODY=8BITMIME" if chance.random() < 0.2 else b"") +
                              (b" SIZE=%d" % chance.choice((100, 100000)) if chance.random() < 0.2 else b""), recipients)
        if not taken or chance.random() < 0.1:
            self.say("RSET", b"RSET")
            return
        body = chance.choice((b"Hello.\r\n", b"gr\xc3\xbcn\r\n", b".dot\r\n" * 3000, b"x" * 900 + b"\r\n", b"")) + subject.encode() + b"\r\n"
        data = (b"From: <alice@home.example>\r\nTo: <bob@example.com>\r\nSubject: %s\r\nMessage-ID: <%s@ledger.example>\r\n\r\n"
                % (subject.encode(), subject.encode())) + body
        with ledger.lock:
            ledger.mails[subject] = body, {a for a in recipients if sender and recipients[a] != b"NEVER"}
        code, text = self.bdat(data) if chance.random() < 0.4 else self.data(data)
        with ledger.lock:
            if code == 250:
                ledger.promised.update({(subject, address): text for address in taken})
            else:
                ledger.n_refused += 1

    def bdat(self, data):
        cut = self.chance.randrange(len(data))
        self.socket.sendall(b"BDAT %d\r\n" % cut + data[:cut] + b"BDAT %d LAST\r\n" % (len(data) - cut) + data[cut:])
        self.reply("BDAT")
        return self.reply("DOT")

    def data(self, data):
        if self.say("DATA", b"DATA") != 354:
            return 0, b""
        if self.chance.random() < 0.03:
            raise Gone
        self.socket.sendall(re.sub(rb"(?m)^\.", b"..", data) + b".\r\n")
        return self.reply("DOT")


# --- the relay ---

def new_relay(hops, home):
    at = ['"127.0.0.1:%d"' % hop.port for hop in hops]
    by_recipient = "next-hop-by-recipient = yes\n" if BY_RECIPIENT else ""
    return world.Relay(", ".join(at[:2]), relay_extra="""mode = %s
    %s online-timeout = 2s
    recipients-unknown = defer
    verify-recipients = yes""" % (MODE, by_recipient), listen_extra="max-connections-per-address = 100\n    max-errors = 30", extra="""
relay "example.net" {
    next-hop = { %s, %s }
    next-hop-by-recipient = yes
    mode = %s
    mixed = queue
    online-timeout = 3s
    online-4xx = queue
    check-interval = 1s
}
relay "home.example" {
    next-hop = { "127.0.0.1:%d" }
    mode = queue
    verify-recipients = no
    recipients-unknown = accept
}
retry {
    first = 1s
    max = 1s
}
""" % (at[2], at[3], MODE, home.port))


def variants(text):
    return (text, text.replace("mixed = queue", "mixed = refuse"),
            text.replace('relay "example.net"', 'relay "example.edu"'),
            text.replace("mode = online", "mode = queue") if MODE == "online" else text.replace("mode = queue\n    mixed", "mode = online\n    mixed"),
            text.replace("online-timeout = 2s", "online-timeout = 1s\n    connections = 1"))


def configure(relay, text):
    with open(relay.config, "w") as out:
        out.write(text)


def trouble(relay, chance, is_over):
    """How many of each; at its end the daemon runs, and is configured as at first."""
    counts = {"kill": 0, "stop": 0, "reload": 0}
    while not is_over():
        time.sleep(chance.choice((0.1, 0.4, 1, 1, 2)))
        if TROUBLE == "none":
            continue
        what = chance.choice(("kill", "stop", "reload", "reload", "reload")) if TROUBLE == "kill" else "reload"
        counts[what] += 1
        configure(relay, chance.choice(variants(relay.text)))
        if what == "reload":
            os.kill(relay.process.pid, signal.SIGHUP)
            continue
        relay.kill() if what == "kill" else relay.stop()
        configure(relay, relay.text)
        relay.start()
    configure(relay, relay.text)
    os.kill(relay.process.pid, signal.SIGHUP)
    return counts


# --- what came of it ---

def failures_reported(home):
    """(subject, address) of each."""
    found = set()
    for _, _, data in home.mails:
        subjects = re.findall(rb"\r\nSubject: (s\d+\.\d+)\r\n", data)
        for part in re.findall(rb"Final-Recipient: [^\r]*\r\n(?:[^\r]+\r\n)*", data):
            address = re.match(rb"Final-Recipient: *[\w-]+; *(\S+)", part)[1].decode()
            address = re.sub(r"\\x\{([0-9A-F]+)\}", lambda m: chr(int(m[1], 16)), address)
            if b"Action: failed" in part:
                found.update((subject.decode(), address) for subject in subjects)
    return found


def failures_logged(log):
    subjects = dict(re.findall(r" accepted id=(\S+) .*message-id=\"?<(\S+)@ledger\.example>", log))
    return {(subjects.get(id_), address.strip('"<>')) for id_, address in re.findall(r" (?:failed|expired) id=(\S+) .*?\bto=(\S+)", log)}


def arrivals(hops):
    """What was taken whole, and the subjects of what was not whole."""
    whole, garbled = set(), []
    for hop in hops:
        for subject, addresses, data in hop.mails:
            body = ledger.mails[subject][0] if subject in ledger.mails else None
            if body is None or data.partition(b"\r\n\r\n")[2] != body:
                garbled.append((subject, data[:2000]))
            else:
                whole.update((subject, address) for address in addresses)
    return whole, garbled


def empty(relay):
    relay.ctl("queue", "retry", "--all")
    return relay.queue_size() == 0


def new_hops(chance):
    """Of two for each domain the second offers less; each has half of the mailboxes, where it is asked for them."""
    def here(half):
        return lambda address: not (BY_RECIPIENT or address.endswith("@example.net")) or ledger_hop.half_of(address) == half
    offers = ledger_hop.FINE, ("PIPELINING",), ledger_hop.FINE, ("8BITMIME", "SIZE")
    return [ledger_hop.Hop(chance, offers[i], serves=here(i % 2)) for i in range(4)]


def storm(relay, chance):
    """Until clients and relay are at rest, but for what the queue has."""
    end = time.monotonic() + SECONDS
    is_over = lambda: time.monotonic() > end
    clients = [threading.Thread(target=Client(n, relay.port).run, args=(is_over,), daemon=True) for n in range(N_CLIENTS)]
    for client in clients:
        client.start()
    counts = trouble(relay, chance, lambda: time.monotonic() > end - SECONDS / 4)     # some is promised, however often it was killed
    for client in clients:
        client.join(60)
    return counts


def drain(relay, hops):
    """How many mails are left in its queue."""
    for hop in hops:
        hop.is_hostile = False
    try:
        world.wait_for("the queue is empty", lambda: empty(relay), REST_S)
    except AssertionError as late:
        print("# %s: %s" % (late, relay.ctl("queue", "list")[:3]))
    return relay.queue_size()


def broken_promises(whole, reported, logged):
    """Those that nothing came of; and those whose failure is in the log only, though their sender was to be told."""
    lost, untold, kept = [], [], whole | reported
    for (subject, address), text in ledger.promised.items():
        if (subject, address) in kept:
            continue
        if (subject, address) not in logged:
            lost.append((subject, address, text))
        elif address in ledger.mails[subject][1]:
            untold.append((subject, address, text))
    return lost, untold


def nothing_is_lost(tap):
    """What was promised is kept"""
    chance = random.Random(SEED)
    hops, home = new_hops(chance), ledger_hop.Hop(chance, is_hostile=False)
    relay = new_relay(hops, home).start()
    counts = storm(relay, chance)
    n_left = drain(relay, hops)
    status = relay.stop()
    log = relay.log_text()
    whole, garbled = arrivals(hops)
    reported, logged = failures_reported(home), failures_logged(log)
    lost, untold = broken_promises(whole, reported, logged)
    print("# %d mails, %d promises, %d mails refused, %d arrivals, %d failures reported, %d logged; %s; %d ambiguous, %d fell back" % (
        len({subject for subject, _ in ledger.promised}), len(ledger.promised), ledger.n_refused, len(whole), len(reported), len(logged),
        counts, log.count(" ambiguous id="), log.count(" fell-back id=")))
    tap("nothing that was promised is lost", ledger.promised and not lost, stories(lost, log))
    tap("what failed is reported to who sent it", not untold, stories(untold, log))
    tap("what arrives is whole", not garbled, garbled[:2])
    tap("the queue is empty when next hops are well again", n_left == 0, n_left)
    tap("clients hear replies and nothing else", not ledger.wrong, ledger.wrong[:5])
    tap("the daemon ends well, and has set nothing aside", status == 0 and not damaged(relay) and
        not re.search("AddressSanitizer|runtime error|insist|LeakSanitizer", log), (status, damaged(relay)))
    if tap.n_failed and os.environ.get("KEEP"):
        os.rename(relay.log, os.environ["KEEP"])


def damaged(relay):
    try:
        return os.listdir(os.path.join(relay.spool, "damaged"))
    except FileNotFoundError:
        return []


def stories(pairs, log):
    told = ["%d of them" % len(pairs)]
    for subject, address, text in pairs[:3]:
        ids = set(re.findall(r" accepted id=(\S+) .*<%s@ledger" % re.escape(subject), log))
        told += ["%s %s: %s" % (subject, address, text)] + [line[:300] for line in log.splitlines() if any(i in line for i in ids)]
    return "\n".join(told)


world.Tap().run(nothing_is_lost)
