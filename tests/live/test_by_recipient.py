#!/usr/bin/python3
"""next-hop-by-recipient: a domain's mailboxes move one by one from an old server to a new one, both Postfix.

Each mail is in the one mailbox that it is for, once: while a mailbox moves, while one of the servers is down, and
over a crash of ours.
"""
import re
import socketserver
import sys
import threading
import time

import world


class Server(world.Postfix):
    """A Postfix that has some of the mailboxes of example.com, which it asks of us at each RCPT: they may be others while it runs."""

    def __init__(self, name, *locals):
        self.has = set(locals)
        server = self

        class Question(socketserver.StreamRequestHandler):
            def handle(self):
                said = {}
                for line in self.rfile:
                    key, _, value = line.decode().strip().partition("=")
                    if key:
                        said[key] = value
                        continue
                    has = said["recipient"].split("@")[0] in server.has
                    self.wfile.write(b"action=%s\n\n" % (b"DUNNO" if has else b"550 5.1.1 No such mailbox at %s" % server.name.encode()))

        policy = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Question)
        policy.daemon_threads = True
        threading.Thread(target=policy.serve_forever, daemon=True).start()
        super().__init__(name, extra="smtpd_recipient_restrictions = check_policy_service inet:127.0.0.1:%d" % policy.server_address[1])

    def subjects(self):
        return sorted(re.search(rb"(?m)^Subject: (\S+)", mail).group(1).decode() for mail in self.mails())

    def n(self, subject):
        return self.subjects().count(subject)


new = old = online = queueing = None


def setup(tap):
    """Two servers, and a relay of each mode"""
    global new, old, online, queueing
    new, old = Server("new", "anna", "both").start(), Server("old", "otto", "mover", "both", "walker").start()
    hops = '"127.0.0.1:%d", "127.0.0.1:%d"' % (new.port, old.port)
    retry = "retry { first = 2s  max = 5s }"
    split = "next-hop-by-recipient = yes\n    verify-recipients = yes\n    recipients-unknown = defer\n    "
    online = world.Relay(hops, relay_extra=split + "mode = online", extra=retry, name="online").start()
    queueing = world.Relay(hops, relay_extra=split + "mode = queue", extra=retry, name="queueing").start()
    tap("two Postfix and two smtpfwd are up", True)


def send(relay, subject, *locals):
    world.send(relay.port, world.message(subject), recipients=["%s@example.com" % local for local in locals])


def asked(relay, local):
    client = world.Client(relay.port)
    client.say("EHLO client.example.org")
    client.say("MAIL FROM:<alice@example.org>")
    reply = client.say("RCPT TO:<%s@example.com>" % local)
    client.say("QUIT")
    return reply


def arrive(server, *subjects, seconds=30):
    world.wait_for("%s in %s" % (" ".join(subjects), server.name), lambda: set(subjects) <= set(server.subjects()), seconds)


def each_its_own(tap):
    """Mail is where the mailbox is"""
    for relay in online, queueing:
        mode = relay.directory.rsplit("/", 1)[1]
        for local in "anna", "otto", "both":
            send(relay, "%s-%s" % (mode, local), local)
        arrive(new, mode + "-anna", mode + "-both")
        arrive(old, mode + "-otto")
        tap("%s: once, and of two that have it at the first" % mode, (new.n(mode + "-anna"), new.n(mode + "-otto"), new.n(mode + "-both"),
            old.n(mode + "-anna"), old.n(mode + "-otto"), old.n(mode + "-both")) == (1, 0, 1, 0, 1, 0))
        reply = asked(relay, "nobody")
        tap("%s: who is at neither is refused in the words of the last" % mode, reply.startswith("550 5.1.1") and "No such mailbox at old" in reply, reply)
        world.wait_for("nothing waits", lambda: relay.queue_size() == 0)
    tap("online: nothing was queued", [row["queue"]["put"] for row in online.ctl("status") if "queue" in row] == [0])


