# tests/queue/files.mk - the log, its index and its schedule, in the simulated world
queue_test_libs = tests/libexpect.a smtpfwd/queue/libqueue.a mail/libmail.a smtpfwd/runtime/libruntime.a
queue_sim_libs = $(queue_test_libs) tests/sim/libsim.a smtpfwd/runtime/libruntime.a tests/libexpect.a \
	base/libbase.a $(OPENSSL_LIBS) $(IDN2_LIBS) -lm

check_PROGRAMS += tests/queue/test_crash
tests_queue_test_crash_SOURCES = %D%/test_crash.c %D%/yard.c %D%/yard.h
tests_queue_test_crash_LDADD = $(queue_sim_libs)
TESTS += tests/queue/test_crash

# Figures, not a test: see the file.
check_PROGRAMS += tests/queue/measure
tests_queue_measure_SOURCES = %D%/measure.c
tests_queue_measure_LDADD = $(queue_test_libs) smtpfwd/runtime/libos.a base/libbase.a $(OPENSSL_LIBS) $(IDN2_LIBS) -lm

check_PROGRAMS += tests/queue/test_queue
tests_queue_test_queue_SOURCES = %D%/test_queue.c %D%/yard.c %D%/yard.h
tests_queue_test_queue_LDADD = $(queue_sim_libs)
TESTS += tests/queue/test_queue

check_PROGRAMS += tests/queue/test_draft
tests_queue_test_draft_SOURCES = %D%/test_draft.c %D%/yard.c %D%/yard.h
tests_queue_test_draft_LDADD = $(queue_sim_libs)
TESTS += tests/queue/test_draft

check_PROGRAMS += tests/queue/test_pieces
tests_queue_test_pieces_SOURCES = %D%/test_pieces.c
tests_queue_test_pieces_LDADD = $(queue_test_libs) smtpfwd/runtime/libos.a base/libbase.a $(OPENSSL_LIBS) $(IDN2_LIBS) -lm
TESTS += tests/queue/test_pieces

check_PROGRAMS += tests/queue/test_owed
tests_queue_test_owed_SOURCES = %D%/test_owed.c %D%/yard.c %D%/yard.h
tests_queue_test_owed_LDADD = $(queue_sim_libs)
TESTS += tests/queue/test_owed

check_PROGRAMS += tests/queue/test_operate
tests_queue_test_operate_SOURCES = %D%/test_operate.c %D%/yard.c %D%/yard.h
tests_queue_test_operate_LDADD = $(queue_sim_libs)
TESTS += tests/queue/test_operate

check_PROGRAMS += tests/queue/test_trouble
tests_queue_test_trouble_SOURCES = %D%/test_trouble.c %D%/yard.c %D%/yard.h
tests_queue_test_trouble_LDADD = $(queue_sim_libs)
TESTS += tests/queue/test_trouble

check_PROGRAMS += tests/queue/test_record
tests_queue_test_record_SOURCES = %D%/test_record.c
tests_queue_test_record_LDADD = $(queue_sim_libs)
TESTS += tests/queue/test_record

check_PROGRAMS += tests/queue/test_withhold
tests_queue_test_withhold_SOURCES = %D%/test_withhold.c %D%/yard.c %D%/yard.h
tests_queue_test_withhold_LDADD = $(queue_sim_libs)
TESTS += tests/queue/test_withhold
