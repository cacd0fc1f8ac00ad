#!/usr/bin/python3
"""Mail goes out by MX records: a real DNS over UDP, Postfix and small servers at loopback addresses as mail hosts."""
import re
import socket
import threading
import time

import names
import world

N_DOMAINS = 1000
PORT = world.free_port()        # of all mail hosts


class Sink:
    """A mail host that takes everything, and counts."""

    def __init__(self, address):
        self.address = address
        self.lock = threading.Lock()
        self.mails = []                    # recipients of each
        self.n_connections = self.n_open = self.n_open_most = 0
        self.wait = 0.0
        self.listener = socket.create_server((address, PORT), backlog=200)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            with self.lock:
                self.n_connections += 1
                self.n_open += 1
                self.n_open_most = max(self.n_open_most, self.n_open)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            self.converse(connection.makefile("rwb"))
        except OSError:
            pass
        finally:
            with self.lock:
                self.n_open -= 1
            connection.close()

    def converse(self, stream):
        def say(text):
            stream.write(text.encode() + b"\r\n")
            stream.flush()

        say("220 sink ESMTP")
        recipients = []
        for line in stream:
            verb = line[:4].upper()
            if verb == b"EHLO":
                say("250-sink\r\n250-PIPELINING\r\n250 8BITMIME")
            elif verb == b"RCPT":
                recipients.append(re.search(rb"<(.*)>", line).group(1).decode())
                say("250 ok")
            elif verb == b"DATA":
                say("354 go")
                for part in stream:
                    if part == b".\r\n":
                        break
                time.sleep(self.wait)
                with self.lock:
                    self.mails.append(recipients)
                recipients = []
                say("250 taken")
            elif verb == b"QUIT":
                say("221 bye")
                return
            else:
                say("250 ok")


NAMES = names.Names("""
one.test MX 10 mxa.test
one.test MX 20 mxb.test
alias.test CNAME one.test
equal.test MX 10 mxb.test
equal.test MX 10 mxc.test
null.test MX 0 .
broken.test SERVFAIL
mxa.test A 127.0.0.1
mxb.test A 127.0.0.2
mxc.test A 127.0.0.3
us.test MX 5 old.example.com
us.test MX 10 mxb.test
old.example.com A 127.0.0.9
here.test MX 5 self.test
here.test MX 10 mxb.test
self.test A 127.0.0.1
*.many.test MX 10 mxb.test
""")
mxb, mxc = Sink("127.0.0.2"), Sink("127.0.0.3")
mxa = relay = None


def extra(port):
    return """
route "internet" { next-hop = { mx }  mx-port = %d  mx-loopback = yes  check-interval = 1s  tls = opportunistic }
outbound = "internet"
retry { first = 1s  max = 2s  warn = 0s }
%s
""" % (port, NAMES.section())


def setup(tap):
    """smtpfwd, Postfix and two small servers start"""
    global mxa, relay
    real_port, world.free_port = world.free_port, lambda: PORT
    mxa = world.Postfix("mxa", extra="virtual_mailbox_domains = one.test, alias.test\n")
    world.free_port = real_port
    mxa.start()
    relay = world.Relay('"127.0.0.1:1"', extra=extra(PORT), listen_extra='networks = { "127.0.0.0/8" }').start()
    tap("smtpfwd, a Postfix and two mail hosts at port %d are up" % PORT, True)


def send(recipient, subject, port=None):
    recipients = recipient if isinstance(recipient, list) else [recipient]
    world.send(port or relay.port, world.message(subject, sender="alice@one.test"), sender="alice@one.test",
               recipients=recipients)


def taken(sink, recipient):
    return [mail for mail in sink.mails if recipient in mail]


def reports(to):
    return [mail for mail in mxa.mails() if b"multipart/report" in mail and to.encode() in mail]


def best_first(tap):
    """The best host gets the mail, by a name's alias too"""
    send("bob@one.test", "best")
    send("bob@alias.test", "alias")
    world.wait_for("both arrive", lambda: len([m for m in mxa.mails() if b"Subject: best" in m or b"Subject: alias" in m]) == 2)
    tap("both are at the best host, a real Postfix", True)
    tap("and none at the other one", not mxb.mails, mxb.mails)


def implicit(tap):
    """A domain without MX is its own host, and a literal is one too"""
    send("bob@mxc.test", "implicit")
    send("bob@[127.0.0.3]", "literal")
    world.wait_for("both arrive", lambda: taken(mxc, "bob@mxc.test") and taken(mxc, "bob@[127.0.0.3]"))
    tap("both are at that address", True)


