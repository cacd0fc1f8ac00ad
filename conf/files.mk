# conf/files.mk - what is installed beside the programs, and the first command's pieces
EXTRA_DIST += %D%/packages %D%/quickstart %D%/new-server
EXTRA_DIST += %D%/smtpfwd.conf
dist_man_MANS += %D%/smtpfwd.conf.5 smtpfwd/smtpfwd.8 smtpfwd/smtpfwdctl.8 milter/smtpfwd-milter.8

# The example is installed beside, never over, a configuration.
exampledir = $(docdir)
dist_example_DATA = %D%/smtpfwd.conf %D%/smtpfwd.logrotate README

# Where smtpfwd.conf is looked for.
installdirs-local:
	$(MKDIR_P) '$(DESTDIR)$(sysconfdir)/smtpfwd'
install-data-local: installdirs-local

# Pieces for an existing Postfix; tests/live/test_postfix_pieces.py gives each one to a real Postfix.
postfixexampledir = $(docdir)/postfix
dist_postfixexample_DATA = %D%/postfix/README \
	%D%/postfix/front.master.cf %D%/postfix/front.smtpfwd.conf \
	%D%/postfix/behind.main.cf %D%/postfix/behind.master.cf %D%/postfix/behind.smtpfwd.conf \
	%D%/postfix/transport.main.cf %D%/postfix/transport.master.cf %D%/postfix/transport.smtpfwd.conf \
	%D%/postfix/after-filter.master.cf %D%/postfix/srs.main.cf %D%/postfix/srs.smtpfwd.conf \
	%D%/postfix/class.main.cf %D%/postfix/class.master.cf %D%/postfix/class.regexp %D%/postfix/class.smtpfwd.conf \
	%D%/postfix/sorted.regexp %D%/postfix/sorted.smtpfwd.conf %D%/postfix/rates.main.cf %D%/postfix/rates.smtpfwd.conf \
	%D%/postfix/sender.main.cf %D%/postfix/sender.master.cf

# The sed is ours, and not configure's: there $(sbindir) would still be ${exec_prefix}/sbin.
EXTRA_DIST += %D%/smtpfwd.service.in %D%/smtpfwd-milter.service.in %D%/smtpfwd.sysusers %D%/smtpfwd.tmpfiles
CLEANFILES += %D%/smtpfwd.service %D%/smtpfwd-milter.service
MAKE_UNIT = $(AM_V_GEN)$(MKDIR_P) %D% && sed 's|@sbindir[@]|$(sbindir)|g' $(top_srcdir)/$@.in >$@.new && mv $@.new $@
%D%/smtpfwd.service: $(top_srcdir)/%D%/smtpfwd.service.in Makefile
	$(MAKE_UNIT)
%D%/smtpfwd-milter.service: $(top_srcdir)/%D%/smtpfwd-milter.service.in Makefile
	$(MAKE_UNIT)
if SYSTEMD_UNITS
systemdsystemunit_DATA = %D%/smtpfwd.service %D%/smtpfwd-milter.service
install-data-hook:
	$(MKDIR_P) '$(DESTDIR)$(prefix)/lib/sysusers.d' '$(DESTDIR)$(prefix)/lib/tmpfiles.d'
	$(INSTALL_DATA) $(top_srcdir)/%D%/smtpfwd.sysusers '$(DESTDIR)$(prefix)/lib/sysusers.d/smtpfwd.conf'
	$(INSTALL_DATA) $(top_srcdir)/%D%/smtpfwd.tmpfiles '$(DESTDIR)$(prefix)/lib/tmpfiles.d/smtpfwd.conf'
uninstall-hook:
	rm -f '$(DESTDIR)$(prefix)/lib/sysusers.d/smtpfwd.conf' '$(DESTDIR)$(prefix)/lib/tmpfiles.d/smtpfwd.conf'
endif
