#!/usr/bin/python3
"""smtpfwd-milter's sockets: a second milter takes none from the first, and each takes along at its end what is its own; and who waits then is answered"""
import asyncio
import os
import subprocess

import milter
import milter_client
import names
import world

FORGED = (b"Authentication-Results", b" old.example.com; spf=pass")

RUN = world.BUILD + "/milter/smtpfwd-milter"


def again(config):
    return subprocess.run([RUN, "-f", "-c", config], capture_output=True, text=True, timeout=60)


def second(tap):
    """A second milter is refused, and the first goes on"""
    first = milter.Milter(name="first", path=world.WORK + "/socket/milter").start()
    done = again(first.config)
    tap("the same control socket", done.returncode == 1 and "a milter is running there" in done.stderr, done.stderr)
    tap("which is answered as before", first.status()["milter"]["mails"] == 0)
    other = milter.Milter(name="other", path=first.path)
    done = again(other.config)
    tap("the same unix socket", done.returncode == 1 and first.path + ": somebody is serving it" in done.stderr, done.stderr)
    tap("leaves no socket of its own", not os.path.exists(other.directory + "/run/control"))
    tap("the first ends, and takes it along", first.stop() == 0 and not os.path.exists(first.directory + "/run/control"))
    os.unlink(first.path)               # libmilter leaves it where it is root
    with open(first.path, "w") as out:
        out.write("kept")
    done = again(other.config)
    tap("a file in the socket's place stays", done.returncode == 1 and "File exists" in done.stderr and os.path.isfile(first.path), done.stderr)


def moved(tap):
    """A reload that moves the control socket moves it at the next start only"""
    asked = milter.Milter(name="moved").start()
    before, after = asked.directory + "/run/control", asked.directory + "/run/elsewhere"
    with open(after, "w") as out:
        out.write("another's")
    asked.write(asked.text.replace(before, after))
    old = asked.config + ".old"
    with open(old, "w") as out:
        out.write(asked.text)
    done = subprocess.run([world.BUILD + "/smtpfwd/smtpfwdctl", "-c", old, "--milter", "reload"], capture_output=True, text=True, timeout=60)
    tap("that is told", done.returncode == 0 and "control needs a restart" in done.stderr, done)
    tap("it ends", asked.stop() == 0)
    tap("its own socket goes, and what stands in the new place stays", not os.path.exists(before) and os.path.exists(after))


def groups(tap):
    """A group that a socket cannot be given to is found by -n, as by a start"""
    user = world.make_user().pw_name
    for name, group, want in (("none", "no-such-group", 'there is no group "no-such-group"'), ("not-in-it", "root", 'user is not in the group "root"')):
        asked = milter.Milter(name=name, path=world.WORK + "/socket-%s/milter" % name, section='group = "%s"' % group, user=user)
        os.chmod(asked.directory, 0o755)
        done = subprocess.run([RUN, "-n", "-c", asked.config], capture_output=True, text=True, timeout=60)
        tap("%s: -n" % name, done.returncode == 3 and "milter: group: " + want in done.stderr, done)
        done = again(asked.config)
        tap("%s: a start" % name, done.returncode == 1 and "milter: group: " + want in done.stderr, done)


def cut_off(tap):
    """At the end mail that still waits for the DNS is answered, as one that cannot be judged"""
    dead = names.Names("")
    dead.all_do(("TIMEOUT", ""))
    for word, want in (("defer", (b"y", b"451 4.3.2")), ("accept", (b"c", b""))):
        asked = milter.Milter("verify { timeout = 60s }", name="cut-" + word, resolver=dead.section("timeout = 60s  tries = 1"),
                              section="on-failure = %s" % word).start()

        async def wait_and_stop():
            sessions = [await milter_client.Session().open(asked.port) for _ in range(20)]
            for session in sessions:
                session.greet()
            mails = [asyncio.create_task(session.mail("a@plain.example", ["kim@keep.example"], [(b"From", b" a@plain.example"), FORGED], b"x\r\n"))
                     for session in sessions]
            await asyncio.sleep(1)
            asked.process.terminate()
            return await asyncio.gather(*mails, return_exceptions=True)
        answers = asyncio.run(wait_and_stop())
        tap("on-failure = %s: each is answered" % word, all(isinstance(a, tuple) and a[0] == want[0] and a[1].startswith(want[1]) for a in answers), answers[:3])
        if word == "accept":
            tap("without what is forged", all([code for code, _ in changes] == [b"m"] for _, _, changes in answers), answers[:3])
        tap("and logged", asked.process.wait(20) == 0 and "verdict=defer:cut-off" in asked.log_text(), asked.log_text()[-2000:])


world.Tap().run(second, moved, groups, cut_off)