def equal(tap):
    """Equal hosts share"""
    for i in range(30):
        send("r%d@equal.test" % i, "equal.%d" % i)
    world.wait_for("all arrive", lambda: sum(m[0].endswith("@equal.test") for m in mxb.mails + mxc.mails) == 30)
    counts = [sum(m[0].endswith("@equal.test") for m in sink.mails) for sink in (mxb, mxc)]
    tap("both got some of thirty mails: %s" % counts, min(counts) >= 1, counts)


def never(tap):
    """Null MX and no such domain are reported at once"""
    send("bob@null.test", "null")
    send("bob@nowhere.test", "nowhere")
    world.wait_for("two reports", lambda: reports("bob@null.test") and reports("bob@nowhere.test"))
    null, nowhere = reports("bob@null.test")[0], reports("bob@nowhere.test")[0]
    tap("the one says that the domain takes no mail, with 5.1.10",
        b"takes no mail" in null and b"Status: 5.1.10" in null, null)
    tap("the other one that it does not exist, with 5.1.2", b"does not exist" in nowhere and b"Status: 5.1.2" in nowhere, nowhere)


def circle(tap):
    """Ourselves are no mail host: by name, and by an address at which we listen"""
    send("bob@us.test", "circle")
    world.wait_for("it is put off", lambda: re.search(r"deferred .*to=bob@us.test.*circle", relay.log_text()))
    tap("by name, and it waits for somebody to mend it", not reports("bob@us.test") and not taken(mxb, "bob@us.test"), relay.log_text())
    other = world.Relay('"127.0.0.1:1"', extra="", listen_extra='networks = { "127.0.0.0/8" }', name="other")
    with open(other.config, "w") as out:
        out.write(other.text.replace("outbound = none", "").replace(world.no_names(), "") + extra(other.port))
    other.start()
    send("bob@here.test", "address", port=other.port)
    world.wait_for("it is put off", lambda: re.search(r"deferred .*to=bob@here.test.*circle", other.log_text()))
    tap("by address", "attempt" not in other.log_text() and not taken(mxb, "bob@here.test"), other.log_text())
    other.stop()


def silent(tap):
    """A name server that fails defers; an operator need not wait when it is mended"""
    send("bob@broken.test", "broken")
    world.wait_for("it is put off", lambda: re.search(r"deferred .*to=bob@broken.test.*looking up", relay.log_text()))
    tap("it is put off, with the reason", not reports("bob@broken.test"))
    NAMES.replace("broken.test", ("MX", "10 mxc.test"))

    def arrives():
        relay.ctl("queue", "retry", "--next-hop", "internet")        # the resolver remembers the failure for some seconds
        return taken(mxc, "bob@broken.test")
    world.wait_for("the mail arrives", arrives, 30)
    tap("it goes when an operator says so", True)


def resident_kb(process):
    with open("/proc/%d/status" % process.pid) as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))


def many_domains(tap):
    """A thousand domains at one provider: its connections are shared, and memory is bounded"""
    mxb.n_connections, mxb.n_open_most, mxb.wait = 0, mxb.n_open, 0.01
    before = resident_kb(relay.process)
    recipients = ["r@d%d.many.test" % i for i in range(N_DOMAINS)]
    for at in range(0, N_DOMAINS, 100):
        send(recipients[at:at + 100], "many.%d" % at)
    world.wait_for("all arrive", lambda: sum(m[0].endswith(".many.test") for m in mxb.mails) == N_DOMAINS, 60)
    got = sorted(r for m in mxb.mails for r in m if r.endswith(".many.test"))
    tap("%d recipients in as many domains, each once" % N_DOMAINS, got == sorted(recipients), len(got))
    tap("never more than 20 connections (%d)" % mxb.n_open_most, mxb.n_open_most <= 20, mxb.n_open_most)
    tap("%d mails over %d connections" % (N_DOMAINS, mxb.n_connections), mxb.n_connections <= 200, mxb.n_connections)
    grown = resident_kb(relay.process) - before
    tap("memory grew by %d KB" % grown, grown < 40 * 1024, grown)
    hops = [row["next-hop"] for row in relay.ctl("status") if "next-hop" in row and "mxb" in row["next-hop"]["name"]]
    tap("one next hop stands for all of them", len(hops) == 1 and hops[0]["up"], hops)


def fallback(tap):
    """While the best host is down the next one takes its mail"""
    mxa.stop()
    world.wait_for("Postfix is gone", lambda: not world.is_open(PORT))
    send("bob@one.test", "fallback")
    world.wait_for("it arrives", lambda: taken(mxb, "bob@one.test"))
    tap("the mail is at the second host", True)
    tap("nothing was put off for that", not re.search(r"deferred .*to=bob@one.test", relay.log_text()), relay.log_text())


world.Tap().run(setup, best_first, implicit, equal, never, circle, silent, many_domains, fallback)
