#!/usr/bin/python3
"""Mail is checked while the DNS misbehaves: time and memory stay bounded, the results are temporary, and others are not delayed."""
import os
import re
import socket
import subprocess
import threading
import time

import authres

import names
import world

TIMEOUT_S = 4           # of all checks of a mail; a quarter of it is always left for the last part
HANGING = 1000          # sessions at once
FLOOD = 1500            # mails from domains that do not exist
SIGNATURE = ("DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=%s; s=s; h=from; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;\r\n"
             " b=" + "A" * 171 + "=\r\n")
KINDS = ("SERVFAIL", "REFUSED", "FORMERR", "TIMEOUT", "GARBAGE", "TRUNCATED", "WRONGID")
IS_SANITIZED = b"__asan_init" in open(world.BUILD + "/smtpfwd/smtpfwd", "rb").read()

ZONE = names.Names("""
*.good.example TXT v=spf1 ip4:198.51.100.7 -all
good.example TXT v=spf1 ip4:198.51.100.7 -all
_dmarc.good.example TXT v=DMARC1; p=none
*.hang.example TIMEOUT
hang.example TIMEOUT
*.113.0.203.in-addr.arpa TIMEOUT
loop.example CNAME loop2.example
loop2.example CNAME loop.example
alias.example CNAME alias2.example
alias2.example CNAME good.example
""")
hop = world.NextHop()
apps_port = world.free_port()
relay = world.Relay('"127.0.0.1:%d"' % hop.port, listen_extra="""xclient-from = { "127.0.0.1" }  class = incoming
    max-connections = 3000  max-connections-per-address = 3000""", extra="""
listen "apps" { address = { "127.0.0.1:%d" }  networks = { "127.0.0.0/8" }  class = application }
verify { timeout = %ds }
%s
""" % (apps_port, TIMEOUT_S, ZONE.section("timeout = 1s  tries = 2")))


def prepare_zone():
    for kind in KINDS:
        for name in ("", "*.", "_dmarc."):
            ZONE.add_row("%s%s.example" % (name, kind.lower()), kind)
    for number in range(30):
        ZONE.add_row("c%d.chain.example" % number, "CNAME", "c%d.chain.example" % (number + 1))
    ZONE.add_row("c30.chain.example", "TXT", "v=spf1 -all")
    ZONE.add_row("huge.example", "TXT", "v=spf1 " + "ip4:192.0.2.1 " * 4200 + "-all")
    ZONE.add_row("_dmarc.huge.example", "TXT", "v=DMARC1; p=none; rua=" + ",".join(["mailto:a@huge.example"] * 2700))
    ZONE.add_row("s._domainkey.huge.example", "TXT", "v=DKIM1; k=rsa; p=" + "A" * 60000)
    for number in range(150):
        ZONE.add_row("many.example", "TXT", "%03d" % number + "x" * 250)
        ZONE.add_row("many.example", "MX", "10 m%d.many.example" % number)
        ZONE.add_row("many.example", "A", "192.0.2.%d" % number)
        ZONE.add_row("s._domainkey.many.example", "TXT", "v=DKIM1; k=rsa; p=%d" % number)
        ZONE.add_row("_dmarc.many.example", "TXT", "v=DMARC1; p=reject; n=%d" % number)
        ZONE.add_row("77.2.0.192.in-addr.arpa", "PTR", "p%d.many.example" % number)
    ZONE.add_row("mx.example", "TXT", "v=spf1 mx:many.example -all")
    ZONE.add_row("void.example", "TXT", "v=spf1 " + "".join("exists:%%{i}.v%d.none.example " % n for n in range(100)) + "-all")
    ZONE.add_row("wide.example", "TXT", "v=spf1 " + "".join("include:w%d.wide.example " % n for n in range(60)) + "-all")
    ZONE.add_row("*.wide.example", "TXT", lambda name: "v=spf1 " + "".join("include:%s%d.wide.example " % (name.split(".")[0][:40], n) for n in range(9)))


