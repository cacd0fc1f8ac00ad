#!/usr/bin/python3
"""The whole relay passes the client's identity on, and the new server's SPF check sees the client: Postfix with policyd-spf, Exim.

The test has a network of its own: loopback only, with the relay at an address that the new server does not take for
its own, and a name server where resolv.conf says.
"""
import ctypes
import os
import re
import subprocess

import names
import witnesses
import world

RELAY, NEW = "203.0.113.9", "198.51.100.25"
ZONE = """
sender.example TXT v=spf1 ip4:192.0.2.77 ip6:2001:db8::77 -all
other.example TXT v=spf1 ip4:192.0.2.78 -all
fwd.example.com TXT v=spf1 ip4:%s -all
77.2.0.192.in-addr.arpa PTR mx.sender.example
mx.sender.example A 192.0.2.77
""" % RELAY
# Doors of one Postfix; each is a next hop with two domains: NAME.example in mode online, NAME-q.example in mode queue.
DOORS = {
    "xclient": "smtpd_authorized_xclient_hosts=" + RELAY,
    "xforward": "smtpd_authorized_xforward_hosts=" + RELAY,
    "plain": "smtpd_authorized_xclient_hosts=",
    "proxy": "smtpd_upstream_proxy_protocol=haproxy",
    "proxy4": "smtpd_upstream_proxy_protocol=haproxy -o inet_protocols=ipv4",
}
SECRET = world.WORK + "/srs.secret"
SRS = 'srs { domain = "fwd.example.com" secret-file = "%s" }' % SECRET

policy = milter = new = relay = None
exim = world.Exim(package="exim4-daemon-heavy")             # it may have to be fetched


def own_network():
    if ctypes.CDLL(None, use_errno=True).unshare(0x40020000) != 0:      # CLONE_NEWNET | CLONE_NEWNS
        raise SystemExit("unshare: %s (to be run as root)" % os.strerror(ctypes.get_errno()))
    for command in ("mount --make-rprivate /", "ip link set lo up", "ip address add %s/32 dev lo" % RELAY,
                    "ip address add %s/32 dev lo" % NEW):
        subprocess.run(command.split(), check=True)
    with open(world.WORK + "/resolv.conf", "w") as out:
        out.write("nameserver 127.0.0.1\n")
    subprocess.run(["mount", "--bind", world.WORK + "/resolv.conf", "/etc/resolv.conf"], check=True)


def start_postfix():
    """Each door says in the log which one it is."""
    global new
    domains = " ".join("%s.example %s-q.example" % (door, door) for door in DOORS)
    new = world.Postfix("new", extra="""
virtual_mailbox_domains = %s
smtpd_milters = inet:127.0.0.1:%d
milter_default_action = tempfail
smtpd_recipient_restrictions = check_policy_service inet:127.0.0.1:%d, check_policy_service inet:127.0.0.1:%d
inet_protocols = all
""" % (domains, milter.port, policy.port, witnesses.SpfPolicy().port))
    new.ports = {door: world.free_port() for door in DOORS}
    with open(new.etc + "/master.cf", "a") as out:
        for door, option in DOORS.items():
            out.write("%s:%d inet n - n - - smtpd -o syslog_name=%s -o %s\n" % (NEW, new.ports[door], door, option))
    new.start()


def setup(tap):
    """A name server, the witnesses, Postfix and Exim, and the relay start"""
    global policy, milter, relay
    zone = names.Names(ZONE, port=53)
    policy, milter = witnesses.Policy(), witnesses.Milter()
    start_postfix()
    with open(exim.config) as text:
        config = text.read()
    with open(exim.config, "w") as out:
        out.write(config.replace("domainlist local_domains = ", "hosts_proxy = %s\ndomainlist local_domains = exim.example : exim-q.example : " % RELAY))
    exim.start()
    with open(SECRET, "w") as out:
        out.write("a secret that is long enough\n")
    os.chmod(SECRET, 0o600)
    sections = []
    for name, port in list(new.ports.items()) + [("exim", exim.port)]:
        rest = ('next-hop = { "%s:%d" } source = { "%s" } check-interval = 1s %s }'
                % ("127.0.0.1" if name == "exim" else NEW, port, RELAY, "identity = proxy" if "proxy" in name or name == "exim" else ""))
        sections.append('relay "%s.example" { %s' % (name, rest))
        sections.append('relay "%s-q.example" { mode = queue %s' % (name, rest))
    relay = world.Relay('"127.0.0.1:1"', listen_extra='xclient-from = { "127.0.0.1" }',
                        extra="\n".join(sections) + "\nretry { first = 1s }\n# srs\n" + zone.section()).start()
    tap("all are up", True)


def send(subject, to, address="192.0.2.77", sender="alice@sender.example", helo="helo.sender.example"):
    client = world.Client(relay.port)
    client.speak_for(address, helo)
    client.say("EHLO " + helo)
    reply = client.mail(world.message(subject, sender=sender), sender=sender, recipients=("bob@" + to,))
    client.socket.close()
    return reply


