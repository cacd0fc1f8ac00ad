#!/usr/bin/python3
"""smtpfwd-milter at work: it signs for dkimpy and OpenDKIM, takes mail of sendmail(1) and of services by their names, does what classes
say, reloads, gives up its rights, and ends; and what it does when the DNS is dead, or when there is no room.
"""
import asyncio
import base64
import ctypes
import glob
import os
import pwd
import re
import signal
import socket
import stat
import subprocess
import time

import dkim

import milter
import milter_client
import names
import opendkim
import world

KEYS = world.WORK + "/keys"
ZONE = names.Names("""
plain.example TXT v=spf1 ip4:198.51.100.7 -all
_dmarc.plain.example TXT v=DMARC1; p=reject
""")
RESOLVER = ZONE.section("timeout = 1s  tries = 2")
KEEP = "kim@keep.example"
hop = world.NextHop()


def keygen(domain, selector, *options):
    out = subprocess.run([world.BUILD + "/smtpfwd/smtpfwdctl", "keygen", *options, "--directory", KEYS, domain, selector], check=True,
                         capture_output=True, text=True, timeout=60).stdout
    record = "".join(re.findall(r'"([^"]*)"', out))
    ZONE.add_row("%s._domainkey.%s" % (selector, domain), "TXT", record)
    return "%s/%s.%s.pem" % (KEYS, selector, domain)


RSA, ED = keygen("ours.example", "rsa"), keygen("ours.example", "ed", "--ed25519")
SIGN = 'sign "ours.example" { selector = { "rsa", "ed" }  key = { "%s", "%s" } }\n' % (RSA, ED)


def mail(subject, author="alice@ours.example", fields="", body="Hello.\r\n"):
    return ("From: Alice <%s>\r\nTo: <kim@keep.example>\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\nSubject: %s\r\nMessage-ID: <%s@x>\r\n%s\r\n%s"
            % (author, subject, subject, fields, body)).encode()


def fields_of(data, name):
    head = data.split(b"\r\n\r\n")[0] + b"\r\n"
    return re.findall(rb"(?mi)^%s[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*" % name.encode(), head)


def class_of(data):
    told = fields_of(data, "X-Traffic-Class")
    return told[0].decode().split(":", 1)[1].strip() if len(told) == 1 else told


def key_from_zone(name, timeout=5):
    rows = ZONE.rows_of(names.key_of(name.decode()))
    return rows[0][1].encode() if rows else None


def dkimpy_says(data):
    found = []
    for i in range(len(fields_of(data, "DKIM-Signature"))):
        try:
            found.append(dkim.DKIM(data, minkey=1024).verify(idx=i, dnsfunc=key_from_zone))
        except dkim.DKIMException as trouble:
            found.append(str(trouble))
    return found


def submit(port, data, sender="alice@ours.example", recipients=(KEEP,), client=None):
    session = world.Client(port)
    session.say("EHLO app.example.org")
    if client:
        session.say("XCLIENT ADDR=%s HELO=h PROTO=ESMTP" % client)
        session.say("EHLO h")
    reply = session.mail(data, sender, recipients)
    session.socket.close()
    return reply


def arrived(subject):
    return world.wait_for("%s arrives" % subject, lambda: hop.mail_of(subject))


