# milter/files.mk - what speaks with Postfix: smtpfwd-milter, and the syntax of its socketmap and policy delegation protocols
noinst_LIBRARIES += milter/libpostfix.a
milter_libpostfix_a_SOURCES = \
	%D%/delegation.c %D%/delegation.h %D%/netstring.c %D%/netstring.h %D%/socketmap.c %D%/socketmap.h

noinst_LIBRARIES += milter/libservers.a
milter_libservers_a_SOURCES = \
	%D%/inquiries.c %D%/inquiries.h \
	%D%/policy_server.c %D%/policy_server.h %D%/socketmap_server.c %D%/socketmap_server.h

noinst_LIBRARIES += milter/libjudging.a
milter_libjudging_a_SOURCES = \
	%D%/ahead.c %D%/ahead.h %D%/client.c %D%/client.h %D%/errand.c %D%/errand.h %D%/fields.c %D%/fields.h \
	%D%/judging.c %D%/judging.h %D%/judging_checks.c %D%/judging_inside.h %D%/judging_outcome.c %D%/limits.c %D%/limits.h %D%/locked_rates.c %D%/locked_rates.h %D%/rules.c %D%/rules.h

sbin_PROGRAMS += milter/smtpfwd-milter
milter_smtpfwd_milter_SOURCES = \
	%D%/apply.c %D%/apply.h %D%/callbacks.c %D%/callbacks.h %D%/generation.c %D%/generation.h %D%/main.c %D%/nudge.c %D%/nudge.h %D%/operate.c %D%/operate.h \
	%D%/serve.c %D%/serve.h %D%/servers.c %D%/servers.h %D%/socket_group.c %D%/socket_group.h
milter_smtpfwd_milter_LDADD = milter/libservers.a milter/libpostfix.a milter/libjudging.a $(smtpfwd_parts) $(smtpfwd_libs) $(MILTER_LIBS)
