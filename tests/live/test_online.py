#!/usr/bin/python3
"""mode = online: the client hears the new server's own answer, and what comes to no answer is queued.

The new server is Postfix; next hops that fail where we want it are scripts.
"""
import glob
import os
import re
import signal
import smtplib
import socket
import subprocess
import sys
import threading
import time

import world

REFUSING = r"""
virtual_mailbox_maps = inline:{ bob@example.com=inbox/, carol@example.com=inbox/, full@example.com=inbox/ }
smtpd_recipient_restrictions = check_recipient_access inline:{ { full@example.com = 450 4.2.2 This mailbox is full } }, permit
smtpd_end_of_data_restrictions = check_sender_access inline:{ { spam@example.org = 554 5.7.9 We saw this mail before },
    { later@example.org = 450 4.7.9 Another time } }
smtpd_tls_cert_file = %s
smtpd_tls_key_file = %s
smtpd_tls_security_level = may
smtpd_tls_loglevel = 1
smtputf8_enable = yes
"""
CERTIFICATE, KEY = world.WORK + "/cert.pem", world.WORK + "/key.pem"

new = relay = None


def setup(tap):
    """Postfix and smtpfwd start"""
    global new, relay
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "10",
                    "-subj", "/CN=new.example.net", "-keyout", KEY, "-out", CERTIFICATE], check=True, capture_output=True)
    new = world.Postfix("new", extra=REFUSING % (CERTIFICATE, KEY)).start()
    relay = world.Relay('"127.0.0.1:%d"' % new.port, relay_extra="mode = online", listen_extra="tls = offered",
                        extra='tls "default" { certificate = "%s"  key = "%s" }' % (CERTIFICATE, KEY)).start()
    tap("Postfix and smtpfwd are up", True)


def converse(port, sender, recipient):
    """All that is said from RCPT on."""
    client, said = world.Client(port), []
    client.say("EHLO client.example.org")
    client.say("MAIL FROM:<%s>" % sender)
    said.append(client.say("RCPT TO:<%s>" % recipient))
    if said[0].startswith("250"):
        client.say("DATA")
        client.socket.sendall(world.message("answers", sender, recipient) + b".\r\n")
        said.append(re.sub("queued as .*", "queued as ID", client.reply()))
    client.say("QUIT")
    return said


def answers(tap):
    """What the new server says is what the client hears"""
    for name, sender, recipient, code in (
            ("a mailbox that is not there", "alice@example.org", "nobody@example.com", "550 5.1.1"),
            ("one that is full", "alice@example.org", "full@example.com", "450 4.2.2"),
            ("a mail that is refused at its end", "spam@example.org", "bob@example.com", "554 5.7.9"),
            ("one that is to come later", "later@example.org", "bob@example.com", "450 4.7.9"),
            ("one that is taken", "alice@example.org", "bob@example.com", "250 2.0.0")):
        direct, through = converse(new.port, sender, recipient), converse(relay.port, sender, recipient)
        tap("%s: in the words of Postfix" % name, through == direct and through[-1].startswith(code), (direct, through))
    tap("nothing of it was queued", relay.queue_size() == 0)
    log = relay.log_text()
    tap("the log says whose words these are", log.count("said it\"") == 4 and "fell-back" not in log, log)


def files(spool):
    """What lies in the spool but for the lines of trace, and what is known of mailboxes: names and sizes."""
    return {path: os.path.getsize(path) for path in glob.glob(spool + "/**", recursive=True)
            if os.path.isfile(path) and "/trace/" not in path and not os.path.basename(path).startswith("recipients")}


def count_syncs(place, work):
    """How many synchronising calls there are while work() runs; what is known of mailboxes is written in the background and not counted."""
    out = world.WORK + "/strace"
    strace = subprocess.Popen(["strace", "-f", "-qq", "-y", "-e", "trace=fsync,fdatasync,sync,syncfs,sync_file_range,msync,io_uring_enter,io_uring_setup",
                               "-o", out, "-p", str(place.process.pid)], stderr=subprocess.PIPE, text=True)
    world.wait_for("strace is attached", lambda: "TracerPid:\t0" not in open("/proc/%d/status" % place.process.pid).read())
    work()
    time.sleep(0.3)
    strace.send_signal(signal.SIGINT)
    strace.wait(10)
    with open(out) as lines:
        return [line for line in lines if "(" in line and "/recipients" not in line and "resumed" not in line]