def header_of(data):
    return re.sub(rb"\r\n(?=[ \t])", b"", data.split(b"\r\n\r\n")[0]).decode(errors="replace")


def found_in(data):
    """{"spf": result for MAIL FROM, "dkim": of the first signature, "dmarc": ...}, as authres reads our field."""
    field = re.search(r"^Authentication-Results: old\.example\.com;.*$", header_of(data), re.M)
    found = {}
    for result in authres.AuthenticationResultsHeader.parse(field.group()).results if field else []:
        if result.method != "spf" or any(p.name == "mailfrom" for p in result.properties):
            found.setdefault(result.method, result.result)
    return found


def mail(subject, domain, fields=""):
    return ("%sFrom: a@%s\r\nSubject: %s\r\nMessage-ID: <%s@x>\r\n\r\n" % (fields, domain, subject, subject)).encode()


def stranger(subject, domain, client="192.0.2.77", fields=None, port=None):
    """The last reply, and after how many seconds."""
    began = time.monotonic()
    session = world.Client(port or relay.port)
    session.speak_for(client, "client.good.example")
    reply = session.mail(mail(subject, domain, SIGNATURE % domain if fields is None else fields), "a@" + domain)
    session.socket.close()
    return reply, time.monotonic() - began


def trusted(subject, domain):
    began = time.monotonic()
    session = world.Client(apps_port)
    session.say("EHLO app")
    reply = session.mail(mail(subject, domain, SIGNATURE % domain), "a@" + domain)
    session.socket.close()
    return reply, time.monotonic() - began


def arrived(subject):
    return world.wait_for("%s arrives" % subject, lambda: hop.mail_of(subject))


def resident_kb():
    with open("/proc/%d/status" % relay.process.pid) as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))


def in_threads(function, arguments):
    found = {}
    threads = [threading.Thread(target=lambda a=a: found.__setitem__(a, function(*a)), daemon=True) for a in arguments]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return found


def kinds(tap):
    """Each kind of misbehaviour is a temporary result, in bounded time"""
    prepare_zone()
    relay.start()
    stranger("first", "good.example")
    world.wait_for("the first mail arrives", lambda: hop.mail_of("first"))
    found = in_threads(stranger, [("kind-%s" % kind.lower(), "%s.example" % kind.lower()) for kind in KINDS])
    for (subject, _), (reply, seconds) in found.items():
        results = found_in(arrived(subject)) if reply.startswith("250") else reply
        tap("%s: %.1f s, %s" % (subject, seconds, results), results == {"iprev": results.get("iprev"), "spf": "temperror", "dkim": "temperror",
            "dmarc": "temperror"} and seconds < TIMEOUT_S * 1.25 + 1, results)


def shapes(tap):
    """Huge, many, chains and loops"""
    cases = {       # domain: what is asked of each result; None: anything, in time
        "huge.example": {"spf": ("fail",), "dkim": ("permerror", "policy", "neutral"), "dmarc": ("fail", "permerror", "none")},
        "many.example": {"spf": ("none",), "dkim": ("permerror", "neutral"), "dmarc": ("none", "permerror")},
        "mx.example": {"spf": ("permerror",)},
        "void.example": {"spf": ("permerror",)},
        "wide.example": {"spf": ("permerror",)},
        "alias.example": {"spf": ("fail",)},
        "loop.example": {"spf": ("temperror", "none")},
        "c0.chain.example": {"spf": ("temperror",)},
        "c27.chain.example": {"spf": ("fail",)},
        ".".join(["d"] * 100) + ".good.example": {"spf": ("fail",), "dmarc": ("fail",)},
    }
    for domain, wanted in cases.items():
        before = ZONE.n_asked()
        reply, seconds = stranger("shape-" + domain[:40], domain)
        results = found_in(arrived("shape-" + domain[:40])) if reply.startswith("250") else {}
        n_asked = ZONE.n_asked() - before
        tap("%s: %.1f s, %d questions, %s" % (domain[:40], seconds, n_asked, results), reply.startswith("250") and seconds < TIMEOUT_S * 1.25 + 1
            and n_asked < 150 and all(results.get(method) in allowed for method, allowed in wanted.items()), (reply, results))
    before = ZONE.n_asked()
    reply, seconds = stranger("shape-signatures", "good.example", fields="".join(SIGNATURE % ("d%d.good.example" % n) for n in range(200)))
    tap("200 signatures: %.1f s, %d questions" % (seconds, ZONE.n_asked() - before), reply.startswith("250") and ZONE.n_asked() - before < 60,
        (reply, ZONE.n_asked() - before))


