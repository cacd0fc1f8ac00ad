#!/usr/bin/python3
"""The pieces of conf/postfix, each as it stands there, in a real Postfix.

The test has a network, an /etc and a /run of its own: addresses, ports and paths are those that stand in the pieces.
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
SECRET = "a secret that is long enough"
ZONE = """
far.example MX 10 mx.far.example
other.example MX 10 mx.far.example
mx.far.example A %s
""" % FAR

far = zone = None


def own_machine():
    if ctypes.CDLL(None, use_errno=True).unshare(0x40020000) != 0:      # CLONE_NEWNET | CLONE_NEWNS
        raise SystemExit("unshare: %s (to be run as root)" % os.strerror(ctypes.get_errno()))
    etc = world.WORK + "/own-etc"
    commands = ["mount --make-rprivate /", "ip link set lo up"] + ["ip address add %s/32 dev lo" % a for a in (CLIENT, HERE, FAR)]
    for command in commands + ["cp -a /etc " + etc, "mount --bind %s /etc" % etc, "mount -t tmpfs tmpfs /run"]:
        subprocess.run(command.split(), check=True)
    os.makedirs("/etc/smtpfwd", exist_ok=True)
    for path, text in (("/etc/smtpfwd/srs.secret", SECRET + "\n"), ("/etc/resolv.conf.new", "nameserver 127.0.0.1\n")):
        with open(path, "w") as out:
            out.write(text)
        os.chmod(path, 0o640 if "secret" in path else 0o644)
    os.rename("/etc/resolv.conf.new", "/etc/resolv.conf")


def piece(name):
    with open(os.path.join(PIECES, name)) as text:
        return text.read()


class Piecemeal(world.Postfix):
    """A Postfix with pieces at the end of its files."""

    def __init__(self, name, pieces, extra=""):
        super().__init__(name, extra="mynetworks = 127.0.0.0/8\n" + extra)
        self.at = (HERE, world.free_port())         # for those who are no neighbours
        with open(self.etc + "/master.cf", "a") as out:
            out.write("%s:%d inet n - n - - smtpd\n" % self.at)
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


class Milter:
    """smtpfwd-milter with a piece as its configuration, and what only a test has to say."""

    def __init__(self, part, more=""):
        self.name = part.split(".")[0]
        self.directory = os.path.join(world.WORK, self.name + "-milter")
        os.makedirs(self.directory)
        self.config, self.log = self.directory + "/smtpfwd.conf", self.directory + "/log"
        with open(self.config, "w") as out:
            out.write('user = "root"\n%s\n%s\ninclude("%s")\n' % (zone.section(), more, os.path.join(PIECES, part)))
        world.ENDERS.append(self.stop)
        self.process = None

    def start(self):
        n_before = self.log_text().count(" started ") if self.process else 0
        self.process = subprocess.Popen([world.BUILD + "/milter/smtpfwd-milter", "-f", "-c", self.config], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=open(self.log, "a"))
        world.wait_for("the milter starts", lambda: self.alive() and self.log_text().count(" started ") > n_before)
        return self

    def alive(self):
        if self.process.poll() is not None:
            raise AssertionError("smtpfwd-milter ended with %s: %s" % (self.process.returncode, self.log_text()[-3000:]))
        return True

    log_text = world.Daemon.log_text

    def ctl(self, *words):
        return subprocess.run([world.BUILD + "/smtpfwd/smtpfwdctl", "-c", self.config, "--milter", *words], capture_output=True, text=True,
                              timeout=60, check=True).stdout

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)
        return self.process.returncode if self.process else None


def setup(tap):
    """A name server starts"""
    global zone
    zone = names.Names(ZONE, port=53)
    tap("it is up", True)


def others(tap):
    """The server of others starts, now that nobody has port 25 of all addresses"""
    global far
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=far.example",
                    "-keyout", world.WORK + "/key.pem", "-out", world.WORK + "/cert.pem"], check=True, capture_output=True)
    far = world.Postfix("far", extra="virtual_mailbox_domains = far.example, other.example, example.org, partner.example\n"
                        "virtual_mailbox_maps = regexp:{ { !/^nobody@/ inbox/ } }\nsmtpd_tls_security_level = may\n"
                        "smtpd_tls_cert_file = %(w)s/cert.pem\nsmtpd_tls_key_file = %(w)s/key.pem\n" % {"w": world.WORK})
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
    behind = Piecemeal("front", ["front.master.cf"], extra="virtual_mailbox_maps = inline:{ bob@example.com=inbox/ }\n").start()
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
    sender = Piecemeal("behind", ["behind.main.cf", "behind.master.cf"]).start()
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


def postmap(server, key, table):
    done = subprocess.run(["postmap", "-c", server.etc, "-q", key, table], capture_output=True, text=True, timeout=60)
    return done.stdout.strip() or done.stderr.strip()


def transport(tap):
    """Postfix asks where mail goes"""
    milter = Milter("transport.smtpfwd.conf").start()
    asking = Piecemeal("transport", ["transport.main.cf", "transport.master.cf"], extra="address_verify_poll_delay = 1s\n").start()
    ask = lambda key, table="transport": postmap(asking, key, "socketmap:inet:127.0.0.1:8892:" + table)
    tap("postmap: a relay's domain, and one below it", ask("bob@example.org") == ask("bob@a.example.org") ==
        "relay:[198.51.100.25]:25, [mail.new.example.net]:25", ask("bob@example.org"))
    tap("postmap: a transport of master.cf", ask("bob@partner.example") == "partner:[198.51.100.25]:25", ask("bob@partner.example"))
    tap("postmap: others are not found", ask("bob@example.com") == "" and ask("*") == "", ask("bob@example.com"))
    tap("postmap: whose a domain is", ask("example.org", "relay-domains") == "moved" and ask("example.com", "relay-domains") == "")
    tap("postmap: no such table", "permanent error: there is no such table" in ask("x", "transports"), ask("x", "transports"))

    at = asking.at
    said = say("transport-one", recipients=("bob@example.org", "nobody@example.org", "bob@far.example"), at=at)
    tap("a mailbox of a relay's domain is taken, an unknown one and a stranger's are not",
        [answer[:3] for answer in said] == ["250", "450", "554", "250"] and "User unknown" in said[1], said)
    arrived(far, "transport-one")
    tap("it went to the relay's next hop", re.search(r"postfix/smtp\S* .*to=<bob@example\.org>.*relay=198\.51\.100\.25\[198\.51\.100\.25\]:25", asking.log_text()),
        asking.log_text())
    say("transport-two", recipients=("bob@partner.example",), at=at)
    arrived(far, "transport-two")
    tap("that of another relay by its own", re.search(r"postfix/partner/smtp\S* .*to=<bob@partner\.example>.*status=sent", asking.log_text()), asking.log_text())
    say("transport-three", at=at)
    tap("Postfix's own domain stays its own", "for <bob@example.com>" in arrived(asking, "transport-three"))

    with open(milter.config, "a") as out:
        out.write('relay "more" { domains = { "far.example" }  next-hop = { "198.51.100.25" } }\n')
    milter.ctl("reload")
    tap("a reload is heard at once, on open connections too", ask("bob@far.example") == "relay:[198.51.100.25]:25", ask("bob@far.example"))
    milter.process.kill()
    milter.process.wait()
    said = say("transport-four", recipients=("dave@example.org",), at=at)
    tap("without smtpfwd-milter mail is deferred", said[0].startswith("451 4.3.0"), said)
    milter.start()
    # An smtpd remembers for some seconds what it could not look up.
    taken = world.wait_for("it is taken", lambda: say("transport-five", recipients=("dave@example.org",), at=at)[0].startswith("250"))
    tap("and is taken when it is back", taken)
    tap("the milter ends with status 0", milter.stop() == 0, milter.log_text())
    asking.stop()


own_machine()
world.Tap().run(setup, front, others, behind, transport)
