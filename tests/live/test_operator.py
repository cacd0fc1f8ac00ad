#!/usr/bin/python3
"""What an operator asks for: the story of a mail, a live view, mails as files; with the figures checked against what was sent."""
import fcntl
import glob
import json
import os
import re
import resource
import signal
import smtplib
import struct
import subprocess
import termios
import time

import world

sink = world.Postfix("new", extra="smtpd_recipient_restrictions = check_recipient_access inline:{nobody@example.com=REJECT}").start()


def relay(name, next_hop=None, **options):
    return world.Relay(next_hop or '"127.0.0.1:%d"' % sink.port, name=name, **options).start()


def ctl(place, *words, **how):
    """As a person runs it: exit status, what is shown, errors."""
    return subprocess.run([world.BUILD + "/smtpfwd/smtpfwdctl", "-c", place.config, *words], capture_output=True, text=True,
                          timeout=60, **how)


def send(place, subject, **options):
    return world.send(place.port, world.message(subject, body=options.pop("body", "Hello.\r\n")), **options).split()[-1]


def events(place, mail):
    return [row["line"]["event"] for row in place.ctl("trace", mail) if "line" in row]


def trace(tap):
    """The story of a mail"""
    place = relay("story", extra='log { level = warning }  outbound = "home"  route "home" { next-hop = { "127.0.0.1:%d" } }'
                  % sink.port)
    delivered = send(place, "one")
    world.wait_for("it is delivered", lambda: "delivered" in events(place, delivered))
    tap("a mail that has left, while the log is at warning", events(place, delivered) == ["judged", "accepted", "delivered"] and
        "accepted" not in place.log_text(), place.log_text())
    shown = ctl(place, "trace", delivered).stdout
    tap("for people", re.search(r"(?m)^%s:\n\S+ \S+  judged .*\n\S+ \S+  accepted from alice@example.org .*\n"
                                r"\S+ \S+  delivered to bob@example.com by 127.0.0.1:%d .*\n        reply: 250 " % (delivered, sink.port),
                                shown) is not None, shown)
    lost = send(place, "two", recipients=("nobody@example.com",))
    world.wait_for("its report is delivered", lambda: "delivered" in events(place, lost))
    rows = place.ctl("trace", lost)
    tap("a mail that bounced, with its report", events(place, lost) == ["judged", "accepted", "failed", "reported", "delivered"], rows)
    report = [row["line"]["report"] for row in rows if row.get("line", {}).get("event") == "reported"][0]
    tap("asked for by the report", events(place, report) == events(place, lost))
    tap("both ids are said", rows[-1]["trace"]["ids"] == [lost, report] and not rows[-1]["trace"]["is-in-queue"], rows[-1])
    sink.stop()
    waits = send(place, "three")
    world.wait_for("it is deferred", lambda: "deferred" in events(place, waits))
    place.stop()
    place.start()
    tap("after a restart", events(place, lost) == ["judged", "accepted", "failed", "reported", "delivered"] and
        "It is in the queue" in ctl(place, "trace", waits).stdout)
    time.sleep(0.3)     # lines are written within a tenth of a second
    place.kill()
    with open(sorted(glob.glob(place.spool + "/trace/*.log"))[-1], "a") as torn:
        torn.write("2026-11-21T07:27:19.320586Z delivered id=%s to=" % waits)
    sink.start()
    place.start()
    place.ctl("queue", "retry", "--all")
    world.wait_for("it is delivered", lambda: "delivered" in events(place, waits))
    tap("after a kill, a line torn by it is gone", events(place, waits).count("delivered") == 1 and
        events(place, waits)[:2] == ["judged", "accepted"], events(place, waits))
    for name, mail, want in (("a mail that there was not", delivered[:-1] + ("a" if delivered[-1] != "a" else "b"), "no mail"),
                             ("a mail of long ago", "0" * 16 + "1", "older than what is kept"), ("no id", "hello", "no mail's id")):
        result = ctl(place, "trace", mail)
        tap("said clearly: %s" % name, result.returncode == 1 and want in result.stderr, result.stderr)
    modes = [oct(os.stat(path).st_mode & 0o777) for path in [place.spool + "/trace"] + glob.glob(place.spool + "/trace/*")]
    tap("nobody else can read it", set(modes) == {"0o700", "0o600"}, modes)
    place.stop()


def steering(tap):
    """Files of stories in which others have written"""
    place = relay("steering", '"127.0.0.1:9"')
    mail = send(place, "one")
    world.wait_for("it is deferred", lambda: "deferred" in events(place, mail))
    esc = "\033[31m"
    with open(sorted(glob.glob(place.spool + "/trace/*.log"))[-1], "a") as file:
        file.write("2026-11-21T%s46:13.1234Z accepted%s id=%s%s from=%s why=\"%s\" %s=1\n" % (esc, esc, mail, esc, esc, esc, esc))
        file.write("2026-11-21T07:27:19.320586Z gap lines=%s\n" % esc)
        file.write("2026-11-21T07:27:19.%s6Z delivered id=%s\n" % (esc, mail))
    shown = ctl(place, "trace", mail).stdout
    tap("steer no terminal", "\033" not in shown and shown.count("?[31m") >= 5 and "46:13" in shown, shown)
    place.stop()


