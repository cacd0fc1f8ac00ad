# tests/runtime/files.mk - fibers, streams, TLS and the system, over real sockets and files
runtime_test_libs = tests/libexpect.a smtpfwd/runtime/libruntime.a smtpfwd/runtime/libos.a base/libbase.a \
	$(OPENSSL_LIBS) -lm

check_PROGRAMS += tests/runtime/test_fiber tests/runtime/test_fiber_ucontext tests/runtime/test_stream
tests_runtime_test_fiber_SOURCES = %D%/test_fiber.c
tests_runtime_test_fiber_LDADD = $(runtime_test_libs)
# The same fibers on the other switch: what is listed here is taken before the library's.
tests_runtime_test_fiber_ucontext_SOURCES = %D%/test_fiber.c smtpfwd/runtime/fiber_switch_ucontext.c
tests_runtime_test_fiber_ucontext_LDADD = $(runtime_test_libs)
tests_runtime_test_stream_SOURCES = %D%/test_stream.c
tests_runtime_test_stream_LDADD = $(runtime_test_libs)
TESTS += tests/runtime/test_fiber tests/runtime/test_fiber_ucontext tests/runtime/test_stream

check_PROGRAMS += tests/runtime/test_tls tests/runtime/test_tls_servers tests/runtime/test_tls_clients
tests_runtime_test_tls_SOURCES = %D%/test_tls.c %D%/tls_scene.c %D%/tls_scene.h
tests_runtime_test_tls_LDADD = $(runtime_test_libs)
runtime_tls_scene = %D%/tls_scene.c %D%/tls_scene.h %D%/certificates.c %D%/certificates.h
tests_runtime_test_tls_servers_SOURCES = %D%/test_tls_servers.c $(runtime_tls_scene)
tests_runtime_test_tls_servers_LDADD = $(runtime_test_libs)
tests_runtime_test_tls_clients_SOURCES = %D%/test_tls_clients.c $(runtime_tls_scene)
tests_runtime_test_tls_clients_LDADD = $(runtime_test_libs)
TESTS += tests/runtime/test_tls tests/runtime/test_tls_servers tests/runtime/test_tls_clients

check_PROGRAMS += tests/runtime/test_os tests/runtime/test_crew tests/runtime/test_log_writer tests/runtime/test_log_rounds
tests_runtime_test_os_SOURCES = %D%/test_os.c
tests_runtime_test_os_LDADD = $(runtime_test_libs)
tests_runtime_test_crew_SOURCES = %D%/test_crew.c
tests_runtime_test_crew_LDADD = $(runtime_test_libs)
tests_runtime_test_log_writer_SOURCES = %D%/test_log_writer.c
tests_runtime_test_log_writer_LDADD = $(runtime_test_libs)
tests_runtime_test_log_rounds_SOURCES = %D%/test_log_rounds.c
tests_runtime_test_log_rounds_LDADD = $(runtime_test_libs)
TESTS += tests/runtime/test_os tests/runtime/test_crew tests/runtime/test_log_writer tests/runtime/test_log_rounds

check_PROGRAMS += tests/runtime/test_resolver_switch
tests_runtime_test_resolver_switch_SOURCES = %D%/test_resolver_switch.c
tests_runtime_test_resolver_switch_LDADD = $(runtime_test_libs)
TESTS += tests/runtime/test_resolver_switch

check_PROGRAMS += tests/runtime/test_resolver_cache
tests_runtime_test_resolver_cache_SOURCES = %D%/test_resolver_cache.c
tests_runtime_test_resolver_cache_LDADD = tests/libexpect.a smtpfwd/runtime/libruntime.a tests/sim/libsim.a base/libbase.a \
	$(OPENSSL_LIBS)
TESTS += tests/runtime/test_resolver_cache

check_PROGRAMS += tests/runtime/test_notify
tests_runtime_test_notify_SOURCES = %D%/test_notify.c
tests_runtime_test_notify_LDADD = $(runtime_test_libs)
TESTS += tests/runtime/test_notify

check_PROGRAMS += tests/runtime/test_stream_sim
tests_runtime_test_stream_sim_SOURCES = %D%/test_stream_sim.c
tests_runtime_test_stream_sim_LDADD = tests/libexpect.a smtpfwd/runtime/libruntime.a tests/sim/libsim.a base/libbase.a \
	$(OPENSSL_LIBS)
TESTS += tests/runtime/test_stream_sim

# The resolver asks real name servers (nsd, and one in Python that fails as told).
runtime_name_servers = %D%/name_servers.c %D%/name_servers.h
check_PROGRAMS += tests/runtime/test_resolver tests/runtime/test_resolver_faults
check_PROGRAMS += tests/runtime/test_resolver_dnssec tests/runtime/test_hosts
tests_runtime_test_resolver_SOURCES = %D%/test_resolver.c %D%/asking.c %D%/asking.h $(runtime_name_servers)
tests_runtime_test_resolver_LDADD = $(runtime_test_libs) $(UNBOUND_LIBS)
tests_runtime_test_resolver_faults_SOURCES = %D%/test_resolver_faults.c %D%/asking.c %D%/asking.h $(runtime_name_servers)
tests_runtime_test_resolver_faults_LDADD = $(runtime_test_libs) $(UNBOUND_LIBS)
tests_runtime_test_resolver_dnssec_SOURCES = %D%/test_resolver_dnssec.c $(runtime_name_servers)
tests_runtime_test_resolver_dnssec_LDADD = $(runtime_test_libs) $(UNBOUND_LIBS)
tests_runtime_test_hosts_SOURCES = %D%/test_hosts.c
tests_runtime_test_hosts_LDADD = $(runtime_test_libs)
TESTS += tests/runtime/test_resolver tests/runtime/test_resolver_faults
TESTS += tests/runtime/test_resolver_dnssec tests/runtime/test_hosts
check_PROGRAMS += tests/runtime/test_unbound_events
tests_runtime_test_unbound_events_SOURCES = %D%/test_unbound_events.c
tests_runtime_test_unbound_events_LDADD = $(runtime_test_libs)
TESTS += tests/runtime/test_unbound_events
EXTRA_DIST += %D%/name_servers.py
