#!/usr/bin/python3
"""Recipients: the next hop is asked whether it has them, what it says is remembered, and serves while it cannot be asked.

Postfix is the new server; what is asked of it shows in its log.  A server that takes nobody of ours stands for the bare 550.
"""
import re
import signal
import socket
import time

import world

SERVER = world.Postfix("new", extra="""
virtual_mailbox_maps = regexp:$config_directory/mailboxes
smtpd_authorized_xclient_hosts = 127.0.0.0/8
smtpd_recipient_restrictions = check_client_access cidr:$config_directory/clients, check_sender_access regexp:$config_directory/senders, permit
""")


def lines(name, *texts):
    with open(SERVER.etc + "/" + name, "w") as out:
        out.write("".join(text + "\n" for text in texts))


lines("mailboxes", "/^(bob|ann|sue|tom|kim|user[0-9]+)@example.com$/ inbox/")
lines("clients", "192.0.2.66/32 REJECT on a list")
lines("senders", "/@spam.example$/ REJECT no mail of yours")
HOP = '"127.0.0.1:%d"' % SERVER.port


def answers(port, *recipients, sender="alice@example.org", speak_for=None):
    """The code of each RCPT of one transaction, and the last reply."""
    client = world.Client(port)
    if speak_for:
        client.say("EHLO x.example.org")
        assert client.speak_for(speak_for).startswith("220")
    for line in ("EHLO client.example.org", "MAIL FROM:<%s>" % sender):
        reply = client.say(line)
        assert reply.startswith("250"), (line, reply)
    replies = [client.say("RCPT TO:<%s@example.com>" % recipient) for recipient in recipients]
    client.socket.close()
    return [reply[:3] for reply in replies], replies[-1]


def known(relay):
    rows = relay.ctl("recipients", "list")
    return {row["recipient"]["address"].split("@")[0]: row["recipient"]["known"] for row in rows if "recipient" in row}


def on_list(address):
    """The server is begun anew: its processes keep what they have read."""
    SERVER.stop()
    lines("clients", address + " REJECT on a list")
    SERVER.start()


def n_connects():
    return len(re.findall(r"smtpd\[\d+\]: connect from", SERVER.log_text()))


def queued(tap):
    """mode = queue: asked before the mail is taken"""
    relay = world.Relay(HOP, relay_extra="verify-recipients = yes\n recipients-unknown = defer", name="queued").start()
    codes, last = answers(relay.port, "bob", "nobody", "ann", "nobody")
    tap("mailboxes are taken, others refused with the new server's words", codes == ["250", "550", "250", "550"] and
        last.startswith("550 5.1.1 ") and "User unknown in virtual mailbox table" in last, last)
    tap("what it said is known", known(relay) == {"bob": "good", "ann": "good", "nobody": "bad"}, known(relay))
    tap("the log says who said it", "127.0.0.1:%d said to our own RCPT: 550 5.1.1" % SERVER.port in relay.log_text())
    tap("it was asked with a null reverse-path", "from=<> to=<nobody@example.com>" in SERVER.log_text())
    before = n_connects()
    client = world.Client(relay.port)
    client.say("EHLO client.example.org")
    client.socket.sendall(b"".join([b"MAIL FROM:<alice@example.org>\r\n"] + [b"RCPT TO:<user%d@example.com>\r\n" % i for i in range(100)]))
    replies = [client.reply() for _ in range(101)]
    tap("a hundred recipients at once are asked about in one session", all(r.startswith("250") for r in replies) and n_connects() - before <= 1,
        (n_connects() - before, replies[-1]))
    client.socket.close()
    time.sleep(1)
    before = n_connects()
    codes, _ = answers(relay.port, *("user%d" % i for i in range(100)))
    tap("they are not asked about again", codes == ["250"] * 100 and n_connects() == before, n_connects() - before)
    world.send(relay.port, world.message("to sue and bob"), recipients=("sue@example.com", "bob@example.com"))
    world.wait_for("the mail arrives", lambda: len(SERVER.mails()) == 2)
    tap("and mail arrives", True)
    return relay


def outage(tap, relay, name):
    """Good, bad and unknown while the server is down"""
    codes, last = answers(relay.port, "bob", "nobody", "stranger", "ann")
    tap("%s: down: good ones are taken, bad ones refused, others deferred" % name, codes == ["250", "550", "451", "250"], codes)
    codes, last = answers(relay.port, "nobody")
    tap("%s: with 5.1.1" % name, last.startswith("550 5.1.1 No such mailbox, its server said"), last)
    codes, last = answers(relay.port, "stranger")
    tap("%s: and 4.4.1" % name, last.startswith("451 4.4.1 "), last)


