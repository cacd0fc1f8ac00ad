# tests/recipients/files.mk - what is known of mailboxes; measure is run by hand
check_PROGRAMS += tests/recipients/test_meaning
tests_recipients_test_meaning_SOURCES = %D%/test_meaning.c
tests_recipients_test_meaning_LDADD = smtpfwd/recipients/librecipients.a mail/libmail.a tests/libexpect.a base/libbase.a $(IDN2_LIBS)
TESTS += tests/recipients/test_meaning
check_PROGRAMS += tests/recipients/test_knowledge
tests_recipients_test_knowledge_SOURCES = %D%/test_knowledge.c
tests_recipients_test_knowledge_LDADD = $(tests_recipients_test_meaning_LDADD)
TESTS += tests/recipients/test_knowledge
check_PROGRAMS += tests/recipients/test_recipients
tests_recipients_test_recipients_SOURCES = %D%/test_recipients.c
tests_recipients_test_recipients_LDADD = smtpfwd/recipients/librecipients.a tests/libexpect.a smtpfwd/runtime/libruntime.a tests/sim/libsim.a mail/libmail.a \
	tests/libexpect.a base/libbase.a $(OPENSSL_LIBS) $(IDN2_LIBS) -lpthread
TESTS += tests/recipients/test_recipients
check_PROGRAMS += tests/recipients/measure
tests_recipients_measure_SOURCES = %D%/measure.c
tests_recipients_measure_LDADD = smtpfwd/recipients/librecipients.a smtpfwd/runtime/libruntime.a smtpfwd/runtime/libos.a mail/libmail.a \
	base/libbase.a $(OPENSSL_LIBS) $(IDN2_LIBS) -lpthread
check_PROGRAMS += tests/recipients/test_commands
tests_recipients_test_commands_SOURCES = %D%/test_commands.c
tests_recipients_test_commands_LDADD = smtpfwd/control/libcontrol.a smtpfwd/recipients/librecipients.a tests/libexpect.a smtpfwd/runtime/libruntime.a tests/sim/libsim.a \
	mail/libmail.a tests/libexpect.a base/libbase.a $(JANSSON_LIBS) $(OPENSSL_LIBS) $(IDN2_LIBS) -lpthread
TESTS += tests/recipients/test_commands
check_PROGRAMS += tests/recipients/test_split
tests_recipients_test_split_SOURCES = %D%/test_split.c
tests_recipients_test_split_LDADD = $(tests_recipients_test_meaning_LDADD)
TESTS += tests/recipients/test_split
