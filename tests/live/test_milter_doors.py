#!/usr/bin/python3
"""smtpfwd-milter's sockets: a second milter takes none from the first, and each takes along at its end what is its own"""
import os
import subprocess

import milter
import world

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


world.Tap().run(second, moved, groups)
