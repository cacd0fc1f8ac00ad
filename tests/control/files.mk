# tests/control/files.mk - the operator's socket over a real queue, in the simulated world
check_PROGRAMS += tests/control/test_control
tests_control_test_control_SOURCES = %D%/test_control.c
tests_control_test_control_LDADD = tests/libexpect.a smtpfwd/control/libcontrol.a smtpfwd/story/libstory.a smtpfwd/queue/libqueue.a \
	smtpfwd/runtime/libruntime.a tests/sim/libsim.a mail/libmail.a tests/libexpect.a base/libbase.a \
	$(JANSSON_LIBS) $(OPENSSL_LIBS) $(IDN2_LIBS) -lpthread
TESTS += tests/control/test_control
