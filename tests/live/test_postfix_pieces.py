#!/usr/bin/python3
"""The pieces of conf/postfix, each as it stands there, in a real Postfix.

The test has a network, an /etc and a /run of its own: addresses, ports and paths are those that stand in the pieces.
"""
import ctypes
import grp
import os
import re
import smtplib
import subprocess

import names
import witnesses
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

    def __init__(self, name, pieces, extra="", last=""):
        super().__init__(name, extra="mynetworks = 127.0.0.0/8\n" + extra)
        self.at = (HERE, world.free_port())         # for those who are no neighbours
        with open(self.etc + "/master.cf", "a") as out:
            out.write("%s:%d inet n - n - - smtpd\n" % self.at)
        for part in pieces:
            into = part.split(".", 1)[1]
            with open("%s/%s" % (self.etc, part if into == "regexp" else into), "a") as out:
                out.write(piece(part))
        with open(self.etc + "/main.cf", "a") as out:
            out.write(last)


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

    def __init__(self, part, name=None):
        self.directory = os.path.join(world.WORK, name or part.split(".")[0] + "-milter")
        os.makedirs(self.directory)
        self.config, self.log = self.directory + "/smtpfwd.conf", self.directory + "/log"
        with open(self.config, "w") as out:
            out.write('user = "root"\n%s\ninclude("%s")\n' % (zone.section(), os.path.join(PIECES, part)))
        world.ENDERS.append(self.kill)
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

    def kill(self):
        """At once: libmilter's end takes seconds."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def stop(self):
        self.process.terminate()
        return self.process.wait(30)


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
    tap("postmap: a class's route, behind the relays", ask("bob@far.example", "transport/list") == "smtp:[out.example.net]:25"
        and ask("bob@partner.example", "transport/list") == ask("bob@partner.example"), ask("bob@far.example", "transport/list"))
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
    milter.kill()
    said = say("transport-four", recipients=("dave@example.org",), at=at)
    tap("without smtpfwd-milter mail is deferred", said[0].startswith("451 4.3.0"), said)
    milter.start()
    # An smtpd remembers for some seconds what it could not look up.
    taken = world.wait_for("it is taken", lambda: say("transport-five", recipients=("dave@example.org",), at=at)[0].startswith("250"))
    tap("and is taken when it is back", taken)
    tap("the milter ends with status 0", milter.stop() == 0, milter.log_text())
    asking.stop()


def unix_socket(tap):
    """The same by a unix socket of Postfix's group"""
    path = "/run/smtpfwd-maps/socketmap"
    milter = Milter("transport.smtpfwd.conf", name="unix-milter")
    with open(milter.config, "w") as out:
        out.write('user = "root"\n' + zone.section() + piece("transport.smtpfwd.conf").replace('"inet:127.0.0.1:8892"', '"unix:%s"\n    group = "postfix"' % path))
    milter.start()
    ask = lambda who: subprocess.run(["postmap", "-q", "example.org", "socketmap:unix:%s:relay-domains" % path], user=who, group=who, extra_groups=[],
                                     capture_output=True, text=True, timeout=60).stdout.strip()
    status = os.stat(path)
    tap("who is in the group may ask, and nobody else", status.st_mode & 0o777 == 0o660 and status.st_gid == grp.getgrnam("postfix").gr_gid
        and ask("postfix") == "moved" and ask("uucp") == "", status)
    milter.kill()
    milter.start()
    tap("a socket left over is in nobody's way", ask("postfix") == "moved")
    milter.kill()


def after_filter(tap):
    """What comes back from a content filter does not go round again"""
    hop, milter = world.NextHop(), witnesses.Milter()
    filtered = Piecemeal("filtered", ["after-filter.master.cf"], extra="""
content_filter = smtp:[127.0.0.1]:%d
smtpd_milters = inet:127.0.0.1:%d
header_checks = regexp:{ { /^Subject:/ PREPEND X-Seen: once } }
virtual_alias_maps = inline:{ { bob@example.com = carol@example.com } }
""" % (hop.port, milter.port)).start()
    for subject in ("filter-one", "filter-two"):
        say(subject, at=filtered.at)
    world.wait_for("the filter has both", lambda: len(hop.mails) == 2)
    for sender, recipients, data in hop.mails:
        with smtplib.SMTP("127.0.0.1", 10026, timeout=30) as session:
            session.sendmail(sender, recipients, data)
    texts = [arrived(filtered, subject) for subject in ("filter-one", "filter-two")]
    tap("milter, filter and header_checks have each mail once", len(milter.told) == 2 and len(hop.mails) == 2
        and all(text.count("\nX-Seen: once\n") == 1 for text in texts), (milter.told, texts))
    tap("aliases, too", all("for <carol@example.com>" in text for text in texts) and len(filtered.mails()) == 2, texts)
    answer = say("filter-outside", at=("127.0.0.1", 10026))
    tap("its door is for neighbours", answer[0].startswith("554 5.7.1"), answer)
    filtered.stop()