def one_transaction(tap):
    """Recipients of both in one transaction"""
    client = world.Client(online.port)
    client.say("EHLO client.example.org")
    client.say("MAIL FROM:<alice@example.org>")
    replies = [client.say("RCPT TO:<%s@example.com>" % local)[:9] for local in ("otto", "anna", "nobody", "walker")]
    tap("online: those of the first one's server", replies == ["250 2.1.5", "452 4.5.3", "550 5.1.1", "250 2.1.5"], replies)
    client.say("DATA")
    client.socket.sendall(world.message("together") + b".\r\n")
    tap("and their mail goes there", client.reply().startswith("250 2.0.0"))
    arrive(old, "together")
    client.say("QUIT")
    send(queueing, "parted", "otto", "anna", "walker", "both")
    arrive(new, "parted")
    arrive(old, "parted")
    world.wait_for("nothing waits", lambda: queueing.queue_size() == 0)
    tap("queue: each its own", (new.n("parted"), old.n("parted")) == (2, 2), (new.n("parted"), old.n("parted")))


def sent_by_postfix(tap):
    """A Postfix that sends to both at once brings the other one later"""
    sender = world.Postfix("sender", relay_to=online.port).start()
    send(sender, "by-postfix", "otto", "anna")
    arrive(new, "by-postfix", seconds=60)
    arrive(old, "by-postfix", seconds=60)
    tap("once each", (new.n("by-postfix"), old.n("by-postfix")) == (1, 1))
    sender.stop()


def known(tap):
    """smtpfwdctl shows which server has it"""
    rows = [row["recipient"] for relay in (online, queueing) for row in relay.ctl("recipients", "list") if "recipient" in row]
    of_otto = {(row["relay"], row["known"]) for row in rows if row["address"] == "otto@example.com"}
    tap("of a mailbox: not at the one, at the other", of_otto == {("example.com/127.0.0.1:%d" % new.port, "bad"),
        ("example.com/127.0.0.1:%d" % old.port, "good")}, of_otto)
    rows = [row["recipient"] for row in queueing.ctl("recipients", "list", "otto@example.com")]
    tap("asked for by its address the same", {(row["relay"], row["known"]) for row in rows} == of_otto, rows)
    counts = [row["relay"]["name"] for row in queueing.ctl("recipients", "list", "--relay", "example.com") if "relay" in row]
    tap("the relay's title is all of its next hops", len(counts) == 2, counts)
    with open(world.WORK + "/boxes", "w") as out:
        out.write("zoe@example.com\n")
    def imports(*relay):
        try:
            return queueing.ctl("recipients", "import", world.WORK + "/boxes", *relay, json_out=False)
        except AssertionError as refusal:
            return str(refusal)
    tap("but for an import", "name one of them" in imports(), imports())
    imports("--relay", "example.com/127.0.0.1:%d" % old.port)
    rows = [row["recipient"] for row in queueing.ctl("recipients", "list", "zoe@example.com")]
    tap("which is for one of them", sorted(row["known"] for row in rows) == ["good", "unknown"], rows)
    queueing.ctl("recipients", "forget", "zoe@example.com")
    rows = [row["recipient"] for row in queueing.ctl("recipients", "list", "zoe@example.com")]
    tap("and is forgotten by its address", [row["known"] for row in rows] == ["unknown"] * 2, rows)
    hops = [row["next-hop"] for row in online.ctl("status", "--long") if "next-hop" in row]
    tap("status shows both, and each by itself", sorted(hop["destination"] for hop in hops) == sorted(
        "relay:example.com/127.0.0.1:%d" % server.port for server in (new, old)), hops)


def moves(tap):
    """A mailbox moves while mail for it flows"""
    troubles, n = [], 60

    def flow(relay, name):
        for i in range(n):
            try:
                send(relay, "%s.%d" % (name, i), "mover")
            except Exception as trouble:
                troubles.append((name, i, trouble))
            time.sleep(0.03)

    flows = [threading.Thread(target=flow, args=(online, "on")), threading.Thread(target=flow, args=(queueing, "qu"))]
    for thread in flows:
        thread.start()
    time.sleep(0.8)
    new.has.add("mover")
    time.sleep(0.3)
    old.has.remove("mover")
    for thread in flows:
        thread.join()
    tap("no client was refused", troubles == [], troubles)
    wanted = sorted("%s.%d" % (name, i) for name in ("on", "qu") for i in range(n))

    def got():
        return sorted(s for server in (new, old) for s in server.subjects() if s[:3] in ("on.", "qu."))
    world.wait_for("all arrive", lambda: len(got()) >= len(wanted), 60)
    order = [server.name for i in range(n) for server in (new, old) if "on.%d" % i in server.subjects()]
    tap("online: none to the old one from the moment that the new one has it", order == sorted(order, reverse=True), order)
    tap("each mail came once, some to either", got() == wanted and all(any(s.startswith(name) for s in server.subjects()) for name in ("on.", "qu.")
        for server in (new, old)), len(got()))
    tap("the last ones at the new server", {"on.%d" % (n - 1), "qu.%d" % (n - 1)} <= set(new.subjects()))