def nothing_stored(tap):
    """With a new server that answers nothing is queued, reported or synced"""
    def some():
        for i in range(20):
            world.send(relay.port, world.message("unstored.%d." % i), rcpt_options=["NOTIFY=SUCCESS,FAILURE"] if i == 7 else [])
        for i in range(3):
            answer = converse(relay.port, "spam@example.org", "bob@example.com")
            assert answer[-1].startswith("554"), answer
        world.send(relay.port, world.message("unstored.large.", body=("z" * 998 + "\r\n") * 4000))

    before = files(relay.spool)
    syncs = count_syncs(relay, some)
    tap("nothing is synced", syncs == [], "".join(syncs))
    world.wait_for("all arrive", lambda: len([m for m in new.mails() if b"Subject: unstored." in m]) == 21)
    world.wait_for("what was too large for memory is gone", lambda: not os.listdir(relay.spool + "/large"), 15)
    tap("the spool is as it was", files(relay.spool) == before, (before, files(relay.spool)))
    queue = [row["queue"] for row in relay.ctl("status") if "queue" in row][0]
    tap("the queue never saw a mail", all(queue[what] == 0 for what in ("mails", "put", "delivered", "deferred", "commits")), queue)
    tap("nobody got a report of ours", b"old.example.com" not in b"".join(re.findall(rb"(?m)^Reporting-MTA:.*$", b"".join(new.mails())))
        and "reported" not in relay.log_text())
    queueing = world.Relay('"127.0.0.1:%d"' % new.port, name="queueing").start()
    syncs = count_syncs(queueing, lambda: world.send(queueing.port, world.message("stored")))
    tap("with mode = queue the same count is not 0", len(syncs) > 0, syncs)
    queueing.stop()


def traced(tap):
    """smtpfwdctl trace tells of it"""
    mail_id = re.findall(r" id=(\S+) from=alice@example.org", relay.log_text())[-1]
    told = world.wait_for("it is written", lambda: relay.ctl("trace", mail_id, json_out=False))
    tap("it was delivered, by whom, and with which reply", re.search(
        r"delivered to bob@example.com by 127.0.0.1:%d .*\n\s+reply: 250 2.0.0 Ok: queued as" % new.port, told), told)
    tap("and accepted", "accepted" in told, told)


def extensions(tap):
    """Pipelining, chunks, TLS on both sides, 8BITMIME, SMTPUTF8, DSN"""
    client = world.Client(relay.port)
    offered = []
    client.socket.sendall(b"EHLO client.example.org\r\n")
    while not (offered and offered[-1].startswith("250 ")):
        offered.append(client.lines.readline().decode())
    client.socket.sendall(b"MAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.com>\r\nRCPT TO:<nobody@example.com>\r\n"
                          b"RCPT TO:<carol@example.com>\r\nDATA\r\n")
    said = [client.reply()[:9].strip() for _ in range(5)]
    tap("pipelined, each recipient with its own answer", said == ["250 2.1.0", "250 2.1.5", "550 5.1.1", "250 2.1.5", "354 End d"], said)
    client.socket.sendall(world.message("pipelined") + b".\r\nMAIL FROM:<alice@example.org> BODY=8BITMIME\r\nRCPT TO:<bob@example.com>\r\n")
    said = [client.reply()[:9] for _ in range(3)]
    data = world.message("chunks", body="gr\u00fcn\r\n.\r\n.dot\r\n")
    client.socket.sendall(b"BDAT 30\r\n" + data[:30] + b"BDAT %d LAST\r\n" % (len(data) - 30) + data[30:])
    said += [client.reply()[:9] for _ in range(2)]
    tap("and another mail behind it, in chunks", said == ["250 2.0.0", "250 2.1.0", "250 2.1.5", "250 2.0.0", "250 2.0.0"], said)
    client.say("QUIT")
    with smtplib.SMTP("127.0.0.1", relay.port, local_hostname="client.example.org", timeout=30) as session:
        session.starttls()
        session.ehlo()
        session.mail("bob@example.com", ["SMTPUTF8", "BODY=8BITMIME", "RET=HDRS", "ENVID=abc+2B1"])
        session.rcpt("bob@example.com", ["NOTIFY=SUCCESS", "ORCPT=rfc822;old+2Bbob@example.com"])
        code, text = session.data(world.message("gr\u00fc\u00dfe", sender="bob@example.com"))
    tap("inside TLS, internationalised, with a report of success wanted", code == 250 and b"queued as" in text, text)

    def mail_with(part):
        return [m for m in new.mails() if part in m]
    got = world.wait_for("they arrive", lambda: mail_with(b"Subject: chunks") and mail_with("Subject: gr\u00fc\u00dfe".encode()))
    tap("8-bit and with its dots", mail_with(b"Subject: chunks")[0].endswith("\n\ngr\u00fcn\n.\n.dot\n".encode()), mail_with(b"Subject: chunks"))
    tap("by TLS on both sides", b"by old.example.com (smtpfwd) with UTF8SMTPS (TLS" in got[0] and
        "TLS connection established from" in new.log_text(), got[0])
    report = world.wait_for("the new server reports success", lambda: mail_with(b"Original-Envelope-Id: abc+1"))[0]
    tap("the report is the new server's, for what was asked of us", b"Reporting-MTA: dns; new.example.net" in report and
        b"Original-Recipient: rfc822;old+bob@example.com" in report and len(mail_with(b"Original-Envelope-Id")) == 1, report)
    tap("nothing of it was queued", relay.queue_size() == 0 and "fell-back" not in relay.log_text())