def in_step(clients, line):
    for client in clients:
        client.socket.sendall(line(client).encode() + b"\r\n")
    return [client.reply() for client in clients]


def open_sessions(n, domain, client_address):
    clients = [world.Client(relay.port) for _ in range(n)]
    for number, client in enumerate(clients):
        client.number, client.domain = number, domain % number
    in_step(clients, lambda c: "XCLIENT ADDR=%s HELO=%s PROTO=ESMTP" % (client_address % (c.number % 250), c.domain))
    return clients


def to_the_dot(clients, prefix):
    for line in (lambda c: "MAIL FROM:<a@%s>" % c.domain, lambda c: "RCPT TO:<bob@example.com>", lambda c: "DATA"):
        replies = in_step(clients, line)
        assert all(reply[0] in "23" for reply in replies), set(replies)
    for client in clients:
        client.socket.sendall(mail("%s-%d" % (prefix, client.number), client.domain, SIGNATURE % client.domain))


def flood(tap):
    """Mail from domains that do not exist"""
    clients = open_sessions(50, "h%d.good.example", "198.51.100.%d")
    before, began, n_before = resident_kb(), time.monotonic(), ZONE.n_asked()
    for turn in range(FLOOD // len(clients)):
        for client in clients:
            client.domain = "n%d-%d.none.example" % (turn, client.number)
        to_the_dot(clients, "flood-%d" % turn)
        replies = in_step(clients, lambda c: ".")
        assert all(reply.startswith("250") for reply in replies), set(replies)
    seconds, grown = time.monotonic() - began, resident_kb() - before
    tap("%d mails, %d questions in %.1f s; memory grew by %d KB" % (FLOOD, ZONE.n_asked() - n_before, seconds, grown),
        seconds < 15 and (grown < 30 * 1024 or IS_SANITIZED), (seconds, grown))
    results = found_in(arrived("flood-0-1"))
    tap("their results are none: %s" % results, results.get("spf") == "none" and results.get("dkim") == "permerror" and results.get("dmarc") == "none", results)
    for client in clients:
        client.socket.close()


def hanging(tap):
    """A thousand sessions wait for a DNS that does not answer, and others do not"""
    alone = max(stranger("alone-%d" % n, "a%d.good.example" % n)[1] for n in range(5))
    before = resident_kb()
    clients = open_sessions(HANGING, "r%d.hang.example", "203.0.113.%d")
    idle = resident_kb()
    to_the_dot(clients, "hang")
    began, waits, most = time.monotonic(), {"trusted": [], "stranger": []}, idle
    for client in clients:
        client.socket.sendall(b".\r\n")
    bad = []
    n = 0
    while time.monotonic() - began < TIMEOUT_S - 0.5:
        n += 1
        reply, seconds = trusted("trusted-%d" % n, "t%d.hang.example" % n)
        waits["trusted"].append(seconds)
        reply_2, seconds = stranger("works-%d" % n, "w%d.good.example" % n)
        waits["stranger"].append(seconds)
        bad += [r for r in (reply, reply_2) if not r.startswith("250")]
        most = max(most, resident_kb())
        time.sleep(0.05)
    replies = [client.reply() for client in clients]
    seconds = time.monotonic() - began
    tap("all %d have their answer after %.1f s" % (HANGING, seconds), all(r.startswith("250") for r in replies) and seconds < TIMEOUT_S + 6,
        (seconds, {r[:40] for r in replies}))
    tap("memory: %d KB before, %d with the sessions, %d at most; %.1f KB a waiting mail" % (before, idle, most, (most - idle) / HANGING),
        most - idle < 150 * HANGING or IS_SANITIZED, (before, idle, most))
    world.wait_for("they arrive", lambda: sum(b"Subject: hang-" in data[:2000] for _, _, data in list(hop.mails)) >= HANGING)
    results = [found_in(data) for _, _, data in list(hop.mails) if b"Subject: hang-" in data[:2000]]
    n_right = sum(r.get("spf") == r.get("dkim") == r.get("dmarc") == "temperror" for r in results)
    tap("%d of them with temporary results" % n_right, n_right == HANGING, [r for r in results if set(r.values()) != {"temperror"}][:5])
    slowest = {who: max(seconds) for who, seconds in waits.items()}
    tap("meanwhile %d mails of one who may relay waited %.2f s at most" % (n, slowest["trusted"]), slowest["trusted"] < 1 and not bad, bad)
    results = [found_in(arrived("works-%d" % number)) for number in range(1, n + 1)]
    tap("and those of strangers whose DNS works %.2f s (%.2f alone)" % (slowest["stranger"], alone), slowest["stranger"] < 1, waits["stranger"])
    tap("with their right results", all(r.get("spf") == "fail" and r.get("dmarc") == "fail" for r in results), results)
    for client in clients:
        client.socket.close()


def dead(tap):
    """No server answers at all, then it is back"""
    ZONE.all_do(("TIMEOUT", ""))
    found = in_threads(stranger, [("dead-%d" % n, "x%d.good.example" % n) for n in range(20)])
    slowest = max(seconds for _, seconds in found.values())
    tap("mail is taken, %.1f s" % slowest, all(r.startswith("250") for r, _ in found.values()) and slowest < TIMEOUT_S + 2, found)
    trusted("dead-name", "good.example")        # at this listener the first one's name is waited for, and then half a second
    reply, seconds = trusted("dead-trusted", "good.example")
    tap("that of one who may relay at once (%.2f s)" % seconds, reply.startswith("250") and seconds < 1, reply)
    ZONE.all_do()

    def works():
        works.n += 1
        reply, seconds = stranger("back-%d" % works.n, "b%d.good.example" % works.n)
        return reply.startswith("250") and found_in(arrived("back-%d" % works.n)).get("spf") == "fail"
    works.n, began = 0, time.monotonic()
    world.wait_for("results are right again", works, 20)
    tap("%.1f s after it is back results are right again" % (time.monotonic() - began), True)


def bogus(tap):
    """Answers that DNSSEC proves false are no answers"""
    servers = subprocess.Popen([os.path.join(world.TOP, "tests/runtime/name_servers.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    world.ENDERS.append(lambda: (servers.stdin.close(), servers.wait(10)))
    port, _, anchor, _ = servers.stdout.readline().split()
    other = world.Relay('"127.0.0.1:%d"' % hop.port, name="dnssec", listen_extra='xclient-from = { "127.0.0.1" }', extra="""
resolver { servers = { "127.0.0.1:%s" }  timeout = 1s  tries = 2  dnssec = yes  trust-anchor = "%s" }
""" % (port, anchor)).start()
    for subject, domain, wanted in (("bogus", "bad.signed.example", "temperror"), ("secure", "good.signed.example", "fail"), ("unsigned", "text.example.org", "fail")):
        reply, seconds = stranger(subject, domain, port=other.port, fields="")
        spf = re.findall(r"spf=(\w+)", other.log_text())[-1:]
        tap("%s: spf=%s" % (subject, spf[0] if spf else reply), spf == [wanted] and reply.startswith("250"), other.log_text()[-2000:])
    tap("a clean end", other.stop() == 0, other.log_text()[-2000:])


def over(tap):
    """The end"""
    tap("a clean end", relay.stop() == 0, relay.log_text()[-3000:])


socket.setdefaulttimeout(60)
world.Tap().run(kinds, shapes, flood, hanging, dead, bogus, over)