def written(relay):
    try:
        with open(relay.spool + "/recipients", "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""


def explained(tap, relay, name, asked):
    """smtpfwdctl explain reads the same from the spool"""
    words = ["explain", "--client", "192.0.2.1", "--helo", "x.example", "--from", "alice@example.org"]
    names = ("bob", "nobody", "stranger")
    for who in names:
        words += ["--to", who + "@example.com"]
    steps = [step for step in relay.ctl(*words) if step["step"] == "recipient"]
    tap("%s: explain says what is known" % name, [step["known"] for step in steps] == ["good", "bad", "unknown"] and
        {step["asked"] for step in steps} == {asked}, steps)
    tap("%s: and what is answered" % name, [step["outage"] for step in steps] == [answers(relay.port, who)[1].strip() for who in names], steps)
    tap("%s: and when it was told" % name, [("told" in step, "until" in step) for step in steps] == [(True, True)] * 2 + [(False, False)])
    text = relay.ctl(*words, json_out=False)
    tap("%s: to people too" % name, "the mailbox is known to be good, told 20" in text and "the mailbox is not known" in text and
        "if it cannot be asked: 550 5.1.1 No such mailbox" in text, text)


def down(tap, relay, name):
    """The server stops; a mail waits; kill, restart, reload"""
    n_before = len(SERVER.mails())
    SERVER.stop()
    outage(tap, relay, name)
    world.send(relay.port, world.message("waits at " + name), recipients=("bob@example.com",))
    tap("%s: the mail waits in the queue" % name, relay.queue_size() == 1, relay.queue_size())
    world.wait_for("what is known is written", lambda: all(who in written(relay) for who in (b"bob@", b"ann@", b"nobody@")))
    relay.kill()
    relay.start()
    outage(tap, relay, name + ", after a kill")
    explained(tap, relay, name, "mail" if name == "online" else "question")
    relay.process.send_signal(signal.SIGHUP)
    world.wait_for("the reload", lambda: "reloaded" in relay.log_text())
    outage(tap, relay, name + ", after a reload")
    SERVER.start()
    world.wait_for("the mail arrives", lambda: len(SERVER.mails()) == n_before + 1 and relay.queue_size() == 0)
    tap("%s: up again: it has the mail, and who was deferred is asked about" % name, answers(relay.port, "stranger", "tom")[0] == ["550", "250"])


def mode_queue(tap):
    """mode = queue, whole"""
    relay = queued(tap)
    down(tap, relay, "queue")
    relay.stop()


def mode_online(tap):
    """mode = online learns in passing"""
    relay = world.Relay(HOP, relay_extra="mode = online\n recipients-unknown = defer", name="online").start()
    n_before = len(SERVER.mails())
    codes, last = answers(relay.port, "bob", "nobody")
    tap("online: the new server's own answers", codes == ["250", "550"] and "User unknown" in last, last)
    world.send(relay.port, world.message("online"), recipients=("ann@example.com",))
    tap("online: a mail is there with its 250", len(SERVER.mails()) == n_before + 1 or
        world.wait_for("the mail", lambda: len(SERVER.mails()) == n_before + 1))
    tap("online: it learned from both", known(relay) == {"bob": "good", "ann": "good", "nobody": "bad"}, known(relay))
    down(tap, relay, "online")
    relay.stop()


def passing(tap):
    """What is learned from the queue's mail"""
    relay = world.Relay(HOP, relay_extra="verify-recipients = no\n recipients-unknown = defer", name="passing").start()
    world.send(relay.port, world.message("two"), recipients=("bob@example.com", "gone@example.com"))
    world.wait_for("it is settled", lambda: relay.queue_size() <= 1 and known(relay))
    tap("the queue's mail tells of its recipients", known(relay) == {"bob": "good", "gone": "bad"}, known(relay))
    tap("nobody is asked where that is not wanted", answers(relay.port, "gone")[0] == ["250"])
    relay.stop()


def not_remembered(tap):
    """What is said of a client, a sender or us"""
    relay = world.Relay(HOP, relay_extra="mode = online\n recipients-unknown = defer", listen_extra='xclient-from = { "127.0.0.0/8" }',
                        name="blamed").start()
    codes, last = answers(relay.port, "tom", speak_for="192.0.2.66")
    tap("a client on a list hears so", codes == ["554"] and "Client host rejected: on a list" in last, last)
    codes, last = answers(relay.port, "tom", sender="x@spam.example")
    tap("so does a sender", codes == ["554"] and "Sender address rejected" in last, last)
    tap("and nothing is known of the mailbox", known(relay) == {}, known(relay))
    SERVER.stop()
    tap("which is deferred when the server is down", answers(relay.port, "tom")[0] == ["451"])
    SERVER.start()
    relay.stop()
    for name, mode, code in (("online", "mode = online", "554"), ("queue", "verify-recipients = yes", "451")):
        on_list("127.0.0.0/8")
        relay = world.Relay(HOP, relay_extra=mode + "\n recipients-unknown = defer", name="ourselves-" + name).start()
        tap("%s: what is said of our own address" % name, answers(relay.port, "kim", "nobody")[0] == [code, code], answers(relay.port, "kim"))
        tap("%s: is not remembered either" % name, known(relay) == {}, known(relay))
        if name == "queue":
            tap("the log has it", "said to our own RCPT: 554 5.7.1" in relay.log_text(), relay.log_text()[-600:])
        on_list("192.0.2.66/32")
        tap("%s: when it is past, all are asked about as ever" % name, answers(relay.port, "kim", "nobody")[0] == ["250", "550"])
        relay.stop()


class Bare(world.NextHop):
    """Refuses recipients whose name begins so, and all others with a bare 550."""

    takes = b"k"

    def converse(self, session):
        say = lambda text: session.wfile.write(text + b"\r\n")
        say(b"220 bare ESMTP")
        for line in session.rfile:
            verb = line[:4].upper()
            if verb == b"RCPT":
                say(b"250 ok" if self.takes and line.split(b"<")[1].startswith(self.takes) else b"550 go away")
            elif verb == b"EHLO":
                say(b"250-bare\r\n250 PIPELINING")
            elif verb == b"QUIT":
                return say(b"221 bye")
            else:
                say(b"250 ok")


def bare(tap):
    """550 without a status"""
    hop = Bare()
    hop.takes = b""
    relay = world.Relay('"127.0.0.1:%d"' % hop.port, relay_extra="verify-recipients = yes\n recipients-unknown = defer", name="bare").start()
    tap("a bare 550 to all: it may be us", answers(relay.port, "kim", "nobody", "kim")[0] == ["451", "451", "451"] and known(relay) == {}, known(relay))
    hop.takes = b"k"
    tap("one is accepted: then it is the mailbox", answers(relay.port, "kim", "nobody")[0] == ["250", "550"])
    hop.takes = b"-"
    relay.ctl("recipients", "forget", "nobody@example.com")
    tap("and what is known good stays so", answers(relay.port, "kim")[0] == ["250"] and known(relay)["kim"] == "good", known(relay))
    relay.stop()


def flood(tap):
    """Names that are tried out"""
    relay = world.Relay(HOP, "recipients { max-bad = 100 }", relay_extra="verify-recipients = yes\n recipients-unknown = defer", name="flood").start()
    tap("one that there is", answers(relay.port, "bob")[0] == ["250"])
    before, n_sent, n_ended = n_connects(), 0, 0
    for _ in range(10):
        client = world.Client(relay.port)
        for line in ("EHLO client.example.org", "MAIL FROM:<alice@example.org>"):
            client.say(line)
        client.socket.sendall(b"".join(b"RCPT TO:<made-up-%d@example.com>\r\n" % (n_sent + i) for i in range(40)))
        codes = []
        while (reply := client.reply()):
            codes.append(reply[:3])
        n_sent += codes.count("550")
        n_ended += codes[-1:] == ["421"] and set(codes[:-1]) == {"550"}
    tap("each session ends after twenty errors", n_ended == 10 and n_sent == 200, (n_ended, n_sent))
    counts = [row["relay"] for row in relay.ctl("recipients", "list") if "relay" in row][0]
    tap("made-up names push out each other, and no mailbox", counts["bad"] == 100 and known(relay)["bob"] == "good", counts)
    n_new = n_connects() - before
    log = SERVER.log_text()
    tap("it cost the new server one question each, and some sessions", len(re.findall(r"to=<made-up-\d+@", log)) == 200 and n_new <= 40, n_new)
    tap("which it never slowed down or ended, so it is not thought to be in trouble", "too many errors after RCPT" not in log and
        "nexthop-down" not in relay.log_text(), [l for l in log.splitlines() if "too many" in l])
    begin = time.monotonic()
    tap("and mailboxes are answered for as ever", answers(relay.port, "ann", "nobody")[0] == ["250", "550"] and time.monotonic() - begin < 2)
    relay.stop()


def fresh(tap):
    """A relay that was never told of a mailbox, and its server is down"""
    relay = world.Relay('"127.0.0.1:%d"' % world.free_port(), relay_extra="mode = online\n recipients-unknown = defer", name="fresh").start()
    tap("mail waits at its senders", answers(relay.port, "bob")[0] == ["451"])
    with open(world.WORK + "/list", "w") as out:
        out.write("bob@example.com\n")
    relay.ctl("recipients", "import", world.WORK + "/list")
    tap("with a list of its mailboxes it is taken", answers(relay.port, "bob", "ann")[0] == ["250", "451"])
    world.send(relay.port, world.message("waits"))
    tap("and queued", relay.queue_size() == 1)
    relay.stop()


SERVER.start()
world.Tap().run(mode_queue, mode_online, passing, not_remembered, bare, flood, fresh)