# --- next hops that fail ---

class Hop:
    """Takes any mail, but fails at a step as often as it is told, by `how`: close, 421, silence."""

    GREETING, EHLO, MAIL, RCPT, DATA, CONTENT, DOT = "greeting", "EHLO", "MAIL", "RCPT", "DATA", "content", "dot"

    def __init__(self, offers="250 8BITMIME"):
        self.offers = offers
        self.mails, self.step, self.how, self.times = [], None, None, 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1000)
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.connections = []
        world.ENDERS.append(self.listener.close)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def go_down(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def come_back(self):
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=1000)
        threading.Thread(target=self.accept, daemon=True).start()

    def fail_at(self, step, how, times=1):
        with self.lock:
            self.step, self.how, self.times = step, how, times

    def fails(self, step, say):
        """True: the session is over."""
        with self.lock:
            if step != self.step or self.times == 0:
                return False
            self.times -= 1
            how = self.how
        if how == "421":
            say("421 4.3.2 going down")
        while how == "silence" and self.step == step:
            time.sleep(0.05)
        return True

    def serve(self, connection):
        lines = connection.makefile("rb")
        say = lambda text: connection.sendall(text.encode() + b"\r\n")
        try:
            self.converse(lines, say)
        except OSError:
            pass
        lines.close()
        connection.close()

    def converse(self, lines, say):
        if self.fails(self.GREETING, say):
            return
        say("220 hop ESMTP")
        for line in lines:
            verb = line[:4].decode().upper().strip()
            if self.fails(verb, say):
                return
            if verb == "EHLO":
                say("250-hop\r\n250-PIPELINING\r\n" + self.offers)
            elif verb == "DATA":
                say("354 go on")
                data = []
                while (line := lines.readline()) != b".\r\n":
                    if not line or (data and self.fails(self.CONTENT, say)):
                        return
                    data.append(line)
                if self.step == self.DOT and self.how == "421" and self.fails(self.DOT, say):
                    return
                self.mails.append(b"".join(data))
                if self.fails(self.DOT, say):
                    return
                say("250 2.0.0 the hop has it")
            elif verb == "QUIT":
                return say("221 bye")
            else:
                say("250 2.1.0 ok")

    def n_mails(self, subject):
        return sum(b"Subject: %s\r\n" % subject.encode() in mail for mail in list(self.mails))


def falls_back(tap):
    """A new server that fails at any step: 250, and the mail arrives later"""
    hop = Hop()
    place = world.Relay('"127.0.0.1:%d"' % hop.port, name="falls", relay_extra="mode = online\n    online-timeout = 1s",
                        extra="retry { first = 1s  max = 1s }").start()
    for recipient in ("bob@example.com", "carol@example.com"):
        world.send(place.port, world.message("known.%s" % recipient, recipient=recipient), recipients=(recipient,))
    tap("when it answers the mail is its", hop.n_mails("known.bob@example.com") == 1 and place.queue_size() == 0)
    wanted = {}
    for step in (hop.GREETING, hop.EHLO, hop.MAIL, hop.RCPT, hop.DATA, hop.CONTENT, hop.DOT):
        for how in ("close", "421", "silence") if step not in (hop.CONTENT, hop.DOT) else ("close", "421"):
            subject = "fails.%s.%s" % (step, how)
            client = world.Client(place.port)
            client.say("EHLO client.example.org")
            hop.fail_at(step, how, times=3)
            began = time.monotonic()
            reply = client.mail(world.message(subject), recipients=("bob@example.com", "carol@example.com"))
            took = time.monotonic() - began
            hop.fail_at(None, None, 0)
            client.say("QUIT")
            if not reply.startswith("250") or took > 5:
                tap("%s: 250 within the budget" % subject, False, (reply, took))
            wanted[subject] = reply
            world.wait_for("the queue empties", lambda: place.queue_size() == 0 or not place.ctl("queue", "retry", "--all"))
    tap("each got its 250 (%d ways to fail)" % len(wanted), len(wanted) == 19)
    n_queued = sum("queued as" in reply for reply in wanted.values())
    tap("most of them from the queue, the others from another session", n_queued >= 12 and
        all("queued as" in reply or "the hop has it" in reply for reply in wanted.values()), wanted)
    log = place.log_text()
    ambiguous = {subject for subject in wanted if hop.n_mails(subject) > 1}
    tap("each mail arrives, once unless the end of it got no answer", all(hop.n_mails(subject) >= 1 for subject in wanted) and
        ambiguous == {"fails.dot.close"}, {subject: hop.n_mails(subject) for subject in wanted})
    tap("and that is in the log", "Z ambiguous id=" in log, log[-3000:])
    tap("each that was queued has a line that says why", log.count("fell-back id=") == n_queued, (log.count("fell-back id="), n_queued))
    place.stop()


