# tests/queue/files.mk - the log, its index and its schedule, in the simulated world
queue_test_libs = tests/libexpect.a smtpfwd/queue/libqueue.a mail/libmail.a smtpfwd/runtime/libruntime.a

# Figures, not a test: see the file.
check_PROGRAMS += tests/queue/measure
tests_queue_measure_SOURCES = %D%/measure.c
tests_queue_measure_LDADD = $(queue_test_libs) smtpfwd/runtime/libos.a base/libbase.a $(OPENSSL_LIBS) $(IDN2_LIBS) -lm
