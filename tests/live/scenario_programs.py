"""scenario_programs.py - our programs in the scenario: the rules, which are the same for all, the relay, smtpfwd-milter for each host, the content filter"""
import base64
import os
import subprocess

import scenario_mails as mails
import scenario_net as net
import scenario_postfix as postfix
import world

KEYS = world.WORK + "/keys"
CTL = world.BUILD + "/smtpfwd/smtpfwdctl"
HERE = world.free_port()         # of the relay, too
FILTERED = world.WORK + "/filtered"
PORTS = {"incoming": 25, "local": 2501, "application": 2502, "list": 2503}

RULES = """
hostname = "mail.example.com"
relay "box1" { domains = { "example.com", "lists.example.com" }  next-hop = { "%(box1)s:25" }  source = { "%(relay)s" }  mode = queue  srs = never
    verify-recipients = no  recipients-unknown = accept }
relay "box2" { domains = { "example.net" }  next-hop = { "%(box2)s:25" }  source = { "%(relay)s" }  mode = queue  srs = never
    verify-recipients = no  recipients-unknown = accept }
route "internet" { next-hop = { mx }  source = { "%(relay)s" }  srs = never }
outbound = "internet"
verify { dmarc = enforce }
bounce-unverified = yes
tls "default" { certificate = "%(keys)s/server.pem"  key = "%(keys)s/server.key" }

srs { domain = "srs.example.com"  secret-file = "%(keys)s/srs.secret" }

class "desk"   { listeners = { "incoming" }  recipients = { "abuse@*", "postmaster@*" }
                 remove-fields = { "X-Priority" }  add-fields = { "X-Desk: to be read" } }
class "supplier" { networks = { "203.0.113.40" }  verify = no }
class "held"   { networks = { "10.2.9.0/24" }  hold = yes }
class "reset"  { networks = { "10.2.0.0/16", "10.9.0.13" }  logins = { "app-*" }  headers = { "X-Kind: password-*", "X-Traffic-Class: reset*" }
                 max-message = 100K }
class "forward" { networks = { "10.3.5.0/24" }  srs = always  verify = yes }
class "list"   { networks = { "10.3.0.0/16", "10.9.0.14" }  senders = { "*-bounces@lists.example.com" }
                 headers = { "List-Id", "Precedence: list", "X-Traffic-Class: list*" }  min-recipients = 5  sign-as = "example.com"
                 remove-fields = { "Disposition-Notification-To", "Feedback-ID" }  add-fields = { "Feedback-ID: lists" } }
class "bulk"   { headers = { "Precedence: bulk" }  sign = no  max-recipients = 3 }
class "robot"  { headers = { "Auto-Submitted: auto-*" } }
class "application" { networks = { "10.2.0.0/16", "10.9.0.13", "203.0.113.9" }  logins = { "app-*" }  client-names = { ".nodes.example.com" }  sign = yes }
""" % {"box1": net.BOX1, "box2": net.BOX2, "relay": net.RELAY, "keys": KEYS}

LISTENERS = "".join('listen "%s" { address = { "%s:%d"%s }  class = %s  networks = { %s } %s }\n' % (
    name, net.RELAY, port, ', "127.0.0.1:%d"' % HERE if name == "incoming" else "", name, ", ".join('"%s"' % n for n in postfix.TRUSTED),
    "auth = offered  " + ('client-ca = "%s/authority.pem"  client-names = { ".nodes.example.com" }' % KEYS if name == "application" else "")
    if name in ("local", "application") else "") for name, port in PORTS.items())


def openssl(*words):
    return subprocess.run(["openssl", *words], check=True, capture_output=True, timeout=60).stdout


def certificate(name, authority=None, usage="serverAuth"):
    path = "%s/%s" % (KEYS, name)
    openssl("req", *(["-x509", "-days", "10"] if not authority else []), "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-subj", "/CN=" + name, "-keyout", path + ".key", "-out", path + (".csr" if authority else ".pem"))
    if authority:
        with open(path + ".ext", "w") as out:
            out.write("subjectAltName = DNS:%s\nextendedKeyUsage = %s\n" % (name, usage))
        openssl("x509", "-req", "-in", path + ".csr", "-CA", "%s/%s.pem" % (KEYS, authority), "-CAkey", "%s/%s.key" % (KEYS, authority),
                "-CAcreateserial", "-days", "10", "-extfile", path + ".ext", "-out", path + ".pem")