def arrived(subject, server=None):
    for data in (server or new).mails():
        if b"\nSubject: %s\n" % subject.encode() in data:
            return data.decode()
    return None


class Mail:
    """Sent, and what came of it."""

    def __init__(self, subject, to, **who):
        n_asked, n_told, before = len(policy.asked), len(milter.told), len(new.log_text())
        self.reply = send(subject, to, **who)
        self.text = world.wait_for(subject + " arrives", lambda: arrived(subject))
        self.asked, self.told = (policy.asked[n_asked:] or [{}])[-1], (milter.told[n_told:] or [{}])[-1]
        self.log = new.log_text()[before:]
        self.line = line_of(subject)
        self.spf = (re.findall(r"^Received-SPF: (\S+) .*client-ip=([^;]+); .*envelope-from=([^;]+);",
                               re.sub(r"\n[ \t]+", " ", self.text), re.M) or [""])[0]

    def __str__(self):
        return "\n".join((self.reply, self.text, str(self.asked), str(self.told), self.log, self.line))


def line_of(subject):
    """The relay's line about the mail's delivery; a mail that was never accepted into the queue has the same id in it."""
    log = relay.log_text()
    found = re.search(r"\bid=(\S+) .*message-id=<%s@" % re.escape(subject), log)
    lines = re.findall(r"^.*\bdelivered id=%s .*$" % found.group(1), log, re.M) if found else []
    return lines[-1] if lines else ""


def both(door):
    return ("online", door + ".example"), ("queue", door + "-q.example")


def xclient(tap):
    """XCLIENT: everything there sees the client"""
    for mode, domain in both("xclient"):
        got = Mail("xclient-" + mode, domain)
        tap("XCLIENT, %s: SPF passes for the client's address" % mode, got.spf == ("Pass", "192.0.2.77", "alice@sender.example"), got)
        tap("the policy service, the milter and the log have the client", got.asked.get("client_address") == "192.0.2.77"
            and got.asked.get("client_name") == "mx.sender.example" and got.asked.get("helo_name") == "helo.sender.example"
            and (got.told.get("address"), got.told.get("name"), got.told.get("helo")) ==
            ("192.0.2.77", "mx.sender.example", "helo.sender.example")
            and "client=mx.sender.example[192.0.2.77]" in got.log, got)
        tap("our log says how it was told", " identity=xclient " in got.line, got)
        got = Mail("forged-" + mode, domain, sender="mallory@other.example")
        tap("and a forger fails as it should", got.spf == ("Fail", "192.0.2.77", "mallory@other.example"), got)
        got = Mail("six-" + mode, domain, address="2001:db8::77")
        tap("IPv6", got.spf[:2] == ("Pass", "2001:db8::77"), got)


def proxy(tap):
    """PROXY: the same"""
    for mode, domain in both("proxy"):
        got = Mail("proxy-" + mode, domain)
        tap("PROXY, %s: SPF passes for the client's address" % mode, got.spf == ("Pass", "192.0.2.77", "alice@sender.example"), got)
        tap("the policy service, the milter and the log have the client", got.asked.get("client_address") == "192.0.2.77"
            and got.asked.get("helo_name") == "helo.sender.example" and got.told.get("address") == "192.0.2.77"
            and "[192.0.2.77]" in got.log, got)
        tap("our log says how it was told", " identity=proxy " in got.line, got)
        got = Mail("proxy-six-" + mode, domain, address="2001:db8::77")
        tap("IPv6", got.spf[:2] == ("Pass", "2001:db8::77"), got)


def log_only(tap):
    """XFORWARD: the log has the client, and SPF does not; without anything nobody has it"""
    for mode, domain in both("xforward"):
        got = Mail("xforward-" + mode, domain)
        tap("XFORWARD, %s: the log has the client" % mode, "orig_client=mx.sender.example[192.0.2.77]" in got.log, got)
        tap("SPF fails for the relay's address", got.spf == ("Fail", RELAY, "alice@sender.example")
            and got.told.get("address") == RELAY, got)
        tap("our log says how it was told", " identity=xforward " in got.line, got)
    for mode, domain in both("plain"):
        got = Mail("plain-" + mode, domain)
        tap("nothing, %s: SPF fails for the relay's address" % mode, got.spf == ("Fail", RELAY, "alice@sender.example")
            and "192.0.2.77" not in got.log, got)
        tap("our log names no means", " identity=" not in got.line, got)


def status(tap):
    """The status says how each next hop was told"""
    told = {row["next-hop"]["destination"]: row["next-hop"]["identity"] for row in relay.ctl("status") if "next-hop" in row}
    want = {"relay:%s.example" % door: "none" if door == "plain" else door for door in ("xclient", "proxy", "xforward", "plain")}
    tap("by its last client", want.items() <= told.items(), told)
    text = relay.ctl("status", json_out=False)
    tap("and in words", text.count(", told of clients by xclient") == 2, text)


