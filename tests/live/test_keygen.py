#!/usr/bin/python3
"""smtpfwdctl keygen: a key file that only few can read, and a record that a name server and dkimpy take."""
import base64
import grp
import os
import re
import stat
import subprocess

import dkim

import world

KEYS = world.WORK + "/keys"


def keygen(*words):
    return subprocess.run([world.BUILD + "/smtpfwd/smtpfwdctl", "keygen", *words], capture_output=True, text=True, timeout=120)


def record(zone_text):
    """The TXT record's text, its strings joined."""
    return "".join(re.findall(r'"([^"]*)"', zone_text))


def is_taken(zone, text):
    """By a name server, as a part of a zone."""
    path = world.WORK + "/zone"
    with open(path, "w") as file:
        file.write("$ORIGIN %s.\n$TTL 300\n@ IN SOA ns hostmaster 1 3600 600 86400 300\n@ IN NS ns\nns IN A 192.0.2.1\n%s" % (zone, text))
    return subprocess.run(["/usr/sbin/nsd-checkzone", zone, path], capture_output=True).returncode == 0


def signs(path, domain, selector, text, algorithm):
    """dkimpy signs with the file and verifies with the record."""
    mail = b"From: a@" + domain.encode() + b"\r\nSubject: x\r\n\r\nHello.\r\n"
    key = open(path, "rb").read()
    if algorithm == b"ed25519-sha256":	# it wants the bare secret, the last 32 bytes
        der = base64.b64decode(b"".join(key.splitlines()[1:-1]))
        key = base64.b64encode(der[-32:])
    field = dkim.sign(mail, selector.encode(), domain.encode(), key, signature_algorithm=algorithm)
    wanted = ("%s._domainkey.%s." % (selector, domain)).encode()
    return dkim.verify(field + mail, minkey=1024, dnsfunc=lambda name, timeout=5: text.encode() if name == wanted else None)


def keys(tap):
    """A key of each kind"""
    made = keygen("--directory", KEYS, "Example.COM", "2026a")
    path = KEYS + "/2026a.example.com.pem"
    tap("a key is made, by default of RSA", made.returncode == 0 and "k=rsa" in made.stdout, made.stderr)
    tap("only its owner reads it", stat.S_IMODE(os.stat(path).st_mode) == 0o600, oct(os.stat(path).st_mode))
    tap("a name server takes the record", is_taken("example.com", made.stdout), made.stdout)
    strings = re.findall(r'"([^"]*)"', made.stdout)
    tap("its strings are not too long", len(strings) == 2 and all(len(text) <= 255 for text in strings), made.stdout)
    public = subprocess.run(["openssl", "pkey", "-in", path, "-pubout", "-outform", "DER"], capture_output=True).stdout
    tap("openssl finds the same key", record(made.stdout).endswith("p=" + base64.b64encode(public).decode()), made.stdout)
    tap("of 2048 bits", b"2048 bit" in subprocess.run(["openssl", "pkey", "-in", path, "-noout", "-text"], capture_output=True).stdout)
    tap("dkimpy signs and verifies with them", signs(path, "example.com", "2026a", record(made.stdout), b"rsa-sha256"))
    made = keygen("example.com", "2026e", "--ed25519", "--directory", KEYS)
    tap("an Ed25519 key on one line", is_taken("example.com", made.stdout) and
        re.search(r'(?m)^2026e\._domainkey\.example\.com\. IN TXT "v=DKIM1; k=ed25519; p=\S{44}"$', made.stdout), made.stdout)
    tap("dkimpy signs and verifies with them too", signs(KEYS + "/2026e.example.com.pem", "example.com", "2026e",
                                                         record(made.stdout), b"ed25519-sha256"), made.stdout)
    made = keygen("--rsa", "1024", "--directory", KEYS, "b\u00fccher.example", "a.b")
    tap("a domain in U-labels, a selector of two labels, a warning of few bits", made.returncode == 0 and
        "a.b._domainkey.xn--bcher-kva.example. IN TXT" in made.stdout and "2048" in made.stderr, made.stdout + made.stderr)


def refused(tap):
    """What is not done"""
    path = KEYS + "/2026a.example.com.pem"
    before = open(path).read()
    again = keygen("--directory", KEYS, "example.com", "2026a")
    tap("no key is overwritten", again.returncode == 1 and "is there already" in again.stderr and again.stdout == "" and
        open(path).read() == before, again.stderr)
    n_files = len(os.listdir(KEYS))
    for words in (("../x", "a"), ("example.com", "../a"), ("example.com", ""), ("[192.0.2.1]", "a"), ("example.com",),
                  ("example.com", "a", "--rsa", "512"), ("example.com", "a", "--rsa", "8192"),
                  ("example.com", "a", "--rsa", "2048", "--ed25519"), ("example.com", "a" * 64), ("d" + ".d" * 120, "a" * 30)):
        wrong = keygen("--directory", KEYS, *words)
        tap("refused: %s" % " ".join(words)[:60], wrong.returncode == 2 and wrong.stdout == "", wrong.stderr[:300])
    missing = keygen("--directory", KEYS + "/not/there", "example.com", "a")
    tap("a directory whose parent is missing", missing.returncode == 1 and "No such file" in missing.stderr, missing.stderr)
    tap("nothing is left of it", len(os.listdir(KEYS)) == n_files)


def shared(tap):
    """A directory of the daemon's group"""
    if os.geteuid() != 0:
        return
    group = grp.getgrnam("mail").gr_gid
    os.makedirs(KEYS + "/shared", mode=0o750)
    os.chown(KEYS + "/shared", 0, group)
    keygen("--ed25519", "--directory", KEYS + "/shared", "example.com", "2026e")
    status = os.stat(KEYS + "/shared/2026e.example.com.pem")
    tap("its group reads the key, others do not", stat.S_IMODE(status.st_mode) == 0o640 and status.st_gid == group, oct(status.st_mode))


def new_machine(tap):
    """Where nothing is there yet but the user"""
    if os.geteuid() != 0:
        return
    etc = world.WORK + "/etc"
    os.makedirs(etc)
    for name, line in (("passwd", "smtpfwd:x:4711:4712::/nonexistent:/bin/false\n"), ("group", "smtpfwd:x:4712:\n")):
        with open(etc + "/" + name, "w") as file:
            file.write(line)
    made = subprocess.run(["unshare", "-m", "sh", "-c", 'mount --bind "$1" /etc && "$2" keygen --ed25519 example.com 2026e', "sh",
                           etc, world.BUILD + "/smtpfwd/smtpfwdctl"], capture_output=True, text=True, timeout=120)
    tap("the default directory is made with its parent", made.returncode == 0, made.stderr)
    directory, key = os.stat(etc + "/smtpfwd/dkim"), os.stat(etc + "/smtpfwd/dkim/2026e.example.com.pem")
    tap("the daemon may enter it, others not", (stat.S_IMODE(directory.st_mode), directory.st_gid) == (0o750, 4712), str(directory))
    tap("and read the key", (stat.S_IMODE(key.st_mode), key.st_gid) == (0o640, 4712), str(key))


world.Tap().run(keys, refused, shared, new_machine)