def no_trace(tap):
    """Without stories"""
    place = relay("none", extra="trace-keep = 0s")
    mail = send(place, "one")
    world.wait_for("it is delivered", lambda: place.queue_size() == 0)
    result = ctl(place, "trace", mail)
    tap("trace says that none are kept", result.returncode == 1 and "trace-keep" in result.stderr, result.stderr)
    tap("and none are", not os.path.exists(place.spool + "/trace"))
    place.stop()


def trace_trouble(tap):
    """A directory for stories that is none hurts no mail"""
    place = world.Relay('"127.0.0.1:%d"' % sink.port, name="trouble")
    os.makedirs(place.spool, 0o700)
    with open(place.spool + "/trace", "w"):
        pass
    place.start()
    mail = send(place, "one")
    world.wait_for("it is delivered", lambda: place.queue_size() == 0)
    world.wait_for("it is said", lambda: "trace-trouble" in place.log_text())
    tap("mail goes its way, and the log says it once", place.log_text().count("trace-trouble") == 1 and
        "delivered id=%s" % mail in place.log_text(), place.log_text())
    place.stop()


def dots_and_bytes():
    return b"Date: Sat, 21 Nov 2026 04:46:13 +0000\r\n" + world.message("bytes", body=".\r\n..two\r\n" + "x" * 900 + "\r\nlast line\r\n")


def export(tap):
    """Mails as files"""
    place = relay("export", '"127.0.0.1:9"', listen_extra="max-connections-per-address = 500")
    mail = world.send(place.port, dots_and_bytes(), recipients=("bob@example.com", "carol@example.com"),
                      mail_options=["RET=HDRS", "ENVID=e+3D1"], rcpt_options=["NOTIFY=FAILURE,DELAY"]).split()[-1]
    big = send(place, "big", body="A line of text that is not short.\r\n" * 30000)
    out = place.directory + "/out"
    result = ctl(place, "queue", "export", out)
    tap("all are written", result.stdout == "2 mails\n" and result.returncode == 0 and
        sorted(os.listdir(out)) == sorted(m + e for m in (mail, big) for e in (".eml", ".json")), result.stderr)
    with open("%s/%s.eml" % (out, mail), "rb") as file:
        content = file.read()
    tap("the bytes are those that came, below our fields", content.startswith(b"Authentication-Results: old.example.com;") and
        b"\r\nReceived: from " in content and content.endswith(dots_and_bytes()), content)
    with open("%s/%s.json" % (out, mail)) as file:
        envelope = json.load(file)
    tap("the envelope", envelope["from"] == "alice@example.org" and envelope["envid"] == "e+3D1" and envelope["ret"] == "HDRS" and
        [r["address"] for r in envelope["recipients"]] == ["bob@example.com", "carol@example.com"] and
        {r["notify"] for r in envelope["recipients"]} == {"FAILURE,DELAY"}, envelope)
    result = ctl(place, "queue", "export", out, mail)
    with open("%s/%s.eml" % (out, mail), "rb") as file:
        tap("nothing is overwritten", result.returncode == 1 and "is there already" in result.stderr and file.read() == content, result.stderr)
    result = ctl(place, "queue", "export", place.directory + "/one", big)
    tap("one by its id", result.stdout == "1 mail\n" and len(os.listdir(place.directory + "/one")) == 2)
    small = send(place, "small")        # has an envelope that is longer than itself
    result = ctl(place, "queue", "export", place.directory + "/half", small, restore_signals=False,
                 preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (450, 450)))
    tap("nothing half is left", result.returncode == 1 and "File too large" in result.stderr and "%s.eml" % small in result.stderr and
        os.listdir(place.directory + "/half") == [], (result.stderr, os.listdir(place.directory + "/half")))
    result = ctl(place, "queue", "export", place.config)
    tap("a file is no directory", result.returncode == 1 and place.config in result.stderr, result.stderr)
    before = len(sink.mails())
    with smtplib.SMTP("127.0.0.1", sink.port) as again:
        again.sendmail(envelope["from"], [envelope["recipients"][0]["address"]], content)
    world.wait_for("it has arrived", lambda: len(sink.mails()) > before)
    tap("sent again by hand it arrives with every byte", any(m.replace(b"\r\n", b"\n").endswith(content.replace(b"\r\n", b"\n"))
                                                           for m in sink.mails()), sink.mails()[-1])
    place.stop()


