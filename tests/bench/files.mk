# tests/bench/files.mk - load for measurements; built by make bench-programs only
EXTRA_DIST += %D%/README %D%/costs.py %D%/filters.py %D%/growing.py %D%/growing_connections.py %D%/growing_destinations.py \
	%D%/growing_queue.py %D%/growing_sizes.py %D%/growing_threads.py %D%/growth %D%/kept.py %D%/load.py %D%/milters \
	%D%/nameserver.py %D%/peers.py %D%/postfix.py %D%/rounds.py %D%/run %D%/stage.py %D%/standing.py %D%/workloads.py
bench_programs = tests/bench/mta tests/bench/names tests/bench/signer tests/bench/sink tests/bench/source
EXTRA_PROGRAMS += $(bench_programs)
bench_libs = smtpfwd/runtime/libruntime.a smtpfwd/runtime/libos.a base/libbase.a $(OPENSSL_LIBS) -lpthread
bench_mails = %D%/arguments.c %D%/arguments.h %D%/message.c %D%/message.h
bench_senders = $(bench_mails) %D%/latencies.c %D%/latencies.h %D%/mails.c %D%/mails.h
tests_bench_mta_SOURCES = $(bench_senders) %D%/mta.c
tests_bench_mta_LDADD = $(bench_libs)
tests_bench_names_SOURCES = %D%/arguments.c %D%/arguments.h %D%/names.c
tests_bench_names_LDADD = base/libbase.a
tests_bench_signer_SOURCES = $(bench_mails) %D%/signer.c
tests_bench_signer_LDADD = base/libbase.a $(OPENDKIM_LIBS)
tests_bench_sink_SOURCES = $(bench_mails) %D%/arrivals.c %D%/arrivals.h %D%/mails.c %D%/mails.h %D%/sink.c
tests_bench_sink_LDADD = $(bench_libs)
tests_bench_source_SOURCES = $(bench_senders) %D%/client.c %D%/client.h %D%/source.c
tests_bench_source_LDADD = $(bench_libs)
CLEANFILES += $(bench_programs)
