#!/usr/bin/python3
"""The pieces of conf/postfix, each as it stands there, in a real Postfix.

The test has a network of its own: loopback only, with the addresses that the pieces and the world around them have.
"""
import ctypes
import os
import re
import smtplib
import subprocess

import names
import world

PIECES = os.path.join(world.TOP, "conf/postfix")
CLIENT, HERE, FAR = "192.0.2.77", "203.0.113.9", "198.51.100.25"
ZONE = """
far.example MX 10 mx.far.example
other.example MX 10 mx.far.example
mx.far.example A %s
""" % FAR

far = zone = None


def own_network():
    if ctypes.CDLL(None, use_errno=True).unshare(0x40020000) != 0:      # CLONE_NEWNET | CLONE_NEWNS
        raise SystemExit("unshare: %s (to be run as root)" % os.strerror(ctypes.get_errno()))
    for command in ["mount --make-rprivate /", "ip link set lo up"] + ["ip address add %s/32 dev lo" % a for a in (CLIENT, HERE, FAR)]:
        subprocess.run(command.split(), check=True)


def piece(name):
    with open(os.path.join(PIECES, name)) as text:
        return text.read()


class Piecemeal(world.Postfix):
    """A Postfix with pieces at the end of its files."""

    def __init__(self, name, pieces, extra="", **options):
        super().__init__(name, extra=extra, **options)
        for part in pieces:
            with open("%s/%s" % (self.etc, part.split(".", 1)[1]), "a") as out:
                out.write(piece(part))


class Relay(world.Daemon):
    """smtpfwd with a piece as its configuration, and what only a test has to say."""

    def __init__(self, name, part, port):
        super().__init__()
        self.port = port
        self.directory = os.path.join(world.WORK, name)
        os.makedirs(self.directory)
        self.config, self.log = self.directory + "/smtpfwd.conf", self.directory + "/log"
        with open(self.config, "w") as out:
            out.write('spool = "%s/spool"\ncontrol = "%s/control"\nuser = "root"\n%s\ninclude("%s")\n'
                      % (self.directory, self.directory, zone.section(), os.path.join(PIECES, part)))

    ctl = world.Relay.ctl
    queue_size = world.Relay.queue_size


def setup(tap):
    """A name server starts"""
    global zone
    zone = names.Names(ZONE)
    tap("it is up", True)


def others(tap):
    """The server of others starts, now that nobody has port 25 of all addresses"""
    global far
    far = world.Postfix("far", extra="virtual_mailbox_domains = far.example, other.example\n")
    with open(far.etc + "/master.cf", "a") as out:
        out.write("%s:25 inet n - n - - smtpd\n" % FAR)
    far.start()
    tap("it is up", True)


def stored(server, subject):
    return [m.decode(errors="replace") for m in server.mails() if b"\nSubject: %s\n" % subject.encode() in m]


def arrived(server, subject):
    return world.wait_for(subject + " arrives", lambda: stored(server, subject))[0]


def say(subject, sender="alice@far.example", recipients=("bob@example.com",), at=(HERE, 25), source=CLIENT):
    """The answers to each recipient and to the mail."""
    with smtplib.SMTP(*at, local_hostname="client.example.org", timeout=30, source_address=(source, 0)) as session:
        session.ehlo()
        session.mail(sender)
        answers = [session.rcpt(recipient) for recipient in recipients]
        if any(code == 250 for code, _ in answers):
            answers.append(session.data(world.message(subject, sender=sender, recipient=recipients[0])))
        else:
            session.rset()
        return ["%d %s" % (code, text.decode()) for code, text in answers]


def front(tap):
    """smtpfwd in front of Postfix"""
    behind = Piecemeal("front", ["front.master.cf"], extra="virtual_mailbox_maps = inline:{ bob@example.com=inbox/ }\nmynetworks = 127.0.0.0/8\n").start()
    relay = Relay("front-relay", "front.smtpfwd.conf", 25).start()
    said = say("front-one", recipients=("bob@example.com", "nobody@example.com", "bob@far.example"))
    text = arrived(behind, "front-one")
    tap("a mailbox is taken, with Postfix's own answer", said[0].startswith("250") and "queued as" in said[3], said)
    tap("an unknown one is refused by Postfix, while the client waits", said[1].startswith("550 5.1.1") and "User unknown" in said[1], said)
    tap("mail for others is refused", said[2].startswith("550 5.7.1"), said)
    tap("Postfix sees the client", "postfix/front/smtpd" in behind.log_text() and "client=unknown[%s]" % CLIENT in behind.log_text(), behind.log_text())
    tap("and the checks are in the mail", "Authentication-Results: mail.example.com;" in text, text)
    tap("nothing is in our queue", relay.queue_size() == 0)
    said = say("front-open", recipients=("bob@far.example",), at=("127.0.0.1", 10025), source="127.0.0.1")
    tap("its door relays for nobody", said[0].startswith("554 5.7.1"), said)
    behind.stop()
    world.wait_for("it is down", lambda: not world.is_open(10025))
    said = say("front-two")
    tap("who was a mailbox before is one while Postfix is stopped", said[-1].startswith("250"), said)
    behind.start()
    relay.ctl("queue", "retry", "--all")
    tap("and the mail comes when it is back", "for <bob@example.com>" in arrived(behind, "front-two"))
    tap("the relay ends with status 0", relay.stop() == 0, relay.log_text()[-1500:])
    behind.stop()


def behind(tap):
    """smtpfwd behind Postfix"""
    sender = Piecemeal("behind", ["behind.main.cf", "behind.master.cf"], extra="mynetworks = 127.0.0.0/8\n").start()
    relay = Relay("behind-relay", "behind.smtpfwd.conf", 10587).start()
    at = ("127.0.0.1", sender.port)
    for subject, who in (("behind-app", "shop@example.com"), ("behind-list", "news-bounces@lists.example.com"), ("behind-null", "")):
        say(subject, sender=who, recipients=("bob@far.example", "carol@other.example"), at=at, source="127.0.0.1")
    say("behind-local", recipients=("bob@example.com",), at=at, source="127.0.0.1")
    for subject, want in (("behind-app", "application"), ("behind-list", "list"), ("behind-null", "application")):
        world.wait_for("both copies of " + subject, lambda: len(stored(far, subject)) == 2)
        text = stored(far, subject)[0]
        tap("%s goes as %s" % (subject, want), "\nX-Traffic-Class: %s; direction=outbound; by=listener\n" % want in text
            and "by out.example.com" in text, text)
    text = arrived(sender, "behind-local")
    tap("what Postfix delivers itself does not go round", "out.example.com" not in text and "X-Traffic-Class" not in text, text)
    log = sender.log_text()
    tap("each by a transport of its own", re.search(r"postfix/list/smtp\S* .*relay=127\.0\.0\.1\[127\.0\.0\.1\]:10588", log)
        and re.search(r"postfix/application/smtp\S* .*relay=127\.0\.0\.1\[127\.0\.0\.1\]:10587", log), log)
    tap("two recipients are one mail on the way to us", " from=news-bounces@lists.example.com rcpts=2 " in relay.log_text(), relay.log_text())
    tap("the relay ends with status 0", relay.stop() == 0, relay.log_text()[-1500:])
    sender.stop()


own_network()
world.Tap().run(setup, front, others, behind)