def down(tap):
    """With the new server down: who is known is queued, the others are told to come again"""
    hop = Hop()
    place = world.Relay('"127.0.0.1:%d"' % hop.port, name="down", relay_extra="mode = online  recipients-unknown = defer").start()
    world.send(place.port, world.message("known"))
    hop.go_down()
    text = world.send(place.port, world.message("waits"))
    reply = world.Client(place.port)
    reply.say("EHLO client.example.org")
    tap("known: 250", text.startswith("2.0.0 queued as") and place.queue_size() == 1, text)
    unknown = reply.mail(world.message("unknown", recipient="dave@example.com"), recipients=("dave@example.com",))
    reply.say("QUIT")
    tap("unknown: 451", unknown.startswith("451 4.4.1"), unknown)
    hop.come_back()
    world.wait_for("it arrives when it is back", lambda: hop.n_mails("waits") == 1)
    world.wait_for("the next hop is up", lambda: all(row["next-hop"]["up"] for row in place.ctl("status") if "next-hop" in row))
    tap("then mail goes through again", world.send(place.port, world.message("again")) == "2.0.0 the hop has it")
    place.stop()


def lacking(tap):
    """New servers without 8BITMIME and SMTPUTF8: who waits hears it, and nobody is sent a report"""
    plain, other = Hop("250 HELP"), Hop()
    place = world.Relay('"127.0.0.1:%d"' % plain.port, name="lacking", relay_extra="mode = online", extra=
                        'relay "example.net" { next-hop = { "127.0.0.1:%d", "127.0.0.1:%d" } }' % (plain.port, other.port)).start()
    client = world.Client(place.port)
    client.say("EHLO client.example.org")
    eight, seven = world.message("eight", body="gr\u00fcn\r\n"), world.message("seven")
    said = client.mail(eight)
    tap("8-bit mail: 554 5.6.3 at the dot", said.startswith("554 5.6.3 ") and place.queue_size() == 0 and not plain.mails, said)
    said = client.mail(seven)
    tap("7-bit mail goes through, in the same session", said.startswith("250 2.0.0 the hop has it") and len(plain.connections) == 1, said)
    client.say("MAIL FROM:<alice@example.org> SMTPUTF8")
    client.say("RCPT TO:<bob@example.com>")
    client.say("DATA")
    client.socket.sendall(world.message("gr\u00fc\u00dfe") + b".\r\n")
    said = client.reply()
    tap("an internationalised one: 554 5.6.9", said.startswith("554 5.6.9 ") and place.queue_size() == 0, said)
    said = client.mail(eight, recipients=("bob@example.net",))
    tap("with two, the one that can have it is found", said.startswith("250 2.0.0 the hop has it") and other.n_mails("eight") == 1, said)
    for line in ("MAIL FROM:<alice@example.org> BODY=8BITMIME SMTPUTF8", "RCPT TO:<bob@example.net>", "DATA"):
        client.say(line)
    client.socket.sendall(world.message("text", body="gr\u00fcn\r\n") + b".\r\n")
    said = client.reply()
    tap("SMTPUTF8 asked for an 8-bit text is not needed", said.startswith("250 2.0.0 the hop has it") and other.n_mails("text") == 1, said)
    client.say("QUIT")
    place.stop()


