"""scenario_postfix.py - the five hosts of the scenario: Postfix for incoming, local, application, list and outgoing mail

Each has its address at port 25, is a service of that name to milters, and goes out from its own address.  Mail for a mailbox
goes straight to its server, by a table in a file or by that of smtpfwd-milter; what is for others leaves by the host "out" alone, which has a way of its own for
each class.
"""
import os
import shutil
import subprocess

import scenario_net as net
import world

ADDRESSES = {"incoming": net.MX, "local": net.LOCAL, "application": net.APP, "list": net.LIST, "out": net.OUT}
REALM = "example.com"
TRUSTED = ("127.0.0.0/8", "10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16", "10.9.0.0/24")
LOGINS = {"app-7": "pencil", "app-8": "pencil", "joe": "pencil"}
MAILBOXES = "example.com lmtp:inet:[%s]:24\nlists.example.com lmtp:inet:[%s]:24\nexample.net smtp:[%s]:25\n" % (net.BOX1, net.BOX1, net.BOX2)


class Host(world.Postfix):
    """One of them; milters: what its smtpd_milters are, in order; tables: the port where it asks for the ways of mail, or it has a file."""

    def __init__(self, service, address, milters, more="", rows="", tables=None):
        table = "socketmap:inet:127.0.0.1:%d:%%s" % tables if tables else None
        super().__init__(service, extra="""
myhostname = %(service)s.hosts.example.com
inet_interfaces = 127.0.0.1
smtpd_peername_lookup = yes
smtp_dns_support_level = enabled
smtp_host_lookup = dns
smtp_bind_address = %(address)s
lmtp_bind_address = %(address)s
virtual_mailbox_domains =
virtual_mailbox_maps =
relay_domains = %(domains)s
transport_maps = %(ways)s
mynetworks = %(networks)s
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination
smtpd_milters = %(milters)s
non_smtpd_milters = %(milters)s
milter_macro_daemon_name = %(service)s
milter_default_action = tempfail
milter_protocol = 6
milter_header_checks = regexp:%(etc)s/classes
smtputf8_enable = yes
smtputf8_autodetect_classes = all
maximal_queue_lifetime = 1h
minimal_backoff_time = 2s
maximal_backoff_time = 4s
queue_run_delay = 2s
%(more)s
""" % {"service": service, "address": address, "etc": os.path.join(world.WORK, service, "etc"), "networks": ", ".join(TRUSTED),
       "milters": ", ".join(milters), "more": more, "domains": table % "relay-domains" if table else "example.com, lists.example.com, example.net",
       "ways": table % "transport" if table else "texthash:%s/transport" % os.path.join(world.WORK, service, "etc")})
        self.service, self.address = service, address
        self.keep_last()
        self.write("transport", MAILBOXES)
        self.write("classes", "")
        with open(self.etc + "/master.cf", "a") as out:
            out.write("%s:25 inet n - n - - smtpd -o syslog_name=%s\n" % (address, service))
            out.write("lmtp unix - - n - - lmtp\n" + rows)

    def keep_last(self):
        """Of a setting that stands twice Postfix takes the last one and complains; with many such lines master waits for ever for
        the log daemon, which it has not started yet."""
        with open(self.etc + "/main.cf") as main:
            rows = [row for row in main.read().splitlines() if row]
        self.write("main.cf", "".join("%s = %s\n" % item for item in dict(row.split(" =", 1) for row in rows).items()).replace("=  ", "= "))

    def write(self, name, text):
        with open(os.path.join(self.etc, name), "w") as out:
            out.write(text)


TLS = """
smtpd_tls_security_level = may
smtpd_tls_cert_file = %(keys)s/server.pem
smtpd_tls_key_file = %(keys)s/server.key
smtpd_tls_loglevel = 0
"""
SASL = """
smtpd_sasl_auth_enable = yes
smtpd_tls_auth_only = yes
"""


def with_logins(host):
    """Cyrus SASL with a file of its own; Debian's Postfix looks for its settings there."""
    where = host.etc + "/sasl"
    os.mkdir(where)
    for login, password in LOGINS.items():
        subprocess.run(["saslpasswd2", "-p", "-c", "-f", where + "/db", "-u", REALM, login], input=password.encode(), check=True, capture_output=True)
    shutil.chown(where + "/db", "postfix")
    host.write("sasl/smtpd.conf", "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: %s/db\nmech_list: PLAIN\n" % where)
    return host


def leaving_by_out():
    return "relayhost = [%s]:25\n" % net.OUT


def make_hosts(judges, content_filter, keys):
    """The hosts by name, not yet started; judges: smtpfwd-milter for each, content_filter: that of the filter; keys: where certificates are."""
    tls = TLS % {"keys": keys}
    judge = {name: ["inet:127.0.0.1:%d" % judge.port] for name, judge in judges.items()}
    content_filter = ["inet:127.0.0.1:%d" % content_filter]
    hosts = {
        "incoming": Host("incoming", net.MX, judge["incoming"] + content_filter, leaving_by_out() + """
virtual_alias_domains = srs.example.com
recipient_canonical_maps = socketmap:inet:127.0.0.1:%d:srs
recipient_canonical_classes = envelope_recipient
""" % judges["incoming"].tables),
        "local": with_logins(Host("local", net.LOCAL, judge["local"], leaving_by_out() + tls + SASL, tables=judges["local"].tables)),
        "application": with_logins(Host("application", net.APP, judge["application"], leaving_by_out() + tls + SASL + """
smtpd_tls_CAfile = %s/authority.pem
smtpd_tls_ask_ccert = yes
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, permit_tls_all_clientcerts, reject_unauth_destination
""" % keys)),
        "list": Host("list", net.LIST, judge["list"], leaving_by_out(), tables=judges["list"].tables),
        "out": Host("out", net.OUT, judge["out"] + content_filter, rows="".join(
            "out-%s unix - - n - - smtp -o smtp_bind_address=%s\n" % (way, address) for way, address in
            (("local", "198.51.100.1"), ("application", "198.51.100.2"), ("list", "198.51.100.3"), ("urgent", "198.51.100.4")))),
    }
    # Per message: what comes for the desk, whatever else it is for; and the way out of each class, with the recipient's domain as next hop.
    hosts["incoming"].write("classes", "/^X-Traffic-Class: desk;/ FILTER smtp:[%s]:25\n" % net.DESK)
    hosts["out"].write("classes", "/^X-Traffic-Class: reset;/ FILTER out-urgent:\n/^X-Traffic-Class: application;/ FILTER out-application:\n"
                       "/^X-Traffic-Class: (list|bulk);/ FILTER out-list:\n/^X-Traffic-Class: / FILTER out-local:\n")
    return hosts
