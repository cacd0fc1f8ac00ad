# tests/smtpfwd/files.mk
check_PROGRAMS += tests/smtpfwd/test_sandbox
tests_smtpfwd_test_sandbox_SOURCES = %D%/test_sandbox.c smtpfwd/sandbox.c smtpfwd/sandbox.h
tests_smtpfwd_test_sandbox_LDADD = tests/libexpect.a base/libbase.a
TESTS += tests/smtpfwd/test_sandbox

config_text_sources = %D%/config_text.c %D%/config_text.h
check_PROGRAMS += tests/smtpfwd/test_config
tests_smtpfwd_test_config_SOURCES = %D%/test_config.c $(config_text_sources)
tests_smtpfwd_test_config_LDADD = smtpfwd/config/libconfig.a tests/libexpect.a policy/libpolicy.a mail/libmail.a base/libbase.a \
	$(CONFUSE_LIBS) $(IDN2_LIBS)
TESTS += tests/smtpfwd/test_config

check_PROGRAMS += tests/smtpfwd/test_config_judge
tests_smtpfwd_test_config_judge_SOURCES = %D%/test_config_judge.c $(config_text_sources)
tests_smtpfwd_test_config_judge_LDADD = smtpfwd/config/libconfig.a tests/libexpect.a smtpfwd/auth/libauth.a smtpfwd/runtime/libos.a policy/libpolicy.a \
	mail/libmail.a base/libbase.a $(CONFUSE_LIBS) $(IDN2_LIBS) $(OPENSSL_LIBS) -lpthread
TESTS += tests/smtpfwd/test_config_judge

check_PROGRAMS += tests/smtpfwd/test_changes
tests_smtpfwd_test_changes_SOURCES = %D%/test_changes.c smtpfwd/changes.c smtpfwd/changes.h
tests_smtpfwd_test_changes_LDADD = smtpfwd/config/libconfig.a tests/libexpect.a policy/libpolicy.a mail/libmail.a base/libbase.a \
	$(CONFUSE_LIBS) $(IDN2_LIBS)
TESTS += tests/smtpfwd/test_changes

check_PROGRAMS += tests/smtpfwd/test_busy
tests_smtpfwd_test_busy_SOURCES = %D%/test_busy.c smtpfwd/busy.c smtpfwd/busy.h
tests_smtpfwd_test_busy_LDADD = tests/libexpect.a smtpfwd/control/libcontrol.a smtpfwd/runtime/libruntime.a \
	smtpfwd/runtime/libos.a mail/libmail.a base/libbase.a $(JANSSON_LIBS) $(OPENSSL_LIBS) $(IDN2_LIBS) -lpthread
TESTS += tests/smtpfwd/test_busy

check_PROGRAMS += tests/smtpfwd/test_explain_mail
tests_smtpfwd_test_explain_mail_SOURCES = %D%/test_explain_mail.c smtpfwd/explain/mail.c smtpfwd/explain/mail.h
tests_smtpfwd_test_explain_mail_LDADD = tests/libexpect.a smtpfwd/smtp/libsmtp.a mail/libmail.a base/libbase.a $(IDN2_LIBS)
TESTS += tests/smtpfwd/test_explain_mail

check_PROGRAMS += tests/smtpfwd/test_show
tests_smtpfwd_test_show_SOURCES = %D%/test_show.c smtpfwd/ctl/show.c smtpfwd/ctl/show.h
tests_smtpfwd_test_show_LDADD = tests/libexpect.a base/libbase.a $(JANSSON_LIBS)
TESTS += tests/smtpfwd/test_show

check_PROGRAMS += tests/smtpfwd/test_config_class
tests_smtpfwd_test_config_class_SOURCES = %D%/test_config_class.c $(config_text_sources)
tests_smtpfwd_test_config_class_LDADD = $(tests_smtpfwd_test_config_LDADD)
TESTS += tests/smtpfwd/test_config_class

check_PROGRAMS += tests/smtpfwd/test_config_transport
tests_smtpfwd_test_config_transport_SOURCES = %D%/test_config_transport.c $(config_text_sources)
tests_smtpfwd_test_config_transport_LDADD = $(tests_smtpfwd_test_config_LDADD)
TESTS += tests/smtpfwd/test_config_transport
