# smtpfwd/files.mk - the daemon and its operator's program
sbin_PROGRAMS += smtpfwd/smtpfwd smtpfwd/smtpfwdctl
smtpfwd_parts = smtpfwd/config/libconfig.a \
	smtpfwd/control/libcontrol.a smtpfwd/story/libstory.a smtpfwd/receive/libreceive.a smtpfwd/recipients/librecipients.a smtpfwd/report/libreport.a \
	smtpfwd/deliver/libdeliver.a smtpfwd/queue/libqueue.a smtpfwd/smtp/libsmtp.a smtpfwd/auth/libauth.a \
	smtpfwd/runtime/libruntime.a smtpfwd/runtime/libos.a policy/libpolicy.a mail/libmail.a base/libbase.a
smtpfwd_libs = $(OPENSSL_LIBS) $(UNBOUND_LIBS) $(CONFUSE_LIBS) $(IDN2_LIBS) $(JANSSON_LIBS) -lpthread

smtpfwd_smtpfwd_SOURCES = \
	%D%/changes.c %D%/changes.h %D%/check.c %D%/check.h \
	%D%/daemon.c %D%/daemon.h %D%/daemon_end.c %D%/daemon_inside.h %D%/daemon_recipients.c %D%/doors.c %D%/doors.h \
	%D%/generation.c %D%/generation.h %D%/reload.c %D%/reload.h %D%/reload_prepare.c %D%/reload_prepare.h %D%/sandbox.c %D%/sandbox.h %D%/main.c \
	%D%/overview.c %D%/overview.h %D%/busy.c %D%/busy.h %D%/ways.c %D%/ways.h
smtpfwd_smtpfwd_LDADD = $(smtpfwd_parts) $(smtpfwd_libs)

smtpfwd_smtpfwdctl_SOURCES = %D%/ctl/smtpfwdctl.c
smtpfwd_smtpfwdctl_LDADD = smtpfwd/ctl/libctl.a smtpfwd/explain/libexplain.a smtpfwd/ctl/libctl.a \
	smtpfwd/config/libconfig.a smtpfwd/control/libcontrol.a smtpfwd/receive/libreceive.a smtpfwd/deliver/libdeliver.a smtpfwd/recipients/librecipients.a smtpfwd/smtp/libsmtp.a smtpfwd/auth/libauth.a \
	smtpfwd/runtime/libruntime.a smtpfwd/runtime/libos.a policy/libpolicy.a mail/libmail.a base/libbase.a $(smtpfwd_libs)