TRUSTED = [("list", "news-bounces@lists.example.com"), ("application", "order@shop.example.com"), ("local", "dave@example.com")]


def by_class(tap):
    """Mail goes a way by its class"""
    milter = Milter("class.smtpfwd.conf").start()
    asking = Piecemeal("class", ["class.main.cf", "class.master.cf", "class.regexp"]).start()
    at = ("127.0.0.1", asking.port)
    for name, sender in TRUSTED:
        say("class-" + name, sender=sender, recipients=("bob@far.example", "carol@other.example"), at=at, source="127.0.0.1")
        say("class-home-" + name, sender=sender, at=at, source="127.0.0.1")
    helo = {"list": "lists.example.com", "application": "shop.example.com", "local": "class.example.net"}
    for name, sender in TRUSTED:
        text = arrived(far, "class-" + name)
        tap("%s goes out its own way" % name, "\nReceived: from %s (" % helo[name] in text
            and "\nX-Traffic-Class: %s; direction=outbound; by=" % name in text, text)
        tap("and internal mail of it stays at home", "for <bob@example.com>" in arrived(asking, "class-home-" + name))
    for transport_name in ("list", "application"):
        tap("%s: both recipients by its transport" % transport_name, len(re.findall(r"postfix/%s/smtp\S* .*status=sent" % transport_name, asking.log_text())) == 2,
            asking.log_text())
    forged = world.message("class-forged", sender="news-bounces@lists.example.com").replace(
        b"Subject:", b"X-Traffic-Class: list; direction=outbound; by=sender\r\nList-Id: <news.lists.example.com>\r\nSubject:")
    with smtplib.SMTP(*asking.at, source_address=(CLIENT, 0)) as session:
        session.sendmail("news-bounces@lists.example.com", ["bob@example.com"], forged)
    text = arrived(asking, "class-forged")
    tap("a stranger's field counts nothing, and is gone", re.findall(r"(?m)^X-Traffic-Class: (.*)", text) == ["incoming; direction=inbound; by=outsider"], text)
    subprocess.run(["sendmail", "-C", asking.etc, "-f", "order@shop.example.com", "bob@far.example"], check=True,
                   input=world.message("class-sendmail", sender="order@shop.example.com", recipient="bob@far.example"))
    text = arrived(far, "class-sendmail")
    tap("mail by sendmail(1) goes by its class, too", "\nReceived: from shop.example.com (" in text, text)
    milter.kill()
    asking.stop()


def sorted_by_smtpfwd(tap):
    """Mail of a class by way of smtpfwd, with recipients at home too"""
    milter = Milter("sorted.smtpfwd.conf").start()
    asking = Piecemeal("sorted", ["class.main.cf", "class.regexp", "after-filter.master.cf", "sorted.regexp"],
                       last="milter_header_checks = regexp:$config_directory/sorted.regexp\n").start()
    relay = Relay("sorted-relay", "sorted.smtpfwd.conf", 10588).start()
    at = ("127.0.0.1", asking.port)
    for name, sender in TRUSTED:
        said = say("sorted-" + name, sender=sender, recipients=("bob@far.example", "bob@example.com"), at=at, source="127.0.0.1")
    for name, sender in TRUSTED:
        away, home = arrived(far, "sorted-" + name), arrived(asking, "sorted-" + name)
        by_us = [("by out.example.com" in text) for text in (away, home)]
        tap("%s: one out, one home, once each%s" % (name, "" if name == "local" else ", by smtpfwd"), by_us == [name != "local"] * 2
            and len(stored(far, "sorted-" + name)) == len(stored(asking, "sorted-" + name)) == 1, away + home)
        tap("%s: no field is there twice" % name, away.count("\nX-Traffic-Class: %s; direction=outbound;" % name) == 1
            and home.count("\nX-Traffic-Class:") == 1, away + home)
    tap("nothing bounced", " from=<>," not in asking.log_text() and relay.queue_size() == 0, asking.log_text())
    tap("the relay ends with status 0", relay.stop() == 0, relay.log_text()[-1500:])
    milter.kill()
    asking.stop()


