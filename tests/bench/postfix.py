"""postfix.py - a Postfix of a measurement's own, tuned for load"""
import os
import shutil
import signal
import subprocess

from costs import family
from stage import ENDERS, Failed, free_port, greets, wait_for


class Postfix:
    """As fast as it gets; `more` are lines for main.cf, where what is accepted goes say."""

    MASTER = """
%(port)d inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""
    MAIN = """
compatibility_level = 3.6
queue_directory = %(d)s/spool
data_directory = %(d)s/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = %(d)s/log/maillog
maillog_file_prefixes = %(d)s/log
myhostname = relay.bench.example
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_recipient_restrictions =
smtpd_peername_lookup = no
smtp_dns_support_level = disabled
smtp_host_lookup = native
smtputf8_enable = no
biff = no
# as many at once as the load has, no brakes
default_process_limit = %(processes)d
qmgr_message_active_limit = 100000
qmgr_message_recipient_limit = 200000
initial_destination_concurrency = 50
default_destination_concurrency_limit = 50
in_flow_delay = 0
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_client_event_limit_exceptions = static:all
# connections to the next hop are kept and used again without limit
smtp_connection_cache_on_demand = yes
smtp_connection_cache_destinations = static:all
smtp_connection_reuse_count_limit = 0
max_use = 100000
# does not try a second time while the sink is away, and never by itself: the queue is flushed when it is back
minimal_backoff_time = 300s
%(more)s
"""

    def __init__(self, directory, processes, more):
        self.port, self.directory, self.etc = free_port(), directory, directory + "/etc"
        self.pid = None
        if not shutil.which("postfix"):
            raise Failed("Postfix is not installed: sh conf/packages test")
        for part in ("etc", "spool", "data", "log"):
            os.makedirs(directory + "/" + part)
        shutil.chown(directory + "/data", "postfix")
        for known in ("dynamicmaps.cf", "postfix-files"):
            if os.path.exists("/etc/postfix/" + known):
                shutil.copy("/etc/postfix/" + known, self.etc)
        filled = {"d": directory, "port": self.port, "processes": processes, "more": more}
        with open(self.etc + "/main.cf", "w") as out:
            out.write(self.MAIN % filled)
        with open(self.etc + "/master.cf", "w") as out:
            out.write(self.MASTER % filled)

    def start(self):
        ENDERS.append(self.stop)
        result = subprocess.run(["postfix", "-c", self.etc, "start"], capture_output=True, text=True, timeout=60)
        if result.returncode != 0:
            raise Failed("postfix start: " + result.stderr + result.stdout)
        wait_for("Postfix greets", lambda: greets(self.port), 20)
        with open(self.directory + "/spool/pid/master.pid") as file:
            self.pid = int(file.read())

    def retry(self):
        subprocess.run(["postqueue", "-c", self.etc, "-f"], capture_output=True, timeout=60)

    def stop(self):
        left = family(self.pid) if self.pid else []
        subprocess.run(["postfix", "-c", self.etc, "stop"], capture_output=True, timeout=60)
        for pid in left:        # those that were busy still
            try:
                if "postfix" in os.readlink("/proc/%d/exe" % pid):
                    os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        self.pid = None
