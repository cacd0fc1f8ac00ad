# tests/receive/files.mk - sessions over loopback, with a queue in memory
check_LIBRARIES += tests/receive/libstage.a
tests_receive_libstage_a_SOURCES = %D%/fake_online.c %D%/fake_online.h %D%/fake_queue.c %D%/fake_queue.h %D%/stage.c %D%/stage.h

receive_test_libs = tests/receive/libstage.a tests/libexpect.a smtpfwd/receive/libreceive.a smtpfwd/recipients/librecipients.a smtpfwd/smtp/libsmtp.a smtpfwd/auth/libauth.a \
	policy/libpolicy.a mail/libmail.a smtpfwd/runtime/libruntime.a smtpfwd/runtime/libos.a base/libbase.a \
	$(OPENSSL_LIBS) $(IDN2_LIBS) -lm

check_PROGRAMS += tests/receive/test_server
tests_receive_test_server_SOURCES = %D%/test_server.c
tests_receive_test_server_LDADD = $(receive_test_libs)
TESTS += tests/receive/test_server

check_PROGRAMS += tests/receive/test_utf8_fields
tests_receive_test_utf8_fields_SOURCES = %D%/test_utf8_fields.c
tests_receive_test_utf8_fields_LDADD = smtpfwd/receive/libreceive.a tests/libexpect.a base/libbase.a
TESTS += tests/receive/test_utf8_fields

check_PROGRAMS += tests/receive/test_adopt
tests_receive_test_adopt_SOURCES = %D%/test_adopt.c
tests_receive_test_adopt_LDADD = $(receive_test_libs)
TESTS += tests/receive/test_adopt

check_PROGRAMS += tests/receive/test_hostile
tests_receive_test_hostile_SOURCES = %D%/test_hostile.c
tests_receive_test_hostile_LDADD = $(receive_test_libs)
TESTS += tests/receive/test_hostile

check_PROGRAMS += tests/receive/test_extensions
tests_receive_test_extensions_SOURCES = %D%/test_extensions.c
tests_receive_test_extensions_LDADD = $(receive_test_libs)
TESTS += tests/receive/test_extensions

check_PROGRAMS += tests/receive/test_time
tests_receive_test_time_SOURCES = %D%/test_time.c
tests_receive_test_time_LDADD = tests/receive/libstage.a tests/libexpect.a smtpfwd/receive/libreceive.a smtpfwd/recipients/librecipients.a \
	smtpfwd/smtp/libsmtp.a smtpfwd/auth/libauth.a policy/libpolicy.a mail/libmail.a smtpfwd/runtime/libruntime.a tests/sim/libsim.a \
	base/libbase.a tests/libexpect.a $(OPENSSL_LIBS) $(IDN2_LIBS) -lm
TESTS += tests/receive/test_time

check_PROGRAMS += tests/receive/test_stress
tests_receive_test_stress_SOURCES = %D%/test_stress.c
tests_receive_test_stress_LDADD = $(tests_receive_test_time_LDADD)
TESTS += tests/receive/test_stress

check_PROGRAMS += tests/receive/test_admit
tests_receive_test_admit_SOURCES = %D%/test_admit.c
tests_receive_test_admit_LDADD = tests/libexpect.a smtpfwd/receive/libreceive.a smtpfwd/recipients/librecipients.a base/libbase.a
TESTS += tests/receive/test_admit

check_PROGRAMS += tests/receive/test_certificates
tests_receive_test_certificates_SOURCES = %D%/test_certificates.c tests/runtime/certificates.c tests/runtime/certificates.h
tests_receive_test_certificates_LDADD = $(receive_test_libs)
TESTS += tests/receive/test_certificates

check_PROGRAMS += tests/receive/test_auth
tests_receive_test_auth_SOURCES = %D%/test_auth.c
tests_receive_test_auth_LDADD = $(tests_receive_test_time_LDADD)
TESTS += tests/receive/test_auth

judging_stage_sources = %D%/judging_stage.c %D%/judging_stage.h
check_PROGRAMS += tests/receive/test_judgement tests/receive/test_judgement_trouble
tests_receive_test_judgement_SOURCES = %D%/test_judgement.c $(judging_stage_sources)
tests_receive_test_judgement_LDADD = $(tests_receive_test_time_LDADD)
tests_receive_test_judgement_trouble_SOURCES = %D%/test_judgement_trouble.c $(judging_stage_sources)
tests_receive_test_judgement_trouble_LDADD = $(tests_receive_test_time_LDADD)
TESTS += tests/receive/test_judgement tests/receive/test_judgement_trouble

check_PROGRAMS += tests/receive/test_patience
tests_receive_test_patience_SOURCES = %D%/test_patience.c
tests_receive_test_patience_LDADD = tests/libexpect.a smtpfwd/receive/libreceive.a smtpfwd/recipients/librecipients.a base/libbase.a
TESTS += tests/receive/test_patience

check_PROGRAMS += tests/receive/test_srs
tests_receive_test_srs_SOURCES = %D%/test_srs.c
tests_receive_test_srs_LDADD = $(receive_test_libs)
TESTS += tests/receive/test_srs

check_PROGRAMS += tests/receive/test_verify_rcpt
tests_receive_test_verify_rcpt_SOURCES = %D%/test_verify_rcpt.c
tests_receive_test_verify_rcpt_LDADD = $(tests_receive_test_time_LDADD)
TESTS += tests/receive/test_verify_rcpt

check_PROGRAMS += tests/receive/test_forward
tests_receive_test_forward_SOURCES = %D%/test_forward.c
tests_receive_test_forward_LDADD = $(tests_receive_test_time_LDADD)
TESTS += tests/receive/test_forward

check_PROGRAMS += tests/receive/test_allowance
tests_receive_test_allowance_SOURCES = %D%/test_allowance.c
tests_receive_test_allowance_LDADD = $(tests_receive_test_time_LDADD)
TESTS += tests/receive/test_allowance

check_PROGRAMS += tests/receive/test_class_actions
tests_receive_test_class_actions_SOURCES = %D%/test_class_actions.c
tests_receive_test_class_actions_LDADD = $(tests_receive_test_time_LDADD)
TESTS += tests/receive/test_class_actions

check_PROGRAMS += tests/receive/test_doomed
tests_receive_test_doomed_SOURCES = %D%/test_doomed.c
tests_receive_test_doomed_LDADD = $(tests_receive_test_time_LDADD)
TESTS += tests/receive/test_doomed

check_PROGRAMS += tests/receive/test_by_recipient
tests_receive_test_by_recipient_SOURCES = %D%/test_by_recipient.c
tests_receive_test_by_recipient_LDADD = $(tests_receive_test_time_LDADD)
TESTS += tests/receive/test_by_recipient