def down(tap, server, other, here, there):
    """One of the servers is down."""
    server.stop()
    for relay in online, queueing:
        mode = relay.directory.rsplit("/", 1)[1]
        for local in here, there:
            send(relay, "%s-%s-while-%s-is-down" % (mode, local, server.name), local)
        arrive(other, "%s-%s-while-%s-is-down" % (mode, there, server.name))
        reply = asked(relay, "stranger")
        tap("%s without %s: the other one's mail goes on, and who is unknown is to come again" % (mode, server.name), reply.startswith("451 4.4.1"), reply)
    queueing.kill()
    queueing.start()
    send(queueing, "after-the-crash-while-%s-is-down" % server.name, there)
    arrive(other, "after-the-crash-while-%s-is-down" % server.name)
    tap("without %s: its mail waits, over a crash too" % server.name, (online.queue_size(), queueing.queue_size()) == (1, 1),
        (online.queue_size(), queueing.queue_size()))
    server.start()
    arrive(server, *["%s-%s-while-%s-is-down" % (mode, here, server.name) for mode in ("online", "queueing")], seconds=60)
    world.wait_for("nothing waits", lambda: online.queue_size() + queueing.queue_size() == 0)
    subjects = [s for each in (new, old) for s in each.subjects() if s.endswith("while-%s-is-down" % server.name)]
    tap("with %s again: each came once" % server.name, len(subjects) == len(set(subjects)) == 5, subjects)


def new_is_down(tap):
    """The new server is down"""
    down(tap, new, old, "anna", "otto")


def old_is_down(tap):
    """The old server is down"""
    down(tap, old, new, "otto", "anna")


def moved_meanwhile(tap):
    """A mailbox moves while its server is down and its mail waits"""
    old.stop()
    send(queueing, "found-at-the-new-one", "walker")
    time.sleep(1)
    tap("it waits", queueing.queue_size() == 1 and new.n("found-at-the-new-one") == 0)
    new.has.add("walker")
    old.has.remove("walker")
    old.start()
    arrive(new, "found-at-the-new-one", seconds=60)
    world.wait_for("nothing waits", lambda: queueing.queue_size() == 0)
    tap("it is at the new one, and nobody got a report", new.n("found-at-the-new-one") == 1 and " failed " not in queueing.log_text())
    mail_id = re.findall(r"delivered id=(\S+) to=walker@example.com", queueing.log_text())[-1]
    trace = queueing.ctl("trace", mail_id, json_out=False)
    tap("the trace tells the way", re.search("delivered to walker@example.com by 127.0.0.1:%d" % new.port, trace), trace)


def loop(tap):
    """The old server sends on to us what it has not"""
    relay_port = world.free_port()
    looping = world.Postfix("looping", extra="virtual_mailbox_domains =\nrelay_domains = example.com\nrelay_recipient_maps =\n"
                            "transport_maps = inline:{ example.com=smtp:[127.0.0.1]:%d }\nsmtp_dns_support_level = disabled" % relay_port)
    relay = world.Relay('"127.0.0.1:%d", "127.0.0.1:%d"' % (new.port, looping.port), name="loop",
                        relay_extra="next-hop-by-recipient = yes\n    mode = queue\n    verify-recipients = no", listen_extra="max-hops = 12")
    with open(relay.config) as text:
        written = text.read()
    with open(relay.config, "w") as text:
        text.write(written.replace("127.0.0.1:%d\" }\n    max-hops" % relay.port, "127.0.0.1:%d\" }\n    max-hops" % relay_port))
    relay.port = relay_port
    looping.start()
    relay.start()
    world.send(relay.port, world.message("around"), recipients=["stranger@example.com"])
    world.wait_for("it ends", lambda: "too many hops" in relay.log_text() or "5.4.6" in relay.log_text() + looping.log_text(), 60)
    world.wait_for("nothing waits", lambda: relay.queue_size() == 0)
    tap("max-hops ends it", True)


if __name__ == "__main__":
    wanted = sys.argv[1:]
    world.Tap().run(setup, *(scenario for scenario in (each_its_own, one_transaction, sent_by_postfix, known, moves, new_is_down, old_is_down,
                                                       moved_meanwhile, loop) if not wanted or scenario.__name__ in wanted))
