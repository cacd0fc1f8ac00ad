# tests/relay/files.mk - the whole relay in the simulated world
tests_relay_parts = \
	tests/libexpect.a smtpfwd/receive/libreceive.a smtpfwd/recipients/librecipients.a smtpfwd/report/libreport.a smtpfwd/deliver/libdeliver.a \
	smtpfwd/queue/libqueue.a smtpfwd/smtp/libsmtp.a smtpfwd/auth/libauth.a smtpfwd/runtime/libruntime.a tests/sim/libsim.a \
	policy/libpolicy.a mail/libmail.a tests/libexpect.a base/libbase.a \
	$(OPENSSL_LIBS) $(UNBOUND_LIBS) $(IDN2_LIBS) -lpthread
tests_relay_around = %D%/relay.c %D%/relay.h %D%/peers.c %D%/wire.c %D%/wire.h %D%/signed.c %D%/signed.h

check_PROGRAMS += tests/relay/test_crash
tests_relay_test_crash_SOURCES = %D%/test_crash.c $(tests_relay_around)
tests_relay_test_crash_LDADD = $(tests_relay_parts)
TESTS += tests/relay/test_crash

check_PROGRAMS += tests/relay/test_life
tests_relay_test_life_SOURCES = %D%/test_life.c %D%/stage.c %D%/stage.h $(tests_relay_around)
tests_relay_test_life_LDADD = $(tests_relay_parts)
TESTS += tests/relay/test_life

check_PROGRAMS += tests/relay/test_storm
tests_relay_test_storm_SOURCES = %D%/test_storm.c %D%/storm.h %D%/storm_ledger.c %D%/storm_hop.c %D%/storm_hop_session.c %D%/storm_hop_identity.c %D%/storm_outcome.c \
	%D%/storm_client.c %D%/storm_trouble.c %D%/storm_names.c %D%/storm_judged.c %D%/storm_classes.c %D%/storm_returns.c %D%/storm_operator.c $(tests_relay_around)
tests_relay_test_storm_LDADD = $(tests_relay_parts)
TESTS += tests/relay/test_storm

check_PROGRAMS += tests/relay/test_reports
tests_relay_test_reports_SOURCES = %D%/test_reports.c %D%/stage.c %D%/stage.h $(tests_relay_around) \
	tests/report/judge.c tests/report/judge.h
tests_relay_test_reports_LDADD = $(tests_relay_parts)
TESTS += tests/relay/test_reports

check_PROGRAMS += tests/relay/test_backscatter
tests_relay_test_backscatter_SOURCES = %D%/test_backscatter.c $(tests_relay_around) tests/policy/zone.c tests/policy/zone.h
tests_relay_test_backscatter_LDADD = $(tests_relay_parts)
TESTS += tests/relay/test_backscatter

check_PROGRAMS += tests/relay/test_sealed
tests_relay_test_sealed_SOURCES = %D%/test_sealed.c $(tests_relay_around) tests/policy/dkim_judge.c tests/policy/dkim_judge.h
tests_relay_test_sealed_CPPFLAGS = $(AM_CPPFLAGS) $(OPENDKIM_CFLAGS)
tests_relay_test_sealed_LDADD = $(tests_relay_parts)
TESTS += tests/relay/test_sealed

check_PROGRAMS += tests/relay/test_srs
tests_relay_test_srs_SOURCES = %D%/test_srs.c $(tests_relay_around)
tests_relay_test_srs_LDADD = $(tests_relay_parts)
TESTS += tests/relay/test_srs

check_PROGRAMS += tests/relay/test_online
tests_relay_test_online_SOURCES = %D%/test_online.c %D%/patient.c %D%/patient.h $(tests_relay_around)
tests_relay_test_online_LDADD = $(tests_relay_parts)
TESTS += tests/relay/test_online

check_PROGRAMS += tests/relay/test_crash_online
tests_relay_test_crash_online_SOURCES = %D%/test_crash_online.c %D%/patient.c %D%/patient.h $(tests_relay_around)
tests_relay_test_crash_online_LDADD = $(tests_relay_parts)
TESTS += tests/relay/test_crash_online
