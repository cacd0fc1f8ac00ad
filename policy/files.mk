# policy/files.mk - judgement: no fibers, threads, sockets, queue or clock
noinst_LIBRARIES += policy/libpolicy.a
policy_libpolicy_a_SOURCES = \
	%D%/dkim_canon.c %D%/dkim_canon.h \
	%D%/inspect.c %D%/inspect.h %D%/policy.c %D%/policy.h \
	%D%/settings.c %D%/settings.h %D%/verdict.h