def one_client(tap):
    """One connection is for one client"""
    before = len(new.log_text())
    for i, address in enumerate(("192.0.2.77", "192.0.2.78", "192.0.2.77", "192.0.2.78")):
        send("one-%d" % i, "xclient-q.example", address=address)
    world.wait_for("all arrive", lambda: all(arrived("one-%d" % i) for i in range(4)))
    sessions = world.wait_for("their ends", lambda: re.findall(
        r"xclient/smtpd\S+ disconnect from \S+\[192\.0\.2\.7[78]\] ehlo=2 xclient=\S+ mail=1 rcpt=1 data=1 quit=1",
        new.log_text()[before:])[3:] or None)
    tap("four mails of two clients are four sessions", sessions is not None, new.log_text()[before:])


def rewritten(tap):
    """With an srs section the sender is rewritten where the next hop sees us, and only there"""
    relay.text = relay.text.replace("# srs", SRS)
    with open(relay.config, "w") as out:
        out.write(relay.text)
    relay.ctl("reload")
    for door, means in (("xclient", "xclient"), ("proxy", "proxy")):
        for mode, domain in both(door):
            got = Mail("srs-%s-%s" % (door, mode), domain)
            tap("%s, %s: the original sender passes SPF" % (door, mode),
                got.spf == ("Pass", "192.0.2.77", "alice@sender.example") and "srs=" not in got.line, got)
    for door in ("xforward", "plain"):
        for mode, domain in both(door):
            got = Mail("srs-%s-%s" % (door, mode), domain)
            tap("%s, %s: its SRS form does" % (door, mode), got.spf[:2] == ("Pass", RELAY)
                and re.fullmatch(r"SRS0=.*=sender\.example=alice@fwd\.example\.com", got.spf[2].lower().replace("srs0", "SRS0"))
                and 'srs="SRS0=' in got.line, got)


def without_ipv6(tap):
    """A new server without IPv6 cannot be told of such a client by PROXY: the mail goes untold, and nobody else's waits"""
    for mode, domain in both("proxy4"):
        got = Mail("no-six-" + mode, domain, address="2001:db8::77")
        tap("its mail arrives, %s, by the SRS form" % mode, got.spf[:2] == ("Pass", RELAY) and " identity=" not in got.line, got)
        got = Mail("four-" + mode, domain)
        tap("mail of others is told as ever", got.spf == ("Pass", "192.0.2.77", "alice@sender.example"), got)
    log = relay.log_text()
    tap("the next hop was never down", "nexthop-down" not in "\n".join(re.findall("^.*:%d .*$" % new.ports["proxy4"], log, re.M)), log)
    tap("and the log says what it refused", "nexthop-refuses-identity" in log)


def restart(tap):
    """Mail that waited while the new server was away, and the relay, is told as well"""
    subprocess.run(["ip", "address", "del", NEW + "/32", "dev", "lo"], check=True)
    for door in ("xclient", "proxy"):
        for mode, domain in both(door):
            reply = send("late-%s-%s" % (door, mode), domain)
            tap("accepted while the new server is away, %s, %s" % (door, mode), reply.startswith("250"), reply)
            # Mail is on disk by now; a line of the log may be lost with who is killed.
            world.wait_for("its line in the log", lambda: "<late-%s-%s@" % (door, mode) in relay.log_text())
    relay.kill()
    subprocess.run(["ip", "address", "add", NEW + "/32", "dev", "lo"], check=True)
    relay.start()
    for door in ("xclient", "proxy"):
        for mode, _ in both(door):
            subject = "late-%s-%s" % (door, mode)
            text = world.wait_for(subject + " arrives", lambda: arrived(subject))
            world.wait_for("its line in the log", lambda: line_of(subject))
            tap("%s, %s: SPF passes for the client's address" % (door, mode), "Received-SPF: Pass" in text
                and "client-ip=192.0.2.77" in text and "envelope-from=alice@sender.example" in re.sub(r"\n\s+", " ", text)
                and " identity=%s " % door in line_of(subject), text + line_of(subject))


def other_server(tap):
    """Exim takes the PROXY header too"""
    for mode, domain in both("exim"):
        send("exim-" + mode, domain)
        text = world.wait_for("it arrives", lambda: arrived("exim-" + mode, exim))
        tap("Exim has the client, %s" % mode, "Received: from mx.sender.example ([192.0.2.77] helo=helo.sender.example)" in text, text)
        tap("and the original sender", "Return-path: <alice@sender.example>" in text or "envelope-from <alice@sender.example>"
            in re.sub(r"\s+", " ", text), text)
    with open(exim.directory + "/log/mainlog") as log:
        text = log.read()
    tap("its log, too", len(re.findall(r"<= alice@sender\.example H=mx\.sender\.example \(helo\.sender\.example\) \[192\.0\.2\.77\]", text)) == 2, text)
    exim.stop()


def sigterm(tap):
    """SIGTERM ends it cleanly"""
    tap("the daemon ends with status 0", relay.stop() == 0, relay.log_text()[-1500:])


own_network()
world.Tap().run(setup, xclient, proxy, log_only, status, one_client, rewritten, without_ipv6, restart, other_server, sigterm)
