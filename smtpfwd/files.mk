# smtpfwd/files.mk - the daemon and its operator's program
sbin_PROGRAMS += smtpfwd/smtpfwd smtpfwd/smtpfwdctl
smtpfwd_parts = smtpfwd/libconfig.a \
	smtpfwd/control/libcontrol.a smtpfwd/story/libstory.a smtpfwd/receive/libreceive.a smtpfwd/recipients/librecipients.a smtpfwd/report/libreport.a \
	smtpfwd/deliver/libdeliver.a smtpfwd/queue/libqueue.a smtpfwd/smtp/libsmtp.a smtpfwd/auth/libauth.a \
	smtpfwd/runtime/libruntime.a smtpfwd/runtime/libos.a policy/libpolicy.a mail/libmail.a base/libbase.a
smtpfwd_libs = $(OPENSSL_LIBS) $(UNBOUND_LIBS) $(CONFUSE_LIBS) $(IDN2_LIBS) $(JANSSON_LIBS) -lpthread

# What reads a configuration and asks the DNS as it says: the daemon, and commands that need none.
noinst_LIBRARIES += smtpfwd/libconfig.a
smtpfwd_libconfig_a_SOURCES = \
	smtpfwd/config.c smtpfwd/config.h smtpfwd/config_files.c smtpfwd/config_files.h smtpfwd/config_arc.c smtpfwd/config_class.c smtpfwd/config_listen.c smtpfwd/config_recipients.c smtpfwd/config_route.c \
	smtpfwd/config_sign.c smtpfwd/config_srs.c smtpfwd/config_verify.c smtpfwd/sign_keys.c smtpfwd/sign_keys.h smtpfwd/srs_file.c smtpfwd/srs_file.h \
	smtpfwd/daemon_resolver.c smtpfwd/daemon_resolver.h

smtpfwd_smtpfwd_SOURCES = \
	%D%/ask.c %D%/ask.h %D%/changes.c %D%/changes.h %D%/check.c %D%/check.h %D%/check_files.c %D%/check_files.h \
	%D%/daemon.c %D%/daemon.h %D%/daemon_end.c %D%/daemon_inside.h %D%/daemon_recipients.c %D%/doors.c %D%/doors.h \
	%D%/generation.c %D%/generation.h %D%/reload.c %D%/reload.h %D%/reload_prepare.c %D%/reload_prepare.h %D%/sandbox.c %D%/sandbox.h %D%/main.c %D%/privileges.c %D%/privileges.h \
	%D%/overview.c %D%/overview.h %D%/busy.c %D%/busy.h %D%/ways.c %D%/ways.h
smtpfwd_smtpfwd_LDADD = $(smtpfwd_parts) $(smtpfwd_libs)

smtpfwd_smtpfwdctl_SOURCES = \
	%D%/ask.c %D%/ask.h %D%/ctl.h %D%/show.c %D%/show.h %D%/smtpfwdctl.c \
	%D%/ctl_reload.c %D%/ctl_passwd.c %D%/ctl_keygen.c \
	%D%/ctl_queue.c %D%/ctl_export.c %D%/ctl_recipients.c \
	%D%/ctl_top.c %D%/ctl_status.c %D%/ctl_trace.c \
	%D%/ctl_inquiry.c %D%/ctl_inquiry.h %D%/ctl_explain.c %D%/explain.c %D%/explain.h %D%/explain_mail.c %D%/explain_mail.h \
	%D%/explain_class.c %D%/explain_content.c %D%/explain_findings.c %D%/explain_signing.c %D%/explain_identity.c %D%/explain_mailbox.c %D%/explain_onward.c %D%/explain_text.c \
	%D%/ctl_check_keys.c
smtpfwd_smtpfwdctl_LDADD = smtpfwd/libconfig.a smtpfwd/control/libcontrol.a smtpfwd/receive/libreceive.a smtpfwd/deliver/libdeliver.a smtpfwd/recipients/librecipients.a smtpfwd/smtp/libsmtp.a smtpfwd/auth/libauth.a \
	smtpfwd/runtime/libruntime.a smtpfwd/runtime/libos.a policy/libpolicy.a mail/libmail.a base/libbase.a $(smtpfwd_libs)
