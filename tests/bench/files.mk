# tests/bench/files.mk - load for measurements; built by make bench-programs only
EXTRA_DIST += %D%/README %D%/run
bench_programs = tests/bench/sink tests/bench/source
EXTRA_PROGRAMS += $(bench_programs)
bench_libs = smtpfwd/runtime/libruntime.a smtpfwd/runtime/libos.a base/libbase.a $(OPENSSL_LIBS) -lpthread
tests_bench_sink_SOURCES = %D%/arguments.c %D%/arguments.h %D%/message.c %D%/message.h %D%/sink.c
tests_bench_sink_LDADD = $(bench_libs)
tests_bench_source_SOURCES = %D%/arguments.c %D%/arguments.h %D%/message.c %D%/message.h %D%/source.c
tests_bench_source_LDADD = $(bench_libs)
CLEANFILES += $(bench_programs)