def by_sender(tap):
    """Mail goes a way by its envelope sender, which the milter changes; a report to an SRS address goes back"""
    milter = Milter("srs.smtpfwd.conf").start()
    asking = Piecemeal("sender", ["srs.main.cf", "sender.main.cf", "sender.master.cf"],
                       extra="virtual_alias_maps = inline:{ { bob@alumni.example.com = bob@far.example } }\n").start()
    say("sender-forwarded", sender="alice@other.example", recipients=("bob@alumni.example.com",), at=asking.at)
    text = arrived(far, "sender-forwarded")
    path = re.search(r"(?m)^Return-Path: <(.*)>$", text).group(1)
    tap("what is forwarded has an SRS address", re.fullmatch(r"SRS0=.*=other\.example=alice@fwd\.example\.com", path), text)
    tap("and goes out by its transport", "\nReceived: from fwd.example.com (" in text, text)
    srs = lambda secret, call, *words: subprocess.run(["perl", "-MMail::SRS", "-e", "print Mail::SRS->new(Secret => shift)->%s(@ARGV)" % call,
                                                       secret, *words], capture_output=True, text=True, check=True).stdout
    tap("Mail::SRS undoes it", srs(SECRET, "reverse", path) == "alice@other.example")
    others = srs("some other secret", "forward", "alice@far.example", "fwd.example.com")
    said = say("sender-report", sender="", recipients=(path, others, "SRS0=x@fwd.example.com", "bob@fwd.example.com"), at=asking.at)
    tap("at RCPT only what we made is somebody", [answer[:9] for answer in said[:4]] == ["250 2.1.5"] + 3 * ["550 5.1.1"], said)
    tap("and the report goes back to the sender", "for <alice@other.example>" in arrived(far, "sender-report"), said)
    made = srs(SECRET, "forward", "dave@far.example", "fwd.example.com")
    tap("postmap: what Mail::SRS made with our secret is undone", postmap(asking, made, "socketmap:inet:127.0.0.1:8892:srs") == "dave@far.example", made)
    say("sender-list", sender="news-bob=far.example@lists.example.com", recipients=("bob@far.example",), at=("127.0.0.1", asking.port), source="127.0.0.1")
    say("sender-other", sender="dave@example.com", recipients=("bob@far.example",), at=("127.0.0.1", asking.port), source="127.0.0.1")
    for subject, helo in (("sender-list", "lists.example.com"), ("sender-other", "sender.example.net")):
        text = arrived(far, subject)
        tap("%s goes out as %s" % (subject, helo), "\nReceived: from %s (" % helo in text and "SRS" not in text, text)
    milter.kill()
    asking.stop()


def rates(tap):
    """Postfix asks for limits of rate"""
    milter = Milter("rates.smtpfwd.conf").start()
    asking = Piecemeal("rates", ["rates.main.cf"], extra="smtpd_authorized_xclient_hosts = 127.0.0.1\nsmtpd_client_event_limit_exceptions =\n").start()
    message = world.message("rates")
    with smtplib.SMTP(*asking.at, source_address=(CLIENT, 0), timeout=30) as session:
        for _ in range(60):
            session.sendmail("alice@far.example", ["bob@example.com"], message)
        session.mail("alice@far.example")
        unknown, beyond = session.rcpt("nobody@far.example"), session.rcpt("bob@example.com")
    tap("a client has sixty mails, then 450 at RCPT", beyond[0] == 450 and b"4.7.1" in beyond[1] and b"Limit of class incoming: 60 messages/10m per client" in
        beyond[1], beyond)
    tap("what Postfix refuses itself it does not ask for", unknown[0] == 554, unknown)
    said = say("rates-other", at=asking.at, source=FAR)
    tap("another client goes on", said[-1].startswith("250"), said)

    def by_login(name, source="192.0.2.99"):
        client = world.Client(asking.port)
        client.say("XCLIENT ADDR=%s LOGIN=%s" % (source, name))
        client.say("EHLO client.example.org")
        return client
    shop = by_login("shop")
    replies = [shop.mail(message) for _ in range(21)]
    tap("who has logged in has twenty, from wherever he comes", all(r.startswith("250") for r in replies[:20]) and replies[20].startswith("450")
        and by_login("shop", "192.0.2.100").mail(message).startswith("450") and by_login("desk").mail(message).startswith("250"), replies[18:])
    line = [line for line in milter.log_text().splitlines() if " rate-limited " in line]
    tap("the log says it once for each", len(line) == 2 and " client=%s " % CLIENT in line[0] and " login=shop " in line[1], line)
    status = milter.ctl("status")
    tap("and so does the status, of all questions", re.search(r"(?m)^policy-service: [1-9]\d* connections; since start 1[6-9]\d questions answered$", status), status)
    milter.kill()
    said = say("rates-down", at=asking.at)
    tap("without smtpfwd-milter nobody is limited", said[-1].startswith("250"), said)
    asking.stop()


own_machine()
world.Tap().run(setup, front, others, behind, transport, unix_socket, after_filter, by_class, sorted_by_smtpfwd, by_sender, rates)
