#!/usr/bin/python3
"""Real mail between programs that we did not write: Postfix sends, smtpfwd relays, Postfix or Exim is the new server."""
import re
import subprocess

import world

new = world.Postfix("new")
relay = None
sender = None


def setup(tap):
    """Postfix, smtpfwd, Postfix start"""
    global relay, sender
    new.start()
    relay = world.Relay('"127.0.0.1:%d"' % new.port, relay_extra="mode = online").start()
    sender = world.Postfix("sender", relay_to=relay.port,
                           extra="smtp_tls_security_level = encrypt\nsmtp_tls_loglevel = 1\n").start()
    tap("a sending Postfix, smtpfwd and a receiving Postfix are up", True)


def stored(mails, subject):
    return [m for m in mails if (b"Subject: %s" % subject.encode()) in m]


def through(tap):
    """A mail goes through, by TLS, unharmed"""
    body = "".join("line %d .dot\r\n.leading dot\r\n..two\r\n" % i for i in range(400)) + "\u00fc 8-bit\r\n"
    data = world.message("through", body=body).replace(b"Message-ID", b"MIME-Version: 1.0\r\nContent-Type: text/plain;"
                         b" charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\nMessage-ID")
    world.send(sender.port, data, mail_options=["BODY=8BITMIME"])
    world.wait_for("the mail arrives", lambda: stored(new.mails(), "through"))
    got = stored(new.mails(), "through")[0]
    want_body = body.encode().replace(b"\r\n", b"\n")
    tap("its body is the same byte for byte", got.split(b"\n\n", 1)[1] == want_body, got[-500:])
    received = re.findall(rb"(?m)^Received: (?:.*\n(?:[ \t].*\n)*)", got)
    ours = [r for r in received if b"by old.example.com" in r]
    tap("our Received field stands between theirs", len(received) == 3 and received.index(ours[0]) == 1, received)
    tap("it names the client, ESMTPS, our id and the one recipient",
        all(part in ours[0] for part in (b"127.0.0.1", b"with ESMTPS", b"\tid ", b"for <bob@example.com>")), ours[0])
    tap("Postfix saw an anonymous or verified TLS connection to us",
        "TLS connection established to 127.0.0.1" in sender.log_text(), sender.log_text())
    world.wait_for("the queue is empty", lambda: relay.queue_size() == 0)
    tap("and smtpfwd's queue is empty", relay.queue_size() == 0)