BODIES = {
    "folded": ("Subject-Of-Old: a\r\n\tb\r\n   c  \r\nX-Empty:\r\nX-Blank: \t \r\nCc: a@x,\r\n b@x,\r\n\tc@x\r\n", "Hello.\r\n"),
    "blanks": ("", "a  \r\n \r\n\t\r\nb \t c\r\n \r\n\r\n\r\n"),
    "dots": ("", ".\r\n..\r\n.a\r\n\r\n.\r\n"),
    "empty": ("", ""),
    "long": ("X-Long: %s\r\n" % ("x" * 900), "y" * 900 + "\r\nend\r\n"),     # Postfix breaks lines of more than 998 on their way out
    "8bit": ("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n", "Gr\u00fc\u00dfe \u4f60\u597d\r\n"),
    "large": ("", "".join("%064d\r\n" % i for i in range(2 * 1024 * 1024 // 66))),
}


def signing(tap):
    """What Postfix relays is signed, for dkimpy and for OpenDKIM; what a stranger claims is not"""
    asked = milter.Milter(SIGN, name="signing", resolver=RESOLVER).start()
    front = milter.Front(asked, hop, name="signing-front").start()
    judge = opendkim.OpenDkim("judge", ZONE).start()
    end = world.Postfix("end", extra=judge.settings() + "virtual_mailbox_domains = keep.example\n").start()
    for name, (fields, body) in BODIES.items():
        subject = "signed-" + name
        reply = submit(front.port, mail(subject, fields=fields, body=body))
        data = arrived(subject) if reply.startswith("250") else reply.encode()
        tap("%s: dkimpy takes both signatures" % name, dkimpy_says(data) == [True, True], (dkimpy_says(data), data[:3000]))
        world.send(end.port, data, sender="alice@ours.example", recipients=(KEEP,))
        delivered = world.wait_for("%s is delivered" % name, lambda: [m for m in end.mails() if b"\nSubject: %s\n" % subject.encode() in m])[0]
        said = re.findall(rb"opendkim\.example\.net;(.*?)\n(?![ \t])", delivered, re.S)[0]
        tap("%s: OpenDKIM takes them too" % name, said.count(b"dkim=pass") == 2, delivered[:2000])
    submit(front.port, mail("claimed"), client="192.0.2.77")
    data = arrived("claimed")
    tap("a stranger's mail in our name is not signed, but judged", not fields_of(data, "DKIM-Signature") and
        len(fields_of(data, "Authentication-Results")) == 1 and class_of(data) == "incoming; direction=inbound; by=outsider", data)
    subprocess.run(["sendmail", "-C", front.etc, "-f", "alice@ours.example", KEEP], input=mail("by-sendmail").replace(b"\r\n", b"\n"), check=True,
                   capture_output=True, timeout=60)
    data = arrived("by-sendmail")
    tap("sendmail(1): no milter is asked before non_smtpd_milters says so", not fields_of(data, "DKIM-Signature"), data)
    front.stop()
    end.stop()
    judge.stop()
    tap("it ends at SIGTERM", asked.stop() == 0)


SERVICE = "127.0.0.1:%d inet n - n - - smtpd -o milter_macro_daemon_name=%s"


def conversions(tap):
    """What Postfix does to a signed mail on its way out, and with the settings that the manual names does not"""
    asked = milter.Milter(SIGN, name="convert", resolver=RESOLVER).start()
    narrow = world.NextHop(offers=("PIPELINING",))
    odd = {"narrow": BODIES["8bit"], "wide": ("References: %s\r\n" % ("<x@y> " * 900), "y" * 2500 + "\r\n")}
    for kind, settings in (("as-it-is", ""), ("kept", "disable_mime_output_conversion = yes\nsmtp_line_length_limit = 0\n")):
        front = milter.Front(asked, narrow, name="convert-" + kind, extra=settings).start()
        for name, (fields, body) in odd.items():
            subject = "%s-%s" % (kind, name)
            session = world.Client(front.port)
            for line in ("EHLO app.example.org", "MAIL FROM:<alice@ours.example> BODY=8BITMIME", "RCPT TO:<%s>" % KEEP, "DATA"):
                session.say(line)
            session.socket.sendall(mail(subject, fields=fields, body=body) + b".\r\n")
            session.reply()
            session.socket.close()
            data = world.wait_for("%s arrives" % subject, lambda: narrow.mail_of(subject))
            tap(subject, (dkimpy_says(data) == [True, True]) == (kind == "kept"), (dkimpy_says(data), data[:2000]))
        front.stop()
    asked.stop()


def services(tap):
    """Services of Postfix by their names; sendmail(1); a content filter's way back"""
    asked = milter.Milter(SIGN + """
class "shop" { listeners = { "APP" }  headers = { "X-Shop" } }
listen "mx" { address = { "127.0.0.1:1" } }
listen "OFFICE" { address = { "127.0.0.1:2" }  class = application  networks = { "10.0.0.0/8" } }
""", 'after-filter = { "BACK" }', name="services", resolver=RESOLVER).start()
    ports = {name: world.free_port() for name in ("APP", "list", "OFFICE", "BACK", "Incoming")}
    front = milter.Front(asked, hop, name="services-front", extra="non_smtpd_milters = $smtpd_milters\n",
                         services=[SERVICE % (port, name) for name, port in ports.items()]).start()
    for name, fields, want in (("APP", "X-Shop: 1\r\n", "shop; direction=internal; by=listener,field"), ("APP", "", "local; direction=internal; by=listener"),
                               ("list", "", "list; direction=internal; by=listener"), ("OFFICE", "", "application; direction=internal; by=listener"),
                               ("Incoming", "", "incoming; direction=internal; by=listener")):
        subject = "service-%s-%s" % (name, len(fields))
        submit(ports[name], mail(subject, fields=fields))
        data = arrived(subject)
        tap("%s: %s" % (subject, want), class_of(data) == want and dkimpy_says(data) == [True, True], data)
    first = arrived("service-APP-0")
    back = first.replace(b"Subject: service-APP-0", b"Subject: filtered")      # as filters do that tag a subject
    submit(ports["BACK"], back)
    data = arrived("filtered")
    tap("what comes back from a filter is neither signed, stamped nor stripped again", data.endswith(back) and len(fields_of(data, "DKIM-Signature")) == 2 and
        len(fields_of(data, "X-Traffic-Class")) == 1, data)
    subprocess.run(["sendmail", "-C", front.etc, "-f", "alice@ours.example", KEEP, "bob@out.example"], input=mail("by-sendmail-2").replace(b"\r\n", b"\n"),
                   check=True, capture_output=True, timeout=60)
    data = arrived("by-sendmail-2")
    tap("sendmail(1) is local, and signed", class_of(data) == "local; direction=outbound; by=listener" and dkimpy_says(data) == [True, True], data)
    front.stop()
    asked.stop()


def directions(tap):
    """What is internal is known of Postfix: by the transports of mailboxes"""
    asked = milter.Milter(name="directions", resolver=RESOLVER)
    asked.write(re.sub("(?m)^relay .*$", "", asked.text))
    asked.start()
    front = milter.Front(asked, hop, name="directions-front", extra="""
virtual_mailbox_domains = keep.example
virtual_mailbox_base = /nonexistent
virtual_mailbox_maps = static:x
virtual_transport = lmtp:inet:127.0.0.1:%d
relay_domains = ours.example
transport_maps = inline:{ { ours.example = smtp:[127.0.0.1]:%d } }
""" % (hop.port, hop.port)).start()
    for subject, recipients, want in (("mailbox", (KEEP,), "internal"), ("outside", ("eve@out.example",), "outbound"), ("both", (KEEP, "eve@out.example"), "outbound"),
                                      ("by-smtp", ("a@ours.example",), "outbound")):
        identity = milter.queue_id(submit(front.port, mail("way-" + subject), recipients=recipients))
        line = asked.line_of(identity)
        tap("%s: %s" % (subject, want), " direction=%s" % want in line, line)
    front.stop()
    asked.stop()


def actions(tap):
    """What a class sets: fields, key, checks, hold, bounds, SRS"""
    other = keygen("lists.example", "l1", "--ed25519")
    secret = world.WORK + "/srs"
    with open(secret, "w") as out:
        out.write("0123456789abcdef0123456789abcdef\n")
    os.chmod(secret, 0o600)
    asked = milter.Milter(SIGN + 'sign "lists.example" { selector = { "l1" }  key = { "%s" } }\nsrs { domain = "srs.ours.example"  secret-file = "%s" }\n' % (other, secret) + """
class "fields" { headers = { "X-Do: fields" }  remove-fields = { "X-Secret" }  add-fields = { "X-Added: yes", "X-Second: 2" } }
class "as" { headers = { "X-Do: as" }  sign-as = "lists.example" }
class "checked" { headers = { "X-Do: checked" }  verify = yes }
class "unchecked" { networks = { "192.0.2.77" }  verify = no }
class "held" { headers = { "X-Do: hold" }  hold = yes }
class "small" { headers = { "X-Do: small" }  max-message = 64K  max-recipients = 2 }
class "srs" { headers = { "X-Do: srs" }  srs = always }
""", name="actions", resolver=RESOLVER).start()
    front = milter.Front(asked, hop, name="actions-front").start()
    do = lambda what, body="Hello.\r\n", **how: submit(front.port, mail("do-" + what, fields="X-Do: %s\r\nX-Secret: s\r\nx-secret: t\r\n" % what.split("-")[0], body=body), **how)
    do("fields")
    data = arrived("do-fields")
    tap("fields go and come, and the signature is over what is left", b"ecret" not in data and [fields_of(data, n) for n in ("X-Added", "X-Second")] ==
        [[b"X-Added: yes\r\n"], [b"X-Second: 2\r\n"]] and data.index(b"X-Added") > data.index(b"X-Traffic-Class") and dkimpy_says(data) == [True, True], data)
    do("as")
    data = arrived("do-as")
    tap("another key", dkimpy_says(data) == [True] and b"d=lists.example" in fields_of(data, "DKIM-Signature")[0], data)
    do("checked")
    data = arrived("do-checked")
    tap("a trusted client's mail is checked", len(fields_of(data, "Authentication-Results")) == 1, data)
    submit(front.port, mail("do-unchecked", fields="Authentication-Results: old.example.com; spf=pass\r\n"), client="192.0.2.77")
    data = arrived("do-unchecked")
    tap("a stranger's is not, and brings no results of ours", not fields_of(data, "Authentication-Results"), data)
    reply = do("hold")
    identity = milter.queue_id(reply)
    held = world.wait_for("it is held", lambda: glob.glob(front.directory + "/spool/hold/" + identity))
    tap("it is in Postfix's hold queue, and its line says so", held and " verdict=hold:class " in asked.line_of(identity), asked.line_of(identity))
    tap("small enough", do("small", body="x" * 50 + "\r\n").startswith("250"))
    reply = do("small-large", body=("x" * 70 + "\r\n") * 1000)
    tap("too large: 552", reply.startswith("552 5.3.4"), reply)
    reply = do("small-many", recipients=(KEEP, "b@keep.example", "c@keep.example"))
    tap("too many recipients: 554", reply.startswith("554 5.5.3"), reply)
    do("srs", sender="joe@else.example")
    arrived("do-srs")
    sender = [s for s, _, d in hop.mails if b"Subject: do-srs\r\n" in d][0]
    tap("the reverse-path has its SRS form", re.fullmatch(r"SRS0=\S+=\S+=else\.example=joe@srs\.ours\.example", sender), sender)
    front.stop()
    asked.stop()


def reload(tap):
    """A reload by smtpfwdctl --milter: mails keep the rules they began with; a wrong file changes nothing; SIGHUP is no end"""
    asked = milter.Milter(name="reload", resolver=RESOLVER).start()
    front = milter.Front(asked, hop, name="reload-front").start()
    session = world.Client(front.port)
    session.until_data("reload-between")
    world.wait_for("the milter has it", lambda: asked.status()["milter"]["mails"] == 1)
    asked.write(asked.text + 'class "new" { networks = { "127.0.0.0/8" } }\n')
    said = asked.ctl("reload")
    tap("smtpfwdctl says so", "read anew" in said, said)
    session.socket.sendall(b".\r\n")
    tap("a mail ends by the rules it began with", session.reply().startswith("250") and class_of(arrived("reload-between")).startswith("local;"))
    session.mail(mail("reload-after"), "alice@ours.example", (KEEP,))
    tap("the next one of the same session by the new ones", class_of(arrived("reload-after")) == "new; direction=internal; by=network", arrived("reload-after"))
    asked.write(asked.text + 'class "x" { nonsense = 1 }\n')
    said = asked.ctl("reload", fails=True)
    tap("a wrong file is told by file and line", "%s:%d: " % (asked.config, asked.text.count("\n") + 1) in said and "stays in use" in said, said)
    asked.process.send_signal(signal.SIGHUP)
    asked.process.send_signal(signal.SIGHUP)
    time.sleep(0.2)
    session.mail(mail("reload-wrong"), "alice@ours.example", (KEEP,))
    tap("and changes nothing; SIGHUP neither", class_of(arrived("reload-wrong")).startswith("new;") and asked.process.poll() is None)
    check = subprocess.run([world.BUILD + "/milter/smtpfwd-milter", "-n", "-c", asked.config], capture_output=True, text=True, timeout=60)
    tap("-n tells it too", check.returncode == 3 and "nonsense" in check.stderr, check)
    asked.write(asked.text)
    check = subprocess.run([world.BUILD + "/milter/smtpfwd-milter", "-n", "-c", asked.config], capture_output=True, text=True, timeout=60)
    tap("and that all is well", check.returncode == 0, check)
    status = asked.status()["milter"]
    tap("status counts", status["accepted"] == 3 and status["failed"] == 0 and status["mails"] == 0 and status["memory"] == 0, status)
    shown = asked.ctl("status")
    tap("and shows it", "3 accepted" in shown, shown)
    front.stop()
    asked.stop()


def rights(tap):
    """Started as root it becomes its user; a unix socket is its group's"""
    user = world.make_user()
    programs = world.copy_programs()
    directory = world.WORK + "/sockets"
    asked = milter.Milter(section='group = "%s"' % user.pw_name, name="rights", resolver=RESOLVER, path=directory + "/milter", user=user.pw_name)
    os.chmod(asked.directory, 0o755)
    asked.start()
    with open("/proc/%d/status" % asked.process.pid) as status:
        told = dict(line.rstrip("\n").split(":\t", 1) for line in status if ":\t" in line)
    tap("every id is the user's, and there are no capabilities", set(told["Uid"].split()) == {str(user.pw_uid)} and int(told["CapEff"], 16) == 0 and
        told["NoNewPrivs"] == "1", told)
    found = os.stat(asked.path)
    tap("the socket is its group's: 0660", stat.S_ISSOCK(found.st_mode) and stat.S_IMODE(found.st_mode) == 0o660 and found.st_gid == user.pw_gid, found)
    asked.process.kill()
    asked.process.wait()
    asked.start()
    world.wait_for("it has started anew", lambda: asked.log_text().count(" started ") == 2)
    tap("a socket left behind is in nobody's way", True)
    front = milter.Front(asked, hop, name="rights-front")
    os.chmod(asked.path, 0o666)         # of this Postfix's user nobody made a member of the group
    front.start()
    tap("Postfix asks through it", submit(front.port, mail("by-unix")).startswith("250") and class_of(arrived("by-unix")).startswith("local;"))
    front.stop()
    tap("it ends, and takes the socket along", asked.stop() == 0 and not os.path.exists(asked.path))
    check = milter.Milter(SIGN, name="unreadable", resolver=RESOLVER, user=user.pw_name)
    os.chmod(check.directory, 0o755)
    done = subprocess.run([world.BUILD + "/milter/smtpfwd-milter", "-n", "-c", check.config], capture_output=True, text=True, timeout=60)
    tap("-n says which key the user may not read, and what helps", done.returncode == 3 and RSA in done.stderr and "may not" in done.stderr, done.stderr)


def many(port, n, sender="a@u%d.example", fields=()):
    async def one(number):
        session = await milter_client.Session().open(port)
        session.greet(helo="h%d.example" % number)
        began = time.monotonic()
        address = sender % number
        answer = await session.mail(address, [KEEP], [(b"From", b" " + address.encode()), *fields], b"Hello.\r\n")
        await session.close()
        return answer + (time.monotonic() - began,)

    async def all_of_them():
        return await asyncio.gather(*(one(number) for number in range(n)))
    return asyncio.run(all_of_them())


def slow_names(tap):
    """A name server that takes 300 ms, and one that is dead: many sessions at once wait for it once, and others not at all"""
    slow = names.Names("")
    slow.all_do(("DELAY", "0.3"), ("TXT", "v=spf1 -all"))
    asked = milter.Milter(name="slow", resolver=slow.section("timeout = 2s"), section='networks = { "10.0.0.0/8" }').start()
    began = time.monotonic()
    answers = many(asked.port, 200)
    tap("200 at once, each of domains of its own: all are judged in less than %.1f s" % (time.monotonic() - began), all(code == b"c" and
        any(b"spf=fail" in data for _, data in changes) for code, _, changes, _ in answers) and time.monotonic() - began < 6, [a[0] for a in answers])
    threads = len(os.listdir("/proc/%d/task" % asked.process.pid))
    tap("with few threads", threads < 40, threads)
    asked.stop()
    dead = names.Names("")
    dead.all_do(("TIMEOUT", ""))
    asked = milter.Milter("verify { timeout = 2s }", name="dead", resolver=dead.section("timeout = 1s  tries = 1"), section='networks = { "10.0.0.0/8" }').start()
    answers = many(asked.port, 200)
    tap("dead: temperror, in time", all(code == b"c" and any(b"spf=temperror" in data for _, data in changes) and took < 20 for code, _, changes, took in answers),
        [(a[0], a[3]) for a in answers][:9])
    asked.stop()


def all_at_once(tap):
    """Sessions that come in the same moment wait for the DNS side by side, and none for another one's answer"""
    dead = names.Names("")
    dead.all_do(("TIMEOUT", ""))
    asked = milter.Milter("verify { timeout = 3s }", name="at-once", resolver=dead.section("timeout = 3s  tries = 1")).start()
    for n in (20, 300):
        began = time.monotonic()
        answers = many(asked.port, n)
        took = time.monotonic() - began
        tap("%d: within what one takes, and some (%.1f s)" % (n, took), took < 7 and all(code == b"c" for code, _, _, _ in answers))
    asked.stop()
    path = world.WORK + "/at-once/by-unix"
    asked = milter.Milter("verify { timeout = 3s }", name="at-once-unix", resolver=dead.section("timeout = 3s  tries = 1"), path=path).start()
    began = time.monotonic()
    answers = many(path, 20)
    took = time.monotonic() - began
    tap("by a unix socket (%.1f s)" % took, took < 7 and all(code == b"c" for code, _, _, _ in answers))
    asked.stop()


def no_room(tap):
    """What is more than there may be is deferred, or goes on as it is, but for what is forged"""
    dead = names.Names("")
    dead.all_do(("TIMEOUT", ""))
    forged = [(b"Authentication-Results", b" old.example.com; spf=pass"), (b"X-Traffic-Class", b" list")]
    for word, want in (("defer", b"y"), ("accept", b"c")):
        asked = milter.Milter("verify { timeout = 2s }", name="room-" + word, resolver=dead.section("timeout = 1s  tries = 1"),
                              section="on-failure = %s  max-memory = 8M" % word).start()
        answers = many(asked.port, 200, fields=forged)
        failed = [answer for answer in answers if not any(code == b"i" for code, _ in answer[2])]
        refused = [answer for answer in failed if answer[0] == want]
        tap("max-memory, %s: some are judged, %d not" % (word, len(failed)), 0 < len(failed) < 200 and len(failed) == len(refused), [a[:2] for a in failed][:5])
        if word == "defer":
            tap("451", all(data.startswith(b"451 4.3.2 ") for _, data, _, _ in refused), refused[:1])
        else:
            tap("forged fields go all the same", all(sorted(data[4:].split(b"\0")[0] for code, data in changes if code == b"m") ==
                [b"Authentication-Results", b"X-Traffic-Class"] for _, _, changes, _ in refused), refused[:1])
        status = asked.status()["milter"]
        tap("they are counted, and the memory is free again", status["failed"] == len(failed) and status["memory"] == 0, status)
        asked.stop()
    asked = milter.Milter(name="room-sessions", resolver=RESOLVER, section="max-sessions = 5").start()

    async def hold_and_try():
        held = [await milter_client.Session().open(asked.port) for _ in range(5)]
        sixth = await milter_client.Session().open(asked.port)
        sixth.greet()
        answer = await sixth.mail("a@plain.example", [KEEP], [(b"From", b" a@plain.example")], b"x\r\n")
        for session in held + [sixth]:
            await session.close()
        return answer
    code, data, _ = asyncio.run(hold_and_try())
    tap("max-sessions: 451 at MAIL", code == b"y" and data.startswith(b"451 4.3.2"), data)
    asked.stop()


def ending(tap):
    """At SIGTERM a mail that is being judged comes to its end, and no other begins"""
    asked = milter.Milter(name="ending", resolver=RESOLVER).start()

    async def end_between():
        session = await milter_client.Session().open(asked.port)
        session.greet()
        first = await session.ask(b"M", b"<a@plain.example>\0")
        session.put(b"R", b"<%s>\0" % KEEP.encode())
        session.put(b"L", b"From\0 a@plain.example\0")
        session.put(b"N")
        asked.process.terminate()
        await asyncio.sleep(0.5)
        other = await milter_client.Session().open(asked.port)
        other.greet()
        refused = await other.ask(b"M", b"<b@plain.example>\0")
        code, data = await session.ask(b"E")
        while code == b"i":
            code, data = await session.take()
        return first, refused, code
    first, refused, code = asyncio.run(end_between())
    tap("the mail that had begun is judged", first[0] == code == b"c", (first, code))
    tap("a new one is put off", refused[0] == b"y" and refused[1].startswith(b"451"), refused)
    began = time.monotonic()
    tap("then it ends", asked.process.wait(20) == 0 and time.monotonic() - began < 3)


def odd_peers(tap):
    """Servers that say what no Postfix says, and mail that is too much"""
    asked = milter.Milter(name="odd", resolver=RESOLVER).start()
    FROM = (b"From", b" a@plain.example")

    def say(fields=(FROM,), body=b"x\r\n", steps=milter_client.STEPS, sender="a@plain.example", **options):
        async def one():
            session = await milter_client.Session().open(asked.port, steps=steps)
            session.greet()
            answer = await session.mail(sender, [KEEP], fields, body, **options)
            await session.close()
            return answer
        return asyncio.run(one())

    tap("a field of 500 KB", say([FROM, (b"X-Big", b" " + b"y" * 500000)])[0] == b"c")
    code, data, _ = say([FROM] + [(b"X-Big", b" " + b"y" * 60000)] * 30)
    tap("a header of 2 MB is refused for good", code == b"y" and data.startswith(b"552 5.3.4"), data)
    code, data, _ = say([FROM] + [(b"X", b" y")] * 5000)
    tap("5000 fields too", code == b"y" and data.startswith(b"554 5.6.0"), data)
    for name, fields in (("a value that begins a field", [FROM, (b"X", b" a\nAuthentication-Results: old.example.com; spf=pass")]),
                         ("line ends of all kinds", [FROM, (b"X", b" a\r\n b\r c\n\n\td\n"), (b"Y", b"\n")]), ("no value", [FROM, (b"X", b"")]),
                         ("8-bit and control bytes", [FROM, (b"X\x80\x01", b" \xff\x01\x7f")])):
        code, _, changes = say(fields)
        tap(name, code == b"c" and [c[0] for c in changes] == [b"i", b"i"], changes)
    for sender in ("", "a", "@", "a@", "@b", "a b@c", "\"a\"@b.example", "a" * 3000 + "@" + "b" * 3000, "a@b@c.example", "<a@b>"):
        tap("MAIL FROM:<%s>" % sender[:20], say(sender=sender)[0] == b"c")
    tap("a server without SKIP or leading blanks is not served", b"" == _refused(lambda: say(steps=0x7f)))

    async def out_of_order():
        told = []
        for codes in (b"L", b"N", b"B", b"E", b"R", b"NE", b"MM", b"MRANE", b"MRNNE", b"MBLRNE", b"MRAAMRNBE"):
            session = await milter_client.Session().open(asked.port)
            session.greet()
            for code in codes:
                session.put(bytes([code]), {ord("L"): b"From\0 x@y\0", ord("M"): b"<a@b.example>\0", ord("R"): b"<%s>\0" % KEEP.encode(), ord("B"): b"body"}.get(code, b""))
            session.put(b"Q")
            await session.writer.drain()
            try:
                told.append(await asyncio.wait_for(session.reader.read(), 20))
            except ConnectionError:
                told.append(b"")
            session.writer.close()
        return told
    told = asyncio.run(out_of_order())
    tap("steps in another order end nothing but their session", len(told) == 11 and asked.alive() and say()[0] == b"c", told)
    world.wait_for("all are gone", lambda: asked.status()["milter"]["sessions"] == 0)
    tap("and leave nothing behind", asked.status()["milter"]["mails"] == asked.status()["milter"]["memory"] == 0, asked.status())
    asked.stop()


def sockets_of(pid):
    """Descriptors of ours for those of another process."""
    PIDFD_GETFD = 438
    system_call, process = ctypes.CDLL(None, use_errno=True).syscall, os.pidfd_open(pid)
    found = []
    for fd in map(int, os.listdir("/proc/%d/fd" % pid)):
        copy = system_call(PIDFD_GETFD, process, fd, 0)
        if copy < 0 or not stat.S_ISSOCK(os.fstat(copy).st_mode):
            os.close(copy) if copy >= 0 else None
        else:
            found.append(socket.socket(fileno=copy))
    os.close(process)
    return found


def promptness(tap):
    """Several changes of a mail, each written by itself, do not wait for each other's acknowledgement"""
    asked = milter.Milter(name="prompt", resolver=RESOLVER).start()
    with socket.create_connection(("127.0.0.1", asked.port)) as session:
        def served():
            return [one for one in sockets_of(asked.process.pid) if one.family == socket.AF_INET and one.type == socket.SOCK_STREAM and
                    not one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) and one.getpeername() == session.getsockname()]
        accepted = world.wait_for("it is accepted", served)
        tap("an accepted connection sends at once", accepted[0].getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0)
        accepted[0].close()
    asked.stop()


def _refused(call):
    try:
        return call()
    except (AssertionError, asyncio.IncompleteReadError, ConnectionError):
        return b""


SCENARIOS = (signing, conversions, services, directions, actions, reload, rights, slow_names, all_at_once, no_room, ending, odd_peers, promptness)
chosen = os.environ.get("ONLY", "").split()
world.Tap().run(*(scenario for scenario in SCENARIOS if not chosen or scenario.__name__ in chosen))