def mixed(tap):
    """Recipients of two relays in one transaction"""
    one, two = Hop(), Hop()
    for mode in ("refuse", "queue"):
        place = world.Relay('"127.0.0.1:%d"' % one.port, name="mixed-" + mode, relay_extra="mode = online  mixed = " + mode,
                            extra='relay "example.net" { next-hop = { "127.0.0.1:%d" } mixed = %s }' % (two.port, mode)).start()
        client = world.Client(place.port)
        said = [client.say(line) for line in ("EHLO c", "MAIL FROM:<alice@example.org>", "RCPT TO:<bob@example.com>",
                                              "RCPT TO:<bob@example.net>", "DATA")]
        client.socket.sendall(world.message("mixed-" + mode) + b".\r\n")
        said.append(client.reply())
        if mode == "refuse":
            tap("refuse: 452 4.5.3 for the second, and the mail goes on", said[3].startswith("452 4.5.3") and
                said[5] == "250 2.0.0 the hop has it\r\n" and one.n_mails("mixed-refuse") == 1 and not two.mails, said)
        else:
            tap("queue: both are taken, and the mail is queued", said[3].startswith("250") and "queued as" in said[5], said)
            world.wait_for("both have it", lambda: one.n_mails("mixed-queue") == two.n_mails("mixed-queue") == 1)
        place.stop()


def large(tap):
    """Thirty megabytes, and a small mail beside it"""
    body = "".join("%07d " % i * 9 + "\r\n" for i in range(410000))
    data, result = world.message("large", body=body), []
    place = world.Relay('"127.0.0.1:%d"' % new.port, name="large", relay_extra="mode = online").start()
    before = files(place.spool)
    thread = threading.Thread(target=lambda: result.append(world.send(place.port, data)))
    thread.start()
    world.send(place.port, world.message("beside"))
    thread.join(60)
    tap("both are answered by Postfix", len(result) == 1 and "Ok: queued as" in result[0], result)
    got = world.wait_for("it arrives", lambda: [m for m in new.mails() if b"\nSubject: large\n" in m])[0]
    tap("%d MB are as they were" % (len(data) // 1000000), got.split(b"\n\n", 1)[1] == body.replace("\r\n", "\n").encode())
    world.wait_for("nothing of it stays in the spool", lambda: files(place.spool) == before, 15)
    with open("/proc/%d/status" % place.process.pid) as status:
        peak = int(re.search(r"VmHWM:\s+(\d+)", status.read()).group(1)) // 1024
    tap("and were never all in memory (%d MB at most)" % peak, peak < 40 or "asan" in subprocess.run(
        ["ldd", world.BUILD + "/smtpfwd/smtpfwd"], capture_output=True, text=True).stdout, peak)
    place.stop()


def many_wait(tap):
    """Clients that wait for a new server that hangs stand in nobody's way"""
    hop, fine = Hop(), Hop()
    hop.fail_at(hop.RCPT, "silence", times=100000)
    place = world.Relay('"127.0.0.1:%d"' % hop.port, name="many", relay_extra="mode = online  online-timeout = 3s  recipients-unknown = defer",
                        listen_extra="max-connections-per-address = 2000",
                        extra='stop-within = 3s\nrelay "example.net" { next-hop = { "127.0.0.1:%d" } }' % fine.port).start()
    world.send(place.port, world.message("before", recipient="bob@example.net"), recipients=("bob@example.net",))
    clients = [world.Client(place.port) for _ in range(700)]    # more than deliveries go on at once
    began = time.monotonic()
    for client in clients:
        client.socket.sendall(b"EHLO c\r\nMAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.com>\r\n")
    time.sleep(0.5)
    world.send(place.port, world.message("other", recipient="bob@example.net"), recipients=("bob@example.net",))
    took = time.monotonic() - began
    tap("mail for another server goes through meanwhile (%.1f s)" % took, took < 2.5 and fine.n_mails("other") == 1, place.log_text()[-2000:])
    said = [[client.reply() for _ in range(3)][-1][:9] for client in clients]
    took = time.monotonic() - began
    tap("all get their answer within the budget (%.1f s)" % took, set(said) == {"451 4.4.1"} and took < 10, set(said))
    for client in clients[:50]:
        client.socket.sendall(b"RSET\r\nMAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.com>\r\n")
    time.sleep(0.5)
    began = time.monotonic()
    status = place.stop()
    tap("a stop ends it in time (%.1f s)" % (time.monotonic() - began), status == 0 and time.monotonic() - began < 8, status)
    ends = [[client.reply()[:3] for _ in range(3)][-1] for client in clients[:50]]
    tap("and who waits then hears 451 or 421", set(ends) <= {"451", "421"}, ends)


if __name__ == "__main__":
    wanted = sys.argv[1:]
    world.Tap().run(*(scenario for scenario in (setup, answers, nothing_stored, traced, extensions, falls_back, down, lacking, mixed, large, many_wait)
                      if not wanted or scenario in (setup,) or scenario.__name__ in wanted))
