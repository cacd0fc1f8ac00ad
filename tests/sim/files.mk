# tests/sim/files.mk - the simulated world, linked instead of smtpfwd/runtime/libos.a
check_LIBRARIES += tests/sim/libsim.a
tests_sim_libsim_a_SOURCES = \
	%D%/sim.h %D%/sim_world.h %D%/sim_poller.h %D%/sim_net.h %D%/sim_disk.h \
	%D%/sim_world.c %D%/sim_clock.c %D%/sim_network.c %D%/sim_connect.c %D%/sim_crew.c \
	%D%/sim_disk.c %D%/sim_durable.c %D%/sim_names.c %D%/sim_files.c %D%/sim_disk_handle.c \
	%D%/sim_power.c %D%/sim_notes.c %D%/sim_log_sink.c

tests_sim_parts = tests/sim/libsim.a tests/libexpect.a base/libbase.a
check_PROGRAMS += tests/sim/test_sim_network tests/sim/test_sim_disk
tests_sim_test_sim_network_SOURCES = %D%/test_sim_network.c
tests_sim_test_sim_network_LDADD = $(tests_sim_parts)
tests_sim_test_sim_disk_SOURCES = %D%/test_sim_disk.c
tests_sim_test_sim_disk_LDADD = $(tests_sim_parts)
TESTS += tests/sim/test_sim_network tests/sim/test_sim_disk