def many(tap):
    """Some hundred mails of many sizes arrive, each once"""
    n = 300
    for i in range(n):
        world.send(sender.port, world.message("many.%d." % i, body="x" * 70 + "\r\n" if i % 50 else ("y" * 998 + "\r\n") * 2000))
    world.wait_for("all arrive", lambda: len(stored(new.mails(), "many.")) >= n, 120)
    got = stored(new.mails(), "many.")
    subjects = sorted(re.search(rb"Subject: (many\.\d+)\.", m).group(1) for m in got)
    tap("%d mails, each exactly once" % n, len(subjects) == n == len(set(subjects)), len(subjects))
    large = [m for m in got if len(m) > 1500000]
    tap("the large ones whole", len(large) == n // 50 and all(m.count(b"y" * 998) == 2000 for m in large), len(large))


def down_and_up(tap):
    """The new server goes away and comes back"""
    new.stop()
    world.wait_for("it is down", lambda: not world.is_open(new.port))
    n = 200
    for i in range(n):
        world.send(relay.port, world.message("waiting.%d." % i))
    tap("what comes in meanwhile is queued", relay.queue_size() == n, relay.queue_size())
    listed = relay.ctl("queue", "list")
    tap("and shown with its recipient and why it waits",
        len([r for r in listed if "bob@example.com" in str(r)]) == n and "refused" in str(listed), listed[:2])
    new.start()
    world.wait_for("the queue drains", lambda: relay.queue_size() == 0, 60)
    world.wait_for("all arrive", lambda: len(stored(new.mails(), "waiting.")) >= n)
    tap("when it is back all arrive, each once", len(stored(new.mails(), "waiting.")) == n)
    tap("in few sessions, each with the next mail's envelope behind the end of the one before",
        new.log_text().count(" data=") < n / 2 and "nexthop-one-by-one" not in relay.log_text(), new.log_text()[-3000:])


def refused_and_reported(tap):
    """A recipient that the new server refuses is reported to the sender"""
    new_bounce = world.Postfix("bounce", extra="virtual_mailbox_maps = inline:{ good@example.com=inbox/ }\n").start()
    home = world.Postfix("home", extra="").start()
    other = world.Relay('"127.0.0.1:%d"' % new_bounce.port, domain="example.com", name="other", extra="""
route "out" { next-hop = { "127.0.0.1:%d" } }
outbound = "out"
""" % home.port).start()
    # The sender's own domain is example.com's at the home server: reports go there by the outbound route.
    world.send(other.port, world.message("partial"), sender="alice@example.com",
               recipients=("good@example.com", "bad@example.com"))
    world.wait_for("the good one arrives", lambda: stored(new_bounce.mails(), "partial"))
    tap("the good recipient has the mail", len(stored(new_bounce.mails(), "partial")) == 1)
    world.wait_for("our queue empties", lambda: other.queue_size() == 0, 60)
    # alice@example.com is for the relay domain, whose server refuses her: a report that cannot be delivered ends there.
    tap("a report that is refused makes no further report", "unreported" in other.log_text(), other.log_text())
    world.send(other.port, world.message("to-the-sender"), sender="alice@example.org", recipients=("bad@example.com",))
    world.wait_for("our queue empties", lambda: other.queue_size() == 0, 60)
    # home takes only example.com: give the report a place by asking for it there.
    tap("the failed mail is logged with the new server's words", "bad@example.com" in other.log_text() and
        "5.1.1" in other.log_text(), other.log_text())


def report_arrives(tap):
    """The report reaches the sender's server by the outbound route, and is one that a program understands"""
    refusing = world.Postfix("refusing", extra="virtual_mailbox_maps = inline:{ good@example.com=inbox/ }\n").start()
    home = world.Postfix("senders", extra="virtual_mailbox_domains = example.org\n").start()
    other = world.Relay('"127.0.0.1:%d"' % refusing.port, name="reporting", extra="""
route "out" { next-hop = { "127.0.0.1:%d" } }
outbound = "out"
""" % home.port).start()
    world.send(other.port, world.message("lost"), sender="alice@example.org", recipients=("bad@example.com",),
               mail_options=["RET=HDRS", "ENVID=abc+2B1"], rcpt_options=["NOTIFY=FAILURE", "ORCPT=rfc822;old+2Bbad@example.com"])
    world.wait_for("the report arrives", home.mails, 60)
    import email
    report = email.message_from_bytes(home.mails()[0])
    tap("it is multipart/report, delivery-status", report.get_content_type() == "multipart/report"
        and report.get_param("report-type") == "delivery-status", home.mails()[0])
    parts = report.get_payload()
    status = parts[1].get_payload()
    tap("with the status of the recipient", status[1]["Final-Recipient"].endswith("bad@example.com")
        and status[1]["Action"] == "failed" and status[1]["Status"] == "5.1.1"
        and status[1]["Original-Recipient"] == "rfc822; old+bad@example.com", status[1].as_string())
    tap("and the envelope id", status[0]["Original-Envelope-Id"] == "abc+1", status[0].as_string())
    tap("the third part has the header, not the body", parts[2].get_content_type() == "text/rfc822-headers"
        and "lost" in parts[2].get_payload() and "Hello." not in parts[2].get_payload(), parts[2].as_string())
    raw = home.mails()[0]
    tap("its reverse-path is null", b"Return-Path: <>" in raw, raw[:300])


def exim(tap):
    """Exim as new server, with CHUNKING and DSN"""
    other = world.Exim().start()
    relay_to_exim = world.Relay('"127.0.0.1:%d"' % other.port, name="to-exim").start()
    body = "".join(".%d\r\n" % i for i in range(1000))
    world.send(relay_to_exim.port, world.message("to.exim", body=body))
    world.wait_for("Exim has it", lambda: stored(other.mails(), "to.exim"))
    got = stored(other.mails(), "to.exim")[0]
    tap("Exim has the mail, byte for byte", body.replace("\r\n", "\n").encode() in got, got[-300:])
    world.send(relay_to_exim.port, world.message("two"), recipients=("bob@example.com", "nobody-here@example.com"))
    world.wait_for("the good recipient's arrives", lambda: stored(other.mails(), "two"))
    world.wait_for("the log has the refusal", lambda: "no such mailbox" in relay_to_exim.log_text())
    tap("one bad recipient does not stop the other", "failed" in relay_to_exim.log_text())
    other.stop()
    world.wait_for("it is down", lambda: not world.is_open(other.port))
    n = 100
    for i in range(n):
        world.send(relay_to_exim.port, world.message("waiting.%d." % i))
    other.start()
    world.wait_for("all arrive", lambda: len(stored(other.mails(), "waiting.")) >= n, 60)
    world.wait_for("the queue is empty", lambda: relay_to_exim.queue_size() == 0)
    tap("what waited while it was down arrives, each once", len(stored(other.mails(), "waiting.")) == n)
    tap("and it takes envelopes behind the end of a mail", "nexthop-one-by-one" not in relay_to_exim.log_text(), relay_to_exim.log_text()[-2000:])


def swaks(tap):
    """swaks: STARTTLS, PIPELINING, and no open relay"""
    def run(*words):
        return subprocess.run(["swaks", "--server", "127.0.0.1:%d" % relay.port, "--from", "a@example.org", *words],
                              capture_output=True, text=True, timeout=60)
    good = run("--to", "bob@example.com", "--tls", "--pipeline", "--header", "Subject: swaks.one")
    tap("a mail by TLS and PIPELINING", good.returncode == 0 and "TLS started" in good.stdout, good.stdout + good.stderr)
    bad = run("--to", "bob@example.net")
    tap("a stranger's mail for elsewhere is refused", bad.returncode != 0 and "550 5.7.1" in bad.stdout, bad.stdout)
    world.wait_for("it arrives", lambda: stored(new.mails(), "swaks.one"))
    tap("what swaks sent arrives", len(stored(new.mails(), "swaks.one")) == 1)


def sigterm(tap):
    """SIGTERM ends it cleanly"""
    tap("the daemon ends with status 0", relay.stop() == 0, relay.log_text()[-1500:])


world.Tap().run(setup, through, many, down_and_up, refused_and_reported, report_arrives, exim, swaks, sigterm)
