# tests/sim/files.mk - the simulated world, linked instead of smtpfwd/runtime/libos.a
EXTRA_DIST += %D%/README
check_LIBRARIES += tests/sim/libsim.a
tests_sim_libsim_a_SOURCES = \
	%D%/sim.h %D%/sim_world.h %D%/sim_poller.h %D%/sim_net.h %D%/sim_disk.h \
	%D%/sim_world.c %D%/sim_clock.c %D%/sim_network.c %D%/sim_connect.c %D%/sim_crew.c \
	%D%/sim_disk.c %D%/sim_durable.c %D%/sim_names.c %D%/sim_files.c %D%/sim_disk_handle.c \
	%D%/sim_power.c %D%/sim_notes.c %D%/sim_log_sink.c \
	%D%/talk.c %D%/talk.h %D%/talk_text.c %D%/talk_text.h %D%/log_sim.c %D%/log_sim.h \
	%D%/resolver_sim.c %D%/resolver_sim.h

tests_sim_parts = tests/sim/libsim.a tests/libexpect.a base/libbase.a
check_PROGRAMS += tests/sim/test_sim_network tests/sim/test_sim_disk
tests_sim_test_sim_network_SOURCES = %D%/test_sim_network.c
tests_sim_test_sim_network_LDADD = $(tests_sim_parts)
tests_sim_test_sim_disk_SOURCES = %D%/test_sim_disk.c
tests_sim_test_sim_disk_LDADD = $(tests_sim_parts)
TESTS += tests/sim/test_sim_network tests/sim/test_sim_disk

check_PROGRAMS += tests/sim/test_talk
tests_sim_test_talk_SOURCES = %D%/test_talk.c
tests_sim_test_talk_LDADD = tests/sim/libsim.a smtpfwd/runtime/libruntime.a tests/sim/libsim.a tests/libexpect.a base/libbase.a \
	$(OPENSSL_LIBS) $(UNBOUND_LIBS) -lpthread
TESTS += tests/sim/test_talk