def many(tap):
    """Many mails: listed and exported in little memory"""
    place = relay("many", '"127.0.0.1:9"')
    count = 3000
    mail = world.message("many")
    one = b"MAIL FROM:<a@example.org>\r\nRCPT TO:<bob@example.com>\r\nBDAT %d LAST\r\n" % len(mail) + mail
    sessions = []
    for _ in range(10):
        session = smtplib.SMTP("127.0.0.1", place.port, local_hostname="client.example.org")
        session.ehlo()
        sessions.append(session)
    for _ in range(count // 100):
        for session in sessions:
            session.sock.sendall(one * 10)
        for session in sessions:
            assert all(session.getreply()[0] == 250 for _ in range(30))
    process = subprocess.Popen([world.BUILD + "/smtpfwd/smtpfwdctl", "-c", place.config, "queue", "export", place.directory + "/out"],
                               stdout=subprocess.PIPE, text=True)
    shown = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    tap("%d mails are exported in %d KB" % (count, usage.ru_maxrss), shown == "%d mails\n" % count and usage.ru_maxrss < 64 * 1024, shown)
    tap("and listed", ctl(place, "queue", "list").stdout.endswith("%d mails\n" % count))
    place.stop()


def top(tap):
    """The live view"""
    place = relay("top", extra='relay "dead.example" { next-hop = { "127.0.0.1:9" } mode = queue verify-recipients = no check-interval = 1s }')
    process = subprocess.Popen([world.BUILD + "/smtpfwd/smtpfwdctl", "-c", place.config, "top", "-b", "2", "-i", "1.5"],
                               stdout=subprocess.PIPE, text=True)
    time.sleep(0.5)
    for i in range(40):
        send(place, "top", recipients=("bob@dead.example" if i % 4 == 0 else "bob@example.com",))
    shown = process.communicate()[0]
    rates = [float(value) for value in re.findall(r"(?m) in ([0-9.]+)/s", shown)]
    delivered = [float(value) for value in re.findall(r"(?m)^up .* ([0-9.]+) +[0-9.]+ +[0-9]+ms  127.0.0.1:%d" % sink.port, shown)]
    tap("two blocks; the rates are of what was sent", len(rates) == 2 and abs(sum(rates) * 1.5 - 40) <= 2 and
        abs(sum(delivered) * 1.5 - 30) <= 2, (rates, delivered, shown))
    tap("the next hop that is down, and what waits for it", re.search(r"(?m)^DOWN .* 127.0.0.1:9 ", shown) is not None and
        re.search(r"(?m)^ +10 +0  relay:dead.example", shown.split("\n\n\n")[-1]) is not None, shown)
    rows = place.ctl("top", "-b", "1")
    tap("counters for programs", [row["queue"]["put"] for row in rows if "queue" in row] == [40] and
        [row["destinations"]["all"] for row in rows if "destinations" in row][0] >= 1, rows)
    for words in (("-b", "0"), ("-b", "x"), ("-i", "0"), ("-i", "1s"), ("more",)):
        tap("top %s is wrong use" % " ".join(words), ctl(place, "top", *words).returncode == 2)
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 14, 60, 0, 0))
    before = termios.tcgetattr(slave)
    process = subprocess.Popen([world.BUILD + "/smtpfwd/smtpfwdctl", "-c", place.config, "top", "-i", "0.2"], stdin=slave, stdout=slave,
                               stderr=slave, start_new_session=True,
                               preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
    drawn = b""
    while drawn.count(b"\x1b[J") < 3:
        drawn += os.read(master, 65536)
    os.write(master, b"q")
    status = process.wait(10)
    lines = [re.sub(rb"\x1b\[[HJK]", b"", line) for line in drawn.split(b"\x1b[H")[2].split(b"\r\n")]
    tap("on a terminal it fits the window, and q ends it", status == 0 and len(lines) <= 14 and max(map(len, lines)) <= 60, lines)
    tap("the terminal is as before", termios.tcgetattr(slave) == before)
    place.stop()


def wide(tap):
    """Many next hops"""
    place = relay("wide", extra="\n".join('relay "d%d.example" { next-hop = { "127.0.0.1:9" } }' % i for i in range(30)))
    shown = ctl(place, "status").stdout
    tap("status stays short", shown.count("next hop   ") == 20 and "and 11 next hops more, 0 of all are down" in shown, shown)
    tap("and is long when it is wanted so", ctl(place, "status", "--long").stdout.count("next hop   ") == 31)
    place.stop()


def hangs(tap):
    """A daemon that says nothing"""
    place = relay("hangs")
    place.process.send_signal(signal.SIGSTOP)
    begin = time.monotonic()
    result = ctl(place, "--timeout", "1", "status")
    tap("it is given up in time", result.returncode == 1 and "said nothing for 1 s" in result.stderr and
        time.monotonic() - begin < 10, result.stderr)
    place.process.send_signal(signal.SIGCONT)
    tap("and answers when it goes on", ctl(place, "status").returncode == 0)
    place.stop()


world.Tap().run(trace, steering, no_trace, trace_trouble, export, many, top, wide, hangs)