def make_keys(zone):
    """Certificates, logins, our key and that of others, which is returned; what the DNS shows of them."""
    os.makedirs(KEYS)
    os.chmod(KEYS, 0o755)
    certificate("authority")
    certificate("server", "authority")
    certificate("n7.nodes.example.com", "authority", "clientAuth")
    with open(KEYS + "/users", "w") as out:
        for login, password in postfix.LOGINS.items():
            out.write(subprocess.run([CTL, "passwd", "%s@%s" % (login, postfix.REALM)], input=password + "\n", check=True, capture_output=True, text=True).stdout)
    os.chmod(KEYS + "/users", 0o600)
    with open(KEYS + "/srs.secret", "w") as out:
        out.write(mails.SRS_SECRET + "\n")
    os.chmod(KEYS + "/srs.secret", 0o600)
    for selector, domains in (("ours", ("example.com",)), ("s1", ("sender.example", "watched.example"))):
        openssl("genrsa", "-traditional", "-out", "%s/%s.pem" % (KEYS, selector), "2048")
        os.chmod("%s/%s.pem" % (KEYS, selector), 0o600)
        der = openssl("pkey", "-in", "%s/%s.pem" % (KEYS, selector), "-pubout", "-outform", "DER")
        for domain in domains:
            zone.add_row("%s._domainkey.%s" % (selector, domain), "TXT", "v=DKIM1; k=rsa; p=" + base64.b64encode(der).decode())
    with open(KEYS + "/s1.pem", "rb") as key:
        return key.read()


SIGN = 'sign "example.com" { selector = { "ours" }  key = { "%s/ours.pem" }  subdomains = yes }\n' % KEYS


def write_rules(directory, zone, more):
    """The path of a configuration: the rules, which are the same for all, and what is this one's.  A later host, without keys, lets results stand."""
    rules = RULES if SIGN in more else RULES.replace('sign-as = "example.com"', "").replace("dmarc = enforce", 'dmarc = enforce  authserv-id = "out.example.com"')
    os.makedirs(directory)
    with open(directory + "/smtpfwd.conf", "w") as out:
        out.write(rules + LISTENERS + zone.section() + """
user = "root"
spool = "%(d)s/spool"
control = "%(d)s/control"
users = "%(k)s/users"
""" % {"d": directory, "k": KEYS} + more)
    return directory + "/smtpfwd.conf"


class Relay(world.Daemon):
    def __init__(self, zone):
        super().__init__()
        self.directory, self.port = world.WORK + "/relay", HERE
        self.config, self.log = write_rules(self.directory, zone, SIGN), self.directory + "/log"

    def ctl(self, *words):
        return subprocess.run([CTL, "-c", self.config, *words], check=True, capture_output=True, text=True, timeout=60).stdout


class Served:
    """A program in the foreground that serves at a port."""

    def __init__(self, name, port, *command):
        self.port, self.log, self.command = port, os.path.join(world.WORK, name + ".log"), command
        world.ENDERS.append(self.stop)
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=open(self.log, "a"))
        world.wait_for("%s serves" % self.command[0], lambda: self.alive() and world.is_open(self.port))

    def alive(self):
        if self.process.poll() is not None:
            raise AssertionError("%s ended: %s" % (self.log, self.log_text()[-2000:]))
        return True

    def log_text(self):
        with open(self.log, errors="replace") as log:
            return log.read()

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode


def start_judge(host, zone):
    """smtpfwd-milter for a host.  Mail is signed where it comes in, and so not again on its way out."""
    directory, port, tables = "%s/judge-%s" % (world.WORK, host), world.free_port(), world.free_port()
    milter = """
milter { socket = "inet:127.0.0.1:%d"  control = "%s/milter.control"  socketmap = "inet:127.0.0.1:%d"
    networks = { %s }  client-names = { ".nodes.example.com" } }
""" % (port, directory, tables, ", ".join('"%s"' % network for network in postfix.TRUSTED))
    config = write_rules(directory, zone, milter + ("" if host == "out" else SIGN))
    judge = Served("judge-" + host, port, world.BUILD + "/milter/smtpfwd-milter", "-f", "-c", config)
    judge.tables, judge.config = tables, config
    return judge


def start_filter():
    port = world.free_port()
    return Served("filter", port, "/usr/bin/python3", "-P", world.TOP + "/tests/live/scenario_filter.py", "inet:%d@127.0.0.1" % port, FILTERED)
